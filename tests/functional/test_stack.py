"""The first clients of a stack at work without the others."""

from __future__ import annotations

from typing import Any

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
    rows_of,
    stack_of,
    stacked,
    stacked_arguments,
)

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
