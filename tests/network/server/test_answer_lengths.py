"""Which lengths of answers are believed: what is refused, and what must not be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from network_worlds import Handler, Network
from unalike.methods import METHODS
from unalike.network.protocol.messages import Message, pack, unpack
from unalike.network.server.answer_lengths import AnswerLengths
from unalike.network.server.size_limits import size_limits
from worlds import World, blobs, federation


class Lengths:
    """Rounds in which places answer with these lengths."""

    def __init__(self, sizes: Sequence[int], *, equal_weights: bool = False) -> None:
        self.sizes = np.array(sizes)
        self.weights = np.ones(len(sizes)) if equal_weights else self.sizes / self.sizes.sum()
        self.checks = AnswerLengths(8.0)

    def refused(self, *lengths: float | None) -> list[int]:
        """The places that are refused; None: no answer."""
        ups = {i: torch.tensor([one]) for i, one in enumerate(lengths) if one is not None}
        return list(self.checks.too_long(ups, self.sizes, self.weights))


def test_a_site_of_many_samples_may_move_further() -> None:
    assert Lengths((10, 10, 10, 10)).refused(1.0, 1.2, 0.9, 20.0) == [3]
    assert Lengths((10, 10, 10, 1000)).refused(1.0, 1.2, 0.9, 20.0) == []
    assert Lengths((10, 10, 10, 40)).refused(1.0, 1.2, 0.9, 20.0) == [3]  # 8 sqrt(4) = 16
    assert Lengths((1000, 10, 10, 10)).refused(1.0, 1.2, 0.9, 20.0) == [3]  # only its own samples


def test_a_site_of_little_weight_may_send_more_up_to_the_usual_pull() -> None:
    assert Lengths((10, 10, 10, 2)).refused(1.0, 1.0, 1.0, 39.0) == []  # 8 * 10 / 2 = 40
    assert Lengths((10, 10, 10, 2)).refused(1.0, 1.0, 1.0, 41.0) == [3]
    assert Lengths((10, 10, 10, 2), equal_weights=True).refused(1.0, 1.0, 1.0, 39.0) == [3]
    assert Lengths((1000, 1000, 1000, 1)).refused(1.0, 1.0, 1.0, 63.0) == []  # at most 8 * 8
    assert Lengths((1000, 1000, 1000, 1)).refused(1.0, 1.0, 1.0, 65.0) == [3]


def test_without_a_limit_or_others_all_are_believed() -> None:
    ups = {i: torch.tensor([length]) for i, length in enumerate((1.0, 1.0, 1e9))}
    sizes, weights = np.array([1, 1, 1]), np.full(3, 1 / 3)
    assert AnswerLengths(0.0).too_long(ups, sizes, weights) == {}
    assert Lengths((1, 1, 1)).refused(None, 1.0, 1e9) == []
    assert Lengths((1, 1, 1)).refused(0.0, 0.0, 0.0) == []
    assert Lengths((1, 1, 1)).refused(None, None, None) == []


def test_a_server_that_goes_on_remembers_what_its_sites_usually_send() -> None:
    before, places = Lengths((10, 10, 10)), np.array([2, 0, 1])
    for _ in range(12):
        assert before.refused(1.0, 1.1, 30.0) == []
    assert before.refused(None, 1.1, 0.9) == []
    after = Lengths((10, 10, 10))
    history = before.checks.history(places)
    after.checks.restore(places, history)
    np.testing.assert_array_equal(after.checks.history(places), history)
    assert np.isnan(Lengths((10, 10, 10)).checks.history(places)).all()
    for answers in ((1.0, 1.1, 200.0), (1.0, None, 30.0), (300.0, 1.1, 30.0)):
        assert before.refused(*answers) == after.refused(*answers)
    assert after.refused(300.0, 1.1, 30.0) == [0]
    assert Lengths((10, 10, 10)).refused(300.0, 1.1, 30.0) == []  # of whom nothing is known yet


def test_three_answers_are_little_evidence_until_the_sites_are_known() -> None:
    three = Lengths((10, 10, 10))
    assert three.refused(1.0, 1.0, 65.0) == [2]
    assert three.refused(1.0, 1.0, 20.0) == []  # of four it would be refused
    known = Lengths((10, 10, 10))
    for _ in range(3):
        assert known.refused(1.0, 1.2, 0.9) == []
    assert known.refused(1.0, 1.0, 10.0) == [2]
    assert known.refused(1.0, 1.0, 7.0) == []


def test_a_site_that_has_always_sent_long_answers_may_go_on_and_not_climb() -> None:
    unlike = Lengths((10, 10, 10))
    for _ in range(5):
        assert unlike.refused(1.0, 1.0, 20.0) == []
    assert unlike.refused(1.0, 1.0, 65.0) == [2]


def test_what_absent_sites_sent_last_is_evidence_too() -> None:
    five = Lengths((10, 10, 10, 10, 10))
    assert five.refused(1.0, 1.2, 0.9, 1.1, 1.0) == []
    assert five.refused(1.0, 1.0, 10.0, None, None) == [2]
    assert five.refused(1.0, 10.0, None, None, None) == [1]


def test_a_billion_samples_buy_no_length() -> None:
    told = np.array([10, 12, 10**9])
    three = Lengths(np.minimum(told, size_limits(told, 10.0)).tolist())
    assert three.refused(1.0, 1.0, 1000.0) == [2]


def one_class(sizes: Sequence[int], classes: Sequence[int]) -> World:
    """Sites of one class each, with these training samples."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 6)) * 2
    both = list(zip(sizes, classes, strict=True))
    x = [torch.from_numpy(centres[c] + rng.normal(size=(n, 6))) for n, c in both]
    y = [torch.full((n,), c) for n, c in both]
    return World(blobs(sizes).problem, federation(x, y, classes=3))


