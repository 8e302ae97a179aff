"""Trees of tensors and their names."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from unalike.core import NoState
from unalike.engines.serialised import from_bytes, to_bytes
from unalike.errors import InputError
from unalike.functional.trees import items, leaves, map_tree, rebuild, row_of, size_in_bytes


class Inner(NamedTuple):
    a: Tensor
    nothing: NoState


class Outer(NamedTuple):
    x: Tensor
    inner: Inner


TREE = Outer(
    torch.randn(2, 3, dtype=torch.float64),
    Inner(torch.tensor([[True, False]]), NoState()),
)


def equal(a: Outer, b: Outer) -> bool:
    return all(
        x.dtype == y.dtype and torch.equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True)
    )


def test_names() -> None:
    assert [name for name, _ in items(TREE)] == ["x", "inner.a"]
    assert [name for name, _ in items(torch.zeros(1))] == ["value"]
    assert list(items(NoState())) == []


def test_rebuild_is_the_inverse() -> None:
    again = rebuild(TREE, dict(items(TREE)))
    assert type(again) is Outer
    assert type(again.inner) is Inner
    assert equal(again, TREE)
    with pytest.raises(KeyError, match=r"inner\.a"):
        rebuild(TREE, {"x": TREE.x})


@pytest.mark.parametrize(
    "tree",
    [
        TREE,
        torch.tensor(3.5),
        torch.zeros(0, 4),
        torch.arange(5),
        NoState(),
        torch.tensor([torch.nan, -0.0, torch.inf]),
        torch.randn(4, 6).T[1:, ::2],
    ],
)
def test_bytes_are_exact(tree: object) -> None:
    again = from_bytes(to_bytes(tree), tree)
    assert type(again) is type(tree)
    for one, two in zip(leaves(tree), leaves(again), strict=True):
        assert one.dtype == two.dtype
        assert one.shape == two.shape
        assert one.contiguous().numpy().tobytes() == two.numpy().tobytes()


def test_map_and_size() -> None:
    doubled = map_tree(lambda a, b: a.double() + b.double(), TREE, TREE)
    assert torch.equal(doubled.x, 2 * TREE.x)
    assert doubled.inner.nothing == NoState()
    assert size_in_bytes(TREE) == 6 * 8 + 2
    assert size_in_bytes(NoState()) == 0


def test_a_row_for_one_client_and_for_each_of_a_stack() -> None:
    rows = torch.arange(12.0).reshape(4, 3)
    assert torch.equal(row_of(rows, torch.tensor(2)), rows[2])
    each = torch.tensor([3, 0, 3])
    assert torch.equal(torch.func.vmap(row_of, (None, 0))(rows, each), rows[each])


@pytest.mark.parametrize("other", [3.0, {"a": torch.zeros(1)}, [torch.zeros(1)], None])
def test_what_is_no_tree_is_refused_in_one_sentence(other: object) -> None:
    with pytest.raises(InputError, match=f"of type {type(other).__name__}: make it one"):
        leaves(other)
    with pytest.raises(InputError, match=f"of type {type(other).__name__}: make it one"):
        map_tree(torch.neg, other)
