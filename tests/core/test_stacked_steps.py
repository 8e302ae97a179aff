"""Clients of a stack with different numbers of steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import vmap

from unalike.core import Batches, local_steps, optimise, solvers, stacked_steps
from unalike.core.batches import ScheduledStep
from unalike.core.stacked_steps import runs_of

SIZES = (37, 30, 30, 21, 9, 8, 4, 1, 0)
BATCH = 4


def scheduled(last: int, takers: int | None = None) -> ScheduledStep:
    return ScheduledStep(
        lambda: None, lambda: torch.tensor(True), 1, last if takers is None else takers, last
    )


def test_steps_are_done_in_the_smallest_stack_that_is_made() -> None:
    lasts = [40] * 3 + [31] * 9 + [19] * 5 + [2] * 7 + [1] * 4 + [0] * 2
    runs = runs_of(map(scheduled, lasts), 40)
    assert [(run.size, len(run.steps)) for run in runs] == [(40, 3), (32, 9), (24, 5), (2, 11)]


def test_a_stack_is_not_left_for_little() -> None:
    lasts = [10] * 3 + [8] * 3 + [10] * 2 + [8] * 4
    runs = runs_of(map(scheduled, lasts), 10)
    assert [(run.size, len(run.steps)) for run in runs] == [(10, 8), (8, 4)]


def test_nobody_is_ever_alone_in_a_stack() -> None:
    assert [run.size for run in runs_of([scheduled(1)] * 20, 9)] == [2]
    assert [run.size for run in runs_of([scheduled(1)] * 20, 1)] == [1]


class Clients(NamedTuple):
    """What a stack is made of."""

    w: Tensor  # [S, 3]
    pull: Tensor  # [S, 3] found by the step, not given to it
    ids: Tensor
    size: Tensor
    key: Tensor


def clients(sizes: tuple[int, ...]) -> Clients:
    count = len(sizes)
    luck = torch.Generator().manual_seed(0)
    w = torch.randn(count, 3, generator=luck, dtype=torch.float64)
    ids = torch.arange(max(sizes)).expand(count, -1) + 50 * torch.arange(count)[:, None]
    return Clients(w, torch.flip(w, [0]), ids, torch.tensor(sizes), torch.arange(count))


def moved(
    sizes: tuple[int, ...], solver: str, *, count: int | None = None, epochs: int = 2
) -> Tensor:
    """Where the clients end whose steps are weighted means of their samples and a pull."""
    x = torch.randn(50 * len(sizes), 3, dtype=torch.float64, generator=torch.manual_seed(1))

    def work(w: Tensor, pull: Tensor, ids: Tensor, size: Tensor, key: Tensor) -> Tensor:
        batches = Batches(
            x=x,
            y=x,
            ids=ids,
            size=size,
            key=key,
            home=key,
            sizes=np.asarray(sizes),
            most=max(sizes),
            batch_size=BATCH,
            passes=epochs,
            dtype=torch.float64,
        )
        if count is not None:
            batches = batches.exactly(count)

        def direction(w: Tensor, batch: object) -> Tensor:
            seen: Tensor = (batch.x * batch.weight[:, None]).sum(0) / batch.size  # type: ignore[attr-defined]
            return w - seen + pull

        return optimise(solvers.parse(solver, 0.3), direction, w, batches)

    with torch.no_grad():
        return vmap(work)(*clients(sizes))


@pytest.mark.parametrize("solver", ["sgd", "momentum:0.9", "adam"])
@pytest.mark.parametrize("sizes", [SIZES, SIZES[::-1], (5, 5, 5), (9, 0, 9, 3)])
@pytest.mark.parametrize("count", [None, 5])
def test_what_a_client_gets_does_not_depend_on_who_stays(
    solver: str, sizes: tuple[int, ...], count: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = moved(sizes, solver, count=count)
    monkeypatch.setattr(stacked_steps, "WORTH", 0)
    monkeypatch.setattr(stacked_steps, "SIZES", range(2, 100))
    assert torch.equal(found, moved(sizes, solver, count=count))
    monkeypatch.setattr(local_steps, "stack_of", lambda tensor: None)
    assert torch.equal(found, moved(sizes, solver, count=count))


def test_no_client_is_at_work_after_its_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 clients, the steps computed are few more than those that they take."""
    sizes = tuple(int(n) for n in np.geomspace(400, 4, 20))
    computed: list[int] = []
    honest = stacked_steps._in_one_stack

    def counted(step, in_place, start, steps, stack, *, ours):  # type: ignore[no-untyped-def]
        computed.append(len(steps) * stack.size)
        return honest(step, in_place, start, steps, stack, ours=ours)

    monkeypatch.setattr(stacked_steps, "_in_one_stack", counted)
    x = torch.zeros(1, dtype=torch.float64)

    def work(w: Tensor, size: Tensor, key: Tensor) -> Tensor:
        batches = Batches(
            x=x,
            y=x,
            ids=torch.zeros(400, dtype=torch.int64),
            size=size,
            key=key,
            home=key,
            sizes=np.asarray(sizes),
            most=400,
            batch_size=BATCH,
            passes=1,
            dtype=torch.float64,
        )
        return optimise(solvers.sgd(0.1), lambda w, batch: w, w, batches)

    start = torch.ones(20, 2, dtype=torch.float64)
    with torch.no_grad():
        vmap(work)(start, torch.tensor(sizes), torch.arange(20))
    taken = sum(-(-n // BATCH) for n in sizes)
    assert taken <= sum(computed) < 1.25 * taken
    assert 20 * -(-max(sizes) // BATCH) > 3 * taken
