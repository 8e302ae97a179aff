"""What a site says of itself is read without harm, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from unalike import InputError, __version__
from unalike.functional.forward_pass import BatchMoments, Statistics
from unalike.network.server.admission import SiteDescription
from unalike.network.server.evaluation import possible_moments
from unalike.study.roster import Roster, Site

FACTS: dict[str, Any] = {
    "name": "north",
    "mark": "m",
    "version": __version__,
    "client": None,
    "sizes": [3, 1, 1],
    "label_counts": {"ill": 2},
    "samples": {},
}


@pytest.mark.parametrize(
    "said",
    [
        {"sizes": [float("inf"), 1, 1]},
        {"sizes": [float("nan"), 1, 1]},
        {"sizes": [2**70, 1, 1]},
        {"sizes": [-1, 1, 1]},
        {"sizes": None},
        {"sizes": [1]},
        {"label_counts": {"ill": 2**70}},
        {"label_counts": [1]},
        {"label_counts": {f"class {i}": 1 for i in range(10_001)}},
        {"samples": "none"},
        {"mark": "m" * 201},
        {"cuts": 3},
        {"cuts": [[3, 1]]},
        {"cuts": [[3, 1, 1], [4, 1, 1]]},
        {"cuts": [[5, -1, 1]]},
        {"cuts": [[float("nan"), 1, 1]]},
    ],
)
def test_what_cannot_be_is_one_sentence(said: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="A site did not describe itself"):
        SiteDescription.of(FACTS | said)


def test_one_liar_does_not_decide_how_much_empty_places_hold() -> None:
    places = [Site(name, "", train=n) for name, n in (("a", 100), ("b", 120), ("c", 10**9))]
    roster = Roster("token", [*places, None, None])
    assert roster._sizes("train", 0).tolist() == [100, 120, 10**9, 120, 120]


def test_statistics_that_no_samples_have() -> None:
    start = Statistics(torch.zeros(2), torch.ones(2))
    good = BatchMoments(
        torch.tensor([0.5, 1.0]), torch.tensor([0.0, 2.0]), torch.tensor([9.0, 9.0])
    )
    assert possible_moments(good, start)
    for bad in (
        good._replace(mean=torch.zeros(3)),
        good._replace(mean=torch.tensor([0.0, torch.nan])),
        good._replace(variance=torch.tensor([-1.0, 1.0])),
        good._replace(values=torch.tensor([-1.0, 1.0])),
    ):
        assert not possible_moments(bad, start)