@pytest.mark.parametrize("method", ["fedavg", "scaffold"])
@pytest.mark.parametrize(
    ("sizes", "classes"),
    [((60, 45, 8), (0, 0, 1)), ((60, 20, 8), (0, 1, 2)), ((60, 45, 8, 50, 70), (0, 0, 1, 0, 0))],
)
def test_honest_sites_of_one_class_and_unequal_size_are_not_refused(
    method: str, sizes: Sequence[int], classes: Sequence[int], tmp_path: Path
) -> None:
    here = Network(one_class(sizes, classes), METHODS[method](), tmp_path)
    for one in here.train(8):
        assert one.rejected.tolist() == []
    assert here.remarks() == []


def hostile(usual: Handler, factor: float, since: int) -> Handler:
    """A site that sends its update times a factor, from this round on."""

    def handle(message: Message) -> Message:
        answer = usual(message)
        if message.verb != "train" or message.facts["t"] < since:
            return answer
        up = unpack(answer, {"up": torch.zeros(0)})["up"]
        return pack("train", answer.facts, {"up": factor * up})

    return handle


@pytest.mark.parametrize(("method", "rejected"), [("fedavg", []), ("cfl", [0])])
def test_little_weight_excuses_no_length_where_the_server_does_not_weigh_by_it(
    method: str, rejected: list[int], tmp_path: Path
) -> None:
    here = Network(blobs((4, 20, 20, 20, 20)), METHODS[method](), tmp_path)
    here.handlers[0] = hostile(here.handlers[0], 40.0, 1)
    assert here.train(1)[0].rejected.tolist() == rejected


@pytest.mark.parametrize(
    ("sizes", "factor", "since"),
    [
        ((20, 20, 20, 20, 20), -10.0, 1),
        ((20, 20, 20), -10.0, 4),
        ((20, 20, 20), -1000.0, 1),
        ((8, 20, 20), -1000.0, 1),
    ],
    ids=["of five", "of three, once known", "of three, at once", "the smallest of three"],
)
def test_one_hostile_site_is_refused(
    sizes: Sequence[int], factor: float, since: int, tmp_path: Path
) -> None:
    here = Network(blobs(sizes), METHODS["fedavg"](), tmp_path)
    here.handlers[0] = hostile(here.handlers[0], factor, since)
    history = here.train(since + 1)
    for one in history[: since - 1]:
        assert one.rejected.tolist() == []
    for one in history[since - 1 :]:
        assert one.rejected.tolist() == [0]
