"""The first clients of a stack at work without the others."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.overrides import TorchFunctionMode

from unalike.functional.stack import (
    Stack,
    WithoutStacks,
    any_client,
    is_plain_call,
    leading,
    map_rows,
    on_rows,
    rows_of,
    stack_of,
    stacked,
    stacked_arguments,
)
from unalike.functional.trees import leaves

ROWS = torch.arange(12, dtype=torch.float64).reshape(4, 3)


def test_only_tensors_of_the_innermost_vmap_are_stacked() -> None:
    assert stack_of(ROWS) is None

    def outer(row: Tensor) -> Tensor:
        here = stack_of(row)
        assert here.size == 4

        def inner(number: Tensor) -> Tensor:
            assert stack_of(row) is None
            assert stack_of(number) is None  # it has rows in both
            return number

        return vmap(inner)(row)

    vmap(outer)(ROWS)


def test_rows_are_the_tensors_own_memory_unless_they_are_shared() -> None:
    shared = torch.zeros(2)

    def work(row: Tensor) -> Tensor:
        stack = stack_of(row)
        assert stack.size == 4
        rows = rows_of(row, stack)
        assert rows.data_ptr() == ROWS.data_ptr()
        assert rows_of(shared, stack).shape == (4, 2)
        assert rows_of(shared, stack).data_ptr() != shared.data_ptr()
        return stacked(rows + 1, stack)

    assert torch.equal(vmap(work)(ROWS), ROWS + 1)


def test_a_condition_holds_for_any_client_of_all_stacks() -> None:
    def over(limit: float) -> bool:
        found = []

        def inner(number: Tensor) -> Tensor:
            found.append(any_client(number > limit))
            return number

        vmap(vmap(inner))(ROWS)
        return found[0]

    assert over(10)
    assert not over(11)
    assert any_client(torch.tensor(True))
    assert not any_client(torch.tensor(False))


@pytest.mark.parametrize("ours", [True, False])
def test_the_others_keep_what_they_hold(ours: bool) -> None:
    start = ROWS.clone()

    def work(row: Tensor, factor: Tensor) -> Tensor:
        stack = stack_of(row)
        assert stack.size == 4
        doubled = factor * 2

        def go_on(carry: Tensor, within: Stack) -> Tensor:
            assert within.size == 3
            assert stack_of(carry) == within
            moved = carry * doubled + torch.stack([factor, doubled]).sum()
            return moved + grad(lambda c: (c * factor).sum())(carry)

        return leading(3, stack, go_on, row, ours=ours)

    factors = torch.tensor([2.0, 3.0, 5.0, 7.0], dtype=torch.float64)
    found = vmap(work)(start, factors)
    f = factors[:, None]
    expected = ROWS * 2 * f + 3 * f + f
    assert torch.equal(found[:3], expected[:3])
    assert torch.equal(found[3], ROWS[3])
    assert torch.equal(start, ROWS) is not ours


def test_work_in_place_is_seen_without_a_copy() -> None:
    start = ROWS.clone()

    def work(row: Tensor) -> Tensor:
        stack = stack_of(row)
        assert stack.size == 4
        return leading(2, stack, lambda carry, within: carry.add_(1), row, ours=True)

    found = vmap(work)(start)
    assert found.data_ptr() == start.data_ptr()
    assert torch.equal(found, ROWS + torch.tensor([1, 1, 0, 0])[:, None])


def test_arguments_of_one_stack_are_told_as_plain_tensors() -> None:
    shared = torch.ones(3, dtype=torch.float64)
    assert is_plain_call()
    assert stacked_arguments((ROWS, shared)) is None

    def work(row: Tensor) -> Tensor:
        assert not is_plain_call()
        assert stacked_arguments((shared,)) is None  # nothing is mapped
        given = stacked_arguments((row, shared))
        with WithoutStacks():
            assert is_plain_call()
            assert given.tensors[0].data_ptr() == ROWS.data_ptr()
            sums = given.tensors[0] @ given.tensors[1]
        assert not is_plain_call()
        return given.stacked(sums)

    assert torch.equal(vmap(work)(ROWS), ROWS.sum(1))


def test_arguments_of_two_stacks_are_left_to_vmap() -> None:
    def outer(row: Tensor) -> Tensor:
        def inner(number: Tensor) -> Tensor:
            assert stacked_arguments((number, row)) is None
            assert stacked_arguments((number,)) is None
            return number

        return vmap(inner)(row)

    vmap(outer)(ROWS)


def test_stacks_are_back_after_an_error() -> None:
    def work(row: Tensor) -> Tensor:
        with pytest.raises(ValueError, match="wrong"), WithoutStacks():
            raise ValueError("wrong")
        return row * 2

    assert torch.equal(vmap(vmap(work))(ROWS.view(2, 2, 3)), 2 * ROWS.view(2, 2, 3))


def test_a_function_mode_within_a_call_is_met_and_those_of_others_stay() -> None:
    class Doubling(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            return 2 * func(*args) if func is torch.relu else func(*args, **(kwargs or {}))

    def within(row: Tensor, stack: Stack) -> Tensor:
        given = stacked_arguments((row,))
        with WithoutStacks(), Doubling():
            found = torch.relu(given.tensors[0])
        return given.stacked(found + torch.relu(given.tensors[0]))

    def work(row: Tensor) -> Tensor:
        return leading(2, stack_of(row), within, row, ours=False)

    with Doubling():
        found = vmap(work)(ROWS)
    assert torch.equal(found, torch.cat([6 * ROWS[:2], ROWS[2:]]))


def _pair(row: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    return row[..., :2] * other[..., 1:], other[..., 0]


def test_what_is_done_on_rows_is_what_each_client_would_do() -> None:
    others = torch.tensor([2.0, 3.0, 5.0, 7.0], dtype=torch.float64)[:, None] * ROWS[:1] + 1
    expected = _pair(ROWS, others)
    assert all(map(torch.equal, on_rows(_pair, ROWS, others), expected))
    shapes = []

    def seen(row: Tensor, other: Tensor) -> tuple[Tensor, ...]:
        shapes.append((row.shape, other.shape))
        return _pair(row, other)

    def work(row: Tensor, other: Tensor) -> tuple[Tensor, ...]:
        return on_rows(seen, row, other)

    assert all(map(torch.equal, vmap(work)(ROWS, others), expected))
    assert shapes == [((4, 3), (4, 3))]
    apart = vmap(work, (0, 1))(ROWS, others.t().contiguous())  # clients along another dimension
    assert all(map(torch.equal, apart, expected))
    shared = vmap(work, (0, None))(ROWS, others[1])
    assert torch.equal(shared[0], ROWS[:, :2] * others[1, 1:])
    twice = vmap(vmap(work))(ROWS.view(2, 2, 3), others.view(2, 2, 3))
    assert all(
        torch.equal(one.flatten(0, 1), whole) for one, whole in zip(twice, expected, strict=True)
    )


def test_on_rows_of_a_narrowed_stack_only_those_at_work_are_met() -> None:
    others = ROWS.flip(0)
    shapes = []

    def seen(row: Tensor, other: Tensor) -> tuple[Tensor, ...]:
        shapes.append((row.shape, other.shape))
        return _pair(row, other)

    def work(row: Tensor, other: Tensor) -> Tensor:
        def within(carry: Tensor, stack: Stack) -> Tensor:
            product, first = on_rows(seen, carry, other)
            assert stack_of(product) == stack
            return torch.cat([product, first[None]])

        return leading(3, stack_of(row), within, row, ours=False)

    found = vmap(work)(ROWS, others)
    product, first = _pair(ROWS[:3], others[:3])
    assert torch.equal(found[:3], torch.cat([product, first[:, None]], 1))
    assert torch.equal(found[3], ROWS[3])
    assert shapes == [((3, 3), (3, 3))]


def test_on_rows_inside_a_gradient_the_gradient_goes_through() -> None:
    def loss(row: Tensor, other: Tensor) -> Tensor:
        return sum(part.sum() for part in on_rows(_pair, row, other))

    slopes = vmap(grad(loss))(ROWS, ROWS + 1)
    expected = torch.cat([ROWS[:, 1:] + 1, torch.zeros(4, 1, dtype=torch.float64)], 1)
    assert torch.equal(slopes, expected)


class Pair(NamedTuple):
    one: Tensor
    other: Tensor


def test_rows_of_trees_are_mapped_as_vmap_does() -> None:
    pair = Pair(torch.randn(3, 4), torch.arange(3))
    alike = torch.randn(2)

    def work(given: Pair, more: Tensor) -> tuple[Pair, Tensor, Tensor]:
        return Pair(given.other * 2, given.one @ more), given.one[given.other], alike

    more = torch.randn(3, 4, 2)
    for mine, theirs in zip(map_rows(work, pair, more), vmap(work)(pair, more), strict=True):
        assert type(mine) is type(theirs)
        for a, b in zip(leaves(mine), leaves(theirs), strict=True):
            assert torch.equal(a, b)


def test_a_mapping_that_fails_leaves_no_stack_behind() -> None:
    def fails(row: Tensor) -> Tensor:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        map_rows(fails, torch.zeros(2))
    assert is_plain_call()
    nested = map_rows(lambda row: map_rows(torch.sum, row), torch.ones(2, 3, 4))
    assert torch.equal(nested, torch.full((2, 3), 4.0))
