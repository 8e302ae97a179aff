"""A rule in every form in which it may be written, and what is refused."""

from __future__ import annotations

import pytest
import torch

from normalised_worlds import normalised
from robust_worlds import run_robustly
from unalike.errors import InputError
from unalike.methods import METHODS
from unalike.robust import RULES, parse_rule, rule_text, with_robust


@pytest.mark.parametrize(
    "text",
    [
        *RULES,
        "none",
        "trimmed:share=0.3",
        "krum:hostile=2",
        "clipping:radius=1.5,steps=3",
        "clipping:radius=inf",
        "caps:weight=0.3,quantile=0.9",
        "caps:rate=1e+20+median",
        "caps:rate=0.123456789012345",
        "caps+trimmed:share=0.1",
    ],
)
def test_what_is_written_reads_back(text: str) -> None:
    asked = parse_rule(text)
    assert rule_text(asked) == text
    assert parse_rule(asked) == asked
    assert parse_rule(rule_text(asked)) == asked


def test_spaces_do_not_matter() -> None:
    assert parse_rule(" caps : weight = 0.3 + trimmed : share = 0.1 ") == parse_rule(
        "caps:weight=0.3+trimmed:share=0.1"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mediam", "did you mean 'median'"),
        ("trimmed:shar=0.2", "did you mean 'share'"),
        ("trimmed:share=0.5", "share = 0.5: input should be less than 0.5"),
        ("trimmed:share", "write KIND or KIND:NAME=VALUE"),
        ("trimmed:share=0.1,share=0.2", "share is given twice"),
        ("krum:hostile=-1", "hostile = -1"),
        ("krum:hostile=1.5", "hostile = 1.5"),
        ("median:share=0.2", "has no settings"),
        ("clipping:radius=0", "radius = 0"),
        ("clipping:radius=nan", "radius"),
        ("caps:rate=-1", "rate = -1"),
        ("median+caps", "only caps can come before"),
        ("caps+caps", "only caps can come before"),
        ("caps+median+krum", "only caps can come before"),
        ("caps+none", "Unknown robust rule 'none'"),
        ("", "Unknown robust rule"),
        (3, "give the name of a rule"),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(given: object, said: str) -> None:
    with pytest.raises(InputError, match=r".") as caught:
        parse_rule(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_running_statistics_beside_the_answers_are_refused() -> None:
    for buffers in ("recompute", "local"):
        place, method = normalised("fedavg", buffers), METHODS["fedavg"]()
        bare = run_robustly(place, method, "none", 2, batch_size=4)
        guarded = run_robustly(place, method, "trimmed:share=0", 2, batch_size=4)
        torch.testing.assert_close(guarded.server.method, bare.server)
        guarded.personal()
    problem = normalised("fedavg", "share").problem
    with pytest.raises(InputError, match="buffers = 'share' sends running statistics"):
        with_robust(METHODS["fedavg"](), parse_rule("median"), problem, cohort=5)
