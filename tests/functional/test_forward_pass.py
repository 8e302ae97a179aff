"""The ways through a client's batches: padding and idle steps change nothing."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import vmap

from unalike.core import (
    Batch,
    Batches,
    average,
    descend,
    each_sample,
    local_steps,
    optimise,
    retrace,
    solvers,
    stacked_steps,
    trace,
)
from unalike.core import batches as batches_module
from unalike.functional.gradient_count import count_gradients, record_gradient
from unalike.functional.stack import stack_of
from worlds import samples

SIZES = np.asarray([9, 5, 1, 0])
X = torch.arange(1.0, 40.0, dtype=torch.float64)


def of(i: int, size: Tensor, key: Tensor, known: Any, ids: Tensor) -> Batches:
    return Batches(X, X, ids, size, key, key, known, int(SIZES.max()), 2, 2, torch.float64)


def everybody(work: Any) -> tuple[Tensor, list[Tensor]]:
    """`work(batches)` for all clients stacked, and for each alone."""
    ids = torch.stack([torch.arange(9) + 10 * i for i in range(4)])
    sizes, keys = torch.from_numpy(SIZES), torch.arange(4)
    stacked = vmap(lambda d, n, k: work(of(0, n, k, SIZES, d)))(ids, sizes, keys)
    alone = [work(of(i, sizes[i], keys[i], SIZES[i : i + 1], ids[i])) for i in range(4)]
    return stacked, alone


def mean(batch: Batch) -> Tensor:
    return (batch.x * batch.weight).sum() / batch.size


def test_descend_takes_only_real_steps() -> None:
    def count(batches: Batches) -> Tensor:
        return descend(
            lambda c, b: c * 0.9 + mean(b), torch.zeros((), dtype=torch.float64), batches
        )

    stacked, alone = everybody(count)
    torch.testing.assert_close(stacked, torch.stack(alone), rtol=1e-15, atol=0)
    assert stacked[3] == 0


class Sums(NamedTuple):
    """A tree of three."""

    means: Tensor
    sizes: Tensor
    steps: Tensor


def test_descend_carries_any_tree() -> None:
    def go(batches: Batches) -> Tensor:
        zero = torch.zeros((), dtype=torch.float64)
        end = descend(
            lambda c, b: Sums(c.means + mean(b), c.sizes + b.size, c.steps + 1),
            Sums(zero, zero, zero),
            batches,
        )
        return torch.stack([*end])

    stacked, alone = everybody(go)
    torch.testing.assert_close(stacked, torch.stack(alone))
    assert stacked[:, 1].tolist() == (2 * SIZES).tolist()
    assert stacked[:, 2].tolist() == (2 * -(-SIZES // 2)).tolist()


@pytest.mark.parametrize("narrows", [True, False])
def test_trace_is_descend_on_record_and_retrace_walks_back(
    narrows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where gradients are enabled, all stay in the stack; else whoever is done leaves it."""
    monkeypatch.setattr(stacked_steps, "WORTH", 0)
    monkeypatch.setattr(stacked_steps, "SIZES", range(2, 100))

    def step(c: Tensor, batch: Batch) -> Tensor:
        return 0.5 * c + mean(batch)

    def there_and_back(batches: Batches) -> Tensor:
        start = torch.ones((), dtype=torch.float64)
        end, path = trace(step, start, batches)
        undone = retrace(lambda c, here, batch: 2 * (c - mean(batch)), end, path)
        chain = retrace(lambda c, here, batch: c * 0.5 + 0 * here, start, path)
        return torch.stack([end - descend(step, start, batches), undone, chain])

    with torch.set_grad_enabled(not narrows):
        stacked, alone = everybody(there_and_back)
    torch.testing.assert_close(stacked, torch.stack(alone))
    assert not stacked[:, 0].any()
    torch.testing.assert_close(stacked[:, 1], torch.ones(4, dtype=torch.float64))
    steps = torch.from_numpy(2 * -(-SIZES // 2))
    torch.testing.assert_close(stacked[:, 2], 0.5 ** steps.double())


def test_retrace_visits_the_last_step_first() -> None:
    _, path = trace(lambda c, b: c + 1, torch.zeros(()), samples(X[:3], X[:3], batch_size=1))
    seen: list[float] = []
    retrace(lambda c, here, batch: seen.append(float(here)) or c, torch.zeros(()), path)
    assert seen == [2, 1, 0]


def test_retrace_may_overwrite_only_what_it_has_made() -> None:
    start = torch.ones(2, dtype=torch.float64)

    def back(batches: Batches) -> Tensor:
        _, path = trace(lambda c, b: c + mean(b), start, batches)
        pure = retrace(lambda c, here, b: 0.5 * c + mean(b) * here, start, path)
        again = retrace(
            lambda c, here, b: 0.5 * c + mean(b) * here,
            start,
            path,
            in_place=lambda c, here, b: c.mul_(0.5).add_(mean(b) * here),
        )
        return torch.stack([pure, again])

    with torch.no_grad():
        stacked, alone = everybody(back)
    assert torch.equal(stacked[:, 0], stacked[:, 1])
    assert all(torch.equal(pure, again) for pure, again in alone)
    assert torch.equal(start, torch.ones(2, dtype=torch.float64))


def test_each_sample_has_its_value_at_its_place() -> None:
    def doubled(batches: Batches) -> Tensor:
        none = torch.zeros(2, 9, dtype=torch.float64)
        of_batch = each_sample(lambda b: torch.stack([b.x, 2 * b.x]), batches, none=none)
        values = torch.nn.functional.pad(of_batch, (0, 9 - of_batch.shape[1]))
        sums = descend(
            lambda c, b: c + (b.x - values[0, b.position]) ** 2 @ b.weight,
            torch.zeros((), dtype=torch.float64),
            batches,
        )
        real = torch.arange(9) < batches.size
        return torch.cat([values[1] * real, sums[None]])

    stacked, alone = everybody(doubled)
    torch.testing.assert_close(stacked, torch.stack(alone))
    assert not stacked[:, 9].any()
    for i, size in enumerate(SIZES):
        exact = torch.zeros(9, dtype=torch.float64)
        exact[:size] = 2 * X[10 * i : 10 * i + size]
        torch.testing.assert_close(stacked[i, :9], exact)
    many = samples(torch.arange(600.0).double(), torch.zeros(600).double())
    assert torch.equal(each_sample(lambda b: b.x, many, none=many.x)[:600], many.x)


def test_clients_without_more_samples_leave_an_average(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean of so many batches that the last are those of one client: the bits of all."""
    monkeypatch.setattr(batches_module, "IN_ORDER_SIZE", 2)
    monkeypatch.setattr(stacked_steps, "WORTH", 0)
    monkeypatch.setattr(stacked_steps, "SIZES", range(2, 100))
    asked: list[int] = []

    def noted(batch: Batch) -> Tensor:
        stack = stack_of(batch.weight)
        asked.append(1 if stack is None else stack.size)
        record_gradient()
        return torch.stack([mean(batch), batch.weight.sum()])

    def averaged(batches: Batches) -> Tensor:
        return average(noted, batches)

    with torch.no_grad(), count_gradients() as counted:
        left, alone = everybody(averaged)
    assert asked == [4, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]  # together, then each alone
    exact = torch.stack([X[:9].mean(), X[10:15].mean(), X[20], torch.tensor(0.0)])
    torch.testing.assert_close(left[:, 0], exact.double())
    torch.testing.assert_close(left[:3], torch.stack(alone[:3]))
    assert counted == [2 * int(SIZES.sum())]
    monkeypatch.setattr(local_steps, "stack_of", lambda tensor: None)
    with torch.no_grad():
        stayed, _ = everybody(averaged)
    assert torch.equal(left, stayed)


def test_clients_without_more_samples_are_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "IN_ORDER_SIZE", 2)
    asked: list[int] = []

    def doubled(batch: Batch) -> Tensor:
        stack = stack_of(batch.weight)
        asked.append(1 if stack is None else stack.size)
        return 2 * batch.x * batch.weight

    with torch.no_grad():
        found, _ = everybody(lambda batches: each_sample(doubled, batches, none=X[:9]))
    assert asked[:5] == [4, 2, 2, 2, 2]
    for i, size in enumerate(SIZES):
        assert found[i, :size].tolist() == (2 * X[10 * i : 10 * i + size]).tolist()
        assert not found[i, size:].any()


def test_average_is_over_samples_not_batches() -> None:
    stacked, alone = everybody(lambda batches: average(mean, batches))
    torch.testing.assert_close(stacked, torch.stack(alone))
    exact = [X[:9].mean(), X[10:15].mean(), X[20], 0.0]
    torch.testing.assert_close(stacked, torch.tensor(exact, dtype=torch.float64))
    many = samples(torch.arange(600.0).double(), torch.zeros(600).double())
    assert float(average(mean, many)) == pytest.approx(299.5)


def test_average_of_vectors() -> None:
    many = samples(torch.eye(5).double(), torch.zeros(5).double())
    found = average(lambda b: (b.x * b.weight[:, None]).sum(0) / b.size, many)
    torch.testing.assert_close(found, torch.full((5,), 0.2, dtype=torch.float64))


def test_optimise_follows_the_solver() -> None:
    solver = solvers.momentum(0.1, 0.5)
    w = optimise(
        solver, lambda w, b: w - 1, torch.zeros(2).double(), samples(X[:4], X[:4]).epochs(3)
    )
    y, v = 0.0, 0.0
    for _ in range(3):
        v = 0.5 * v + y - 1
        y -= 0.1 * v
    torch.testing.assert_close(w, torch.full((2,), y, dtype=torch.float64))


def test_the_start_is_left_alone() -> None:
    start = torch.zeros(3, dtype=torch.float64)
    for text in ("sgd", "momentum", "adam"):
        with torch.no_grad():
            end = optimise(
                solvers.parse(text, 0.1), lambda w, b: w - 1, start, samples(X, X).exactly(3)
            )
        assert not start.any()
        assert end.all()
