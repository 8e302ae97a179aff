"""How much clients do in a round: steps that go on over rounds, and parts of the work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from numbered_batches import numbered, seen
from unalike.core import Batches
from unalike.core.local_work import LocalWork
from unalike.core.step_schedule import Span

KEY = torch.tensor(99)
SIZES = np.array([0, 1, 4, 5, 9])


def going_on(batches: Batches, first: int, steps: int, key: Any = KEY) -> Batches:
    """Steps of the endless stream of a client alone."""
    firsts, counts = np.array([first]), np.array([steps])
    return replace(
        batches, span=Span(torch.tensor(first), torch.tensor(steps), firsts, counts, key)
    )


@pytest.mark.parametrize("n", [1, 3, 5, 8, 9])
@pytest.mark.parametrize("cuts", [(3, 4), (1, 1, 5), (7,), (2, 0, 5)])
def test_a_stream_that_is_cut_is_the_same_stream(n: int, cuts: tuple[int, ...]) -> None:
    batches = numbered(n, batch_size=3)
    whole = seen(going_on(batches, 0, 7))
    pieces, first = [], 0
    for cut in cuts:
        later = replace(batches, key=torch.tensor(first + 1000))  # another round
        pieces += seen(going_on(later, first, cut))
        first += cut
    assert pieces == whole
    per_epoch = -(-n // 3)
    for epoch in range(7 // per_epoch):
        own = whole[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(x for step in own for x in step) == list(range(n))


def test_a_stream_of_another_purpose_goes_on_by_itself() -> None:
    batches = numbered(9, batch_size=2)
    whole = seen(going_on(batches, 0, 7).stream("personal"))
    assert whole != seen(going_on(batches, 0, 7))
    cut = seen(going_on(batches, 0, 3).stream("personal"))
    assert cut + seen(going_on(batches, 3, 4).stream("personal")) == whole


@pytest.mark.parametrize("n", [1, 3, 5, 8, 9])
def test_as_many_steps_as_batches_are_an_epoch(n: int) -> None:
    """Bit for bit, where both draw from one stream; weights and counts of samples too."""
    batches = numbered(n, batch_size=4)
    steps = list(going_on(batches, 0, -(-n // 4), key=None))
    for mine, usual in zip(steps, batches, strict=True):
        assert mine.samples == usual.samples
        for name in ("x", "y", "weight", "size", "position"):
            assert torch.equal(getattr(mine.batch, name), getattr(usual.batch, name)), name


def test_draws_are_named_by_the_number_of_the_step() -> None:
    batches = replace(numbered(5, batch_size=2), draws=True)
    keys = [int(step.batch.key) for step in going_on(batches, 0, 5)]
    assert len(set(keys)) == 5
    assert keys[3:] == [int(step.batch.key) for step in going_on(batches, 3, 2)]


def test_stacked_clients_at_different_places() -> None:
    """Each gets what it gets alone, and the host knows how many samples that are."""
    ids = torch.stack([torch.arange(9) + 100 * i for i in range(len(SIZES))])
    x = torch.arange(1000, dtype=torch.float64)
    first, steps = np.array([7, 2, 0, 5, 8]), np.array([3, 5, 0, 6, 4])
    keys = torch.arange(len(SIZES))

    def walked(ids: Any, size: Any, key: Any, a: Any, b: Any, at: Any = slice(None)) -> Any:
        span = Span(a, b, first[at], steps[at], key)
        batches = Batches(x, x, ids, size, key, key, SIZES[at], 9, 2, 1, torch.float64, span=span)
        samples.append([step.samples for step in batches])
        values = [
            step.batch.x * step.batch.weight * (1 if step.active is None else step.active)
            for step in batches
        ]
        return torch.stack([value.sort().values for value in values])

    samples: list[list[int]] = []
    own = (ids, torch.from_numpy(SIZES), keys, torch.from_numpy(first), torch.from_numpy(steps))
    stacked = torch.func.vmap(walked)(*own)
    found = np.array(samples[0])
    alone = np.zeros_like(found)
    for i in range(len(SIZES)):
        if SIZES[i] and steps[i]:
            mine = walked(*(part[i] for part in own), slice(i, i + 1))
            assert torch.equal(stacked[i][: len(mine)], mine)
            assert not stacked[i][len(mine) :].any()
            alone[: len(mine)] += samples[-1]
        else:
            assert not stacked[i].any()
    assert (found == alone).all()


@pytest.mark.parametrize(
    ("work", "steps"),
    [
        (LocalWork(), [0, 1, 1, 2, 3]),
        (LocalWork(2), [0, 2, 2, 4, 6]),
        (LocalWork(steps=7), [0, 7, 7, 7, 7]),
        (LocalWork(0.5), [0, 1, 1, 1, 2]),
        (LocalWork(1.5), [0, 2, 2, 3, 5]),
        (LocalWork(0.1), [0, 1, 1, 1, 1]),
    ],
)
def test_steps_of_a_round(work: LocalWork, steps: list[int]) -> None:
    assert work.steps_per_round(SIZES, 4).tolist() == steps


def test_a_fraction_is_taken_as_it_is_written() -> None:
    """7 % of 100 batches are 7, though 0.07 * 100 is more than 7 in binary."""
    assert LocalWork(0.07).steps_per_round(np.array([400]), 4).tolist() == [7]
    assert np.ceil(0.07 * 100) == 8


def test_samples_of_a_round() -> None:
    assert LocalWork(3).samples_per_round(SIZES, 4) == 3 * SIZES.sum()
    assert LocalWork(steps=6).samples_per_round(np.array([8, 4]), 4) == 6 * 4 + 6 * 4


@pytest.mark.parametrize(
    ("work", "possible"),
    [
        (LocalWork(5, slow=0.5), [3, 6, 9, 12, 15]),
        (LocalWork(steps=4, slow=0.5), [1, 2, 3, 4]),
        (LocalWork(0.9, slow=0.5), [1, 2, 3]),
    ],
)
def test_a_slow_client_does_any_part_alike_likely(work: LocalWork, possible: list[int]) -> None:
    """Chance p of being slow; of those each part equally often, to four standard deviations."""
    draws = 4000
    luck = np.random.default_rng(0).random((draws, 2))
    sizes = np.full(draws, 9)
    taken = work.slow_steps(luck, sizes, 4 if work.epochs == 5 else 3)
    full = possible[-1]
    assert sorted(set(taken.tolist())) == possible
    share = 0.5 / len(possible)
    for part in possible:
        expected = share if part < full else share + 0.5
        spread = 4 * np.sqrt(expected * (1 - expected) / draws)
        assert np.mean(taken == part) == pytest.approx(expected, abs=spread)


def test_nobody_is_slow_by_default() -> None:
    luck = np.random.default_rng(0).random((5, 2))
    work = LocalWork(3)
    assert (work.slow_steps(luck, SIZES, 4) == work.steps_per_round(SIZES, 4)).all()


def test_all_put_together_do_as_much_as_all() -> None:
    work = LocalWork(steps=10, slow=0.5).together(4)
    assert (work.steps, work.slow) == (40, 0.0)
    assert LocalWork(0.5).together(4).epochs == 0.5
