"""How a client goes through its samples."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from numbered_batches import flat, numbered, seen
from unalike.core import Batches

RAGGED = (0, 1, 2, 5, 8, 9)


@pytest.mark.parametrize("n", RAGGED)
@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_every_sample_exactly_once_an_epoch(n: int, batch_size: int) -> None:
    batches = numbered(n, batch_size=batch_size, passes=3)
    steps = seen(batches)
    per_epoch = -(-n // batch_size)
    assert len(steps) == int(batches.steps) == 3 * per_epoch
    for epoch in range(3):
        own = steps[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(x for step in own for x in step) == list(range(n))
        assert all(len(step) == batch_size for step in own[:-1])


def test_each_epoch_has_an_order_of_its_own() -> None:
    batches = numbered(50, passes=2)
    first, second = seen(batches)
    assert first != second
    assert seen(batches) == [first, second]
    assert seen(batches.stream("other"))[0] not in (first, second)
    assert seen(batches.epochs(1)) == [first]


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_exactly(n: int, count: int) -> None:
    batches = numbered(n, batch_size=4).exactly(count)
    steps = seen(batches)
    assert len(steps) == count == int(batches.steps)
    endless = seen(numbered(n, batch_size=4).epochs(count))
    assert steps == endless[:count]


def test_exactly_of_nobody_or_nothing() -> None:
    assert seen(numbered(0).exactly(3)) == []
    assert seen(numbered(5).exactly(0)) == []
    assert seen(numbered(5).epochs(0)) == []


def test_epochs_undo_exactly() -> None:
    assert seen(numbered(5).exactly(3).epochs(1)) == seen(numbered(5).epochs(1))


def test_drawn_gives_independent_batches() -> None:
    steps = list(numbered(40, batch_size=4).drawn(3))
    draws = [[step.batch[d].x for step in steps] for d in range(3)]
    for draw in draws:
        assert torch.cat(draw).sort().values.tolist() == list(range(40))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not torch.equal(torch.cat(draws[a]), torch.cat(draws[b]))
    assert torch.equal(torch.cat(draws[0]), torch.tensor(flat(numbered(40, batch_size=4))))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 29])
@pytest.mark.parametrize("share", [0.01, 0.29, 0.5, 0.99])
def test_split_is_disjoint_and_covers(n: int, share: float) -> None:
    one, other = numbered(n).split(share)
    parts = [flat(part) for part in (one, other)]
    assert [len(part) for part in parts] == [int(one.size), int(other.size)]
    assert int(one.size) == max(1, int(np.floor(n * share)))
    if n == 1:
        assert parts == [[0.0], [0.0]]
    else:
        assert sorted(parts[0] + parts[1]) == list(range(n))
    again = numbered(n).stream("later").split(share)
    assert sorted(flat(again[0])) == sorted(parts[0])


@pytest.mark.parametrize("share", [0.13, 0.21, 0.29, 0.35])
def test_split_counts_the_same_on_the_host_and_in_the_client(share: float) -> None:
    for n in (100, 180, 300, 450, 900):
        for part in numbered(n).split(share):
            assert part.sizes.tolist() == [int(part.size)]


def test_split_is_random() -> None:
    part = flat(numbered(40).split(0.5)[0])
    assert sorted(part) not in (list(range(20)), list(range(20, 40)))


@pytest.mark.parametrize("n", [*RAGGED, 255, 256, 257, 600])
def test_in_order(n: int) -> None:
    steps = list(numbered(n).in_order())
    found = [step.batch.x[step.batch.weight > 0] for step in steps]
    assert torch.cat([torch.zeros(0, dtype=torch.float64), *found]).tolist() == list(range(n))
    assert sum(step.samples for step in steps) == n


def test_whole() -> None:
    (only,) = seen(numbered(9, batch_size=2).whole())
    assert sorted(only) == list(range(9))


def test_batch_sizes_are_those_of_the_real_samples() -> None:
    steps = list(numbered(9, batch_size=4))
    assert [float(step.batch.size) for step in steps] == [4, 4, 1]
    assert [step.samples for step in steps] == [4, 4, 1]
    assert torch.equal(steps[2].batch.weight, torch.tensor([1.0, 0, 0, 0], dtype=torch.float64))


def test_validation_samples_have_none_of_their_own() -> None:
    batches = numbered(4)
    held_out = torch.tensor([1, 3]), torch.tensor(2), np.asarray([2]), 2
    held = Batches(**{**batches.__dict__, "held_out": held_out}).validation
    assert sorted(flat(held)) == [1, 3]
    with pytest.raises(ValueError, match="no validation samples of their own"):
        _ = held.validation


def test_stacked_clients_of_all_sizes() -> None:
    sizes, most = np.asarray(RAGGED), max(RAGGED)
    ids = torch.stack([torch.arange(most) + 100 * i for i in range(len(sizes))])
    keys = torch.arange(len(sizes)) * 7
    x = torch.arange(1000, dtype=torch.float64)

    def sums(ids: Tensor, size: Tensor, key: Tensor, known: Any = sizes) -> Tensor:
        batches = Batches(x, x, ids, size, key, key, known, most, 4, 2, torch.float64)
        found = [step.batch.x * step.batch.weight for step in batches]
        return torch.stack(found)

    stacked = torch.func.vmap(sums)(ids, torch.from_numpy(sizes), keys)
    for i, size in enumerate(sizes):
        if size:
            alone = sums(ids[i], torch.tensor(size), keys[i], sizes[i : i + 1])
            per_epoch, longest = -(-int(size) // 4), -(-most // 4)
            real = [e * longest + k for e in range(2) for k in range(per_epoch)]
            assert torch.equal(stacked[i][real], alone)
        assert float(stacked[i].sum()) == 2 * sum(100 * i + k for k in range(size))
