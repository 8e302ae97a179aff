"""The first clients of a stack at work without the others.

Under `torch.func.vmap` every operation is done for all stacked clients. Where only the first of
them still have something to do, `leading` goes on with these alone, in a stack of their own; what
the work finds elsewhere, in tensors of the larger stack, is narrowed to the same clients when it
is met.

It asks PyTorch for what a stacked tensor holds, by the functions `torch.func.vmap` is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch._C import _functorch as functorch
from torch._functorch.vmap import lazy_load_decompositions  # type: ignore[attr-defined]
from torch.func import vmap
from torch.overrides import TorchFunctionMode

from .trees import leaves, map_tree

Carry = TypeVar("Carry")


class Stack(NamedTuple):
    """The clients that the innermost `vmap` has put together."""

    level: int
    size: int


def stack_of(tensor: Tensor) -> Stack | None:
    """The stack that this tensor has a row in for each client; None where it is not the innermost
    or the tensor belongs to none."""
    if not functorch.is_batchedtensor(tensor):
        return None
    level = functorch.maybe_get_level(tensor)
    inner: Any = functorch.get_unwrapped(tensor)
    if functorch.is_functorch_wrapped_tensor(inner) or level != functorch.maybe_current_level():
        return None
    return Stack(level, inner.shape[functorch.maybe_get_bdim(tensor)])


def map_rows(fn: Callable[..., Any], *trees: Any) -> Any:
    """What `torch.func.vmap` of `fn` gives for trees with leaves [S, ...]: a tree, or a tuple of
    trees, with leaves [S, ...].

    It looks at trees alone, where `vmap` searches whatever may hold tensors: that takes longer.
    """
    lazy_load_decompositions()
    size = len(next(leaf for tree in trees for leaf in leaves(tree)))
    level = functorch._vmap_increment_nesting(size, "error")
    try:
        given = [map_tree(partial(_stacked_at, level), tree) for tree in trees]
        found = fn(*given)
        if type(found) is tuple:
            return tuple(map_tree(partial(_rows_at, level, size), tree) for tree in found)
        return map_tree(partial(_rows_at, level, size), found)
    finally:
        functorch._vmap_decrement_nesting()


def rows_of(tensor: Tensor, stack: Stack) -> Tensor:
    """What a tensor [...] holds for all clients of the stack: [S, ...], as a plain tensor.

    To write over it is to write over the tensor, unless all clients share one.
    """
    if functorch.maybe_get_level(tensor) != stack.level:
        return tensor.expand(stack.size, *tensor.shape).contiguous()
    plain: Tensor = functorch.get_unwrapped(tensor)
    return plain.movedim(functorch.maybe_get_bdim(tensor), 0)


class Held(NamedTuple):
    """What a tensor holds for the clients of a stack, as a plain tensor."""

    tensor: Tensor  # [S, ...], or [...] where all clients share it
    dim: int | None  # 0, or None where they do

    def first(self, count: int) -> Held:
        """What it holds for the first clients."""
        return self if self.dim is None else Held(self.tensor[:count], self.dim)

    def of_each(self, clients: int) -> Tensor:
        """What it holds for each of so many clients: [S, ...]."""
        shared = self.dim is None
        return self.tensor.expand(clients, *self.tensor.shape) if shared else self.tensor


def held_by(tensor: Tensor, stack: Stack) -> Held:
    """A tensor [...] without its stack: what all clients share is not repeated for each."""
    if functorch.maybe_get_level(tensor) != stack.level:
        return Held(tensor, None)
    return Held(rows_of(tensor, stack), 0)


def stacked(rows: Tensor, stack: Stack) -> Tensor:
    """The inverse of `rows_of`."""
    return _stacked_at(stack.level, rows)


def _stacked_at(level: int, rows: Tensor) -> Tensor:
    tensor: Tensor = functorch._add_batch_dim(rows, 0, level)
    return tensor


def _rows_at(level: int, size: int, tensor: Tensor) -> Tensor:
    rows: Tensor = functorch._remove_batch_dim(tensor, level, size, 0)
    return rows


def is_plain_call() -> bool:
    """Whether an operation would go to its kernel at once: no transform, nobody who looks at it."""
    return functorch.maybe_current_level() is None and not torch._C._len_torch_dispatch_stack()


def is_plain(rows: Tensor) -> bool:
    """Whether rows taken out of a stack belong to no transform around it, and nobody looks at
    operations."""
    return not (functorch.is_functorch_wrapped_tensor(rows) or torch._C._len_torch_dispatch_stack())


class StackedArguments(NamedTuple):
    """What the arguments of a call hold, as plain tensors."""

    tensors: tuple[Tensor, ...]
    in_dims: tuple[int | None, ...]  # which dimension is the clients'; none where all share one
    level: int

    def stacked(self, rows: Tensor) -> Tensor:
        """A result [S, ...] of the clients as a tensor of their stack."""
        return _stacked_at(self.level, rows)


def stacked_arguments(tensors: tuple[Tensor, ...]) -> StackedArguments | None:
    """The arguments of a call within the innermost `vmap`; None where it maps none of them, where
    one belongs to another transform as well, or where somebody looks at each operation."""
    level: Any = functorch.maybe_current_level()
    if level is None or torch._C._len_torch_dispatch_stack():
        return None
    plain: list[Tensor] = []
    in_dims: list[int | None] = []
    for tensor in tensors:
        dim = None
        if functorch.is_functorch_wrapped_tensor(tensor):
            if functorch.maybe_get_level(tensor) != level or not functorch.is_batchedtensor(tensor):
                return None
            dim, tensor = functorch.maybe_get_bdim(tensor), functorch.get_unwrapped(tensor)
            if functorch.is_functorch_wrapped_tensor(tensor):
                return None
        plain.append(tensor)
        in_dims.append(dim)
    if not any(dim is not None for dim in in_dims):
        return None
    return StackedArguments(tuple(plain), tuple(in_dims), level)


class WithoutStacks:
    """Operations on plain tensors meet none of the transforms around them, nor are narrowed."""

    def __enter__(self) -> None:
        self._narrowed = _narrowed()
        if self._narrowed is not None:
            torch._C._pop_torch_function_stack()
        self._outer: list[Any] = []
        while functorch.maybe_current_level() is not None:
            self._outer.append(functorch.pop_dynamic_layer_stack())

    def __exit__(self, *error: object) -> None:
        while self._outer:
            functorch.push_dynamic_layer_stack(self._outer.pop())
        if self._narrowed is not None:
            torch._C._push_on_torch_function_stack(self._narrowed)


def on_rows(fn: Callable[..., tuple[Tensor, ...]], *tensors: Tensor) -> tuple[Tensor, ...]:
    """`fn` of these tensors; of a stack's, at once on what they hold for all clients at work.

    fn: does to [S, ...] for each client what it does to [...], such as to index behind an ellipsis.
    Of the clients' tensors it knows those alone that it is given.
    """
    given = _rows_at_work(tensors)
    if given is None:
        return fn(*tensors)
    with WithoutStacks():
        found = fn(*given.tensors)
    return tuple(map(given.stacked, found))


def _rows_at_work(tensors: tuple[Tensor, ...]) -> StackedArguments | None:
    """The arguments with their clients first, if each has them; narrowed where the stack is."""
    narrowed = _narrowed()
    if narrowed is not None:
        tensors = tuple(map(narrowed.narrow, tensors))
    given = stacked_arguments(tensors)
    return None if given is None or any(given.in_dims) or None in given.in_dims else given


def _narrowed() -> _Narrowed | None:
    """What narrows the stack, where anything does."""
    modes = torch._C._len_torch_function_stack()
    last = torch._C._get_function_stack_at(modes - 1) if modes else None
    return last if isinstance(last, _Narrowed) else None


def any_client(condition: Tensor) -> bool:
    """Whether it holds [] for any of the clients that are at work together."""
    while functorch.is_functorch_wrapped_tensor(condition):
        condition = functorch.get_unwrapped(condition)
    return bool(condition.any())


def leading(
    count: int, stack: Stack, work: Callable[[Carry, Stack], Carry], carry: Carry, *, ours: bool
) -> Carry:
    """The carry after `work(carry, their stack)` of the first `count` clients; the others' stays.

    ours: nobody else holds the carry, so that it may be written over.
    """
    before = map_tree(lambda leaf: rows_of(leaf, stack), carry)

    def narrow_work(own: Carry) -> Carry:
        with _Narrowed(stack, count) as narrowed:
            return work(own, narrowed.within)

    after = vmap(narrow_work)(map_tree(lambda rows: rows[:count], before))

    def joined(new: Tensor, old: Tensor) -> Tensor:
        if not ours:
            return torch.cat([new, old[count:]])
        if new.data_ptr() != old.data_ptr() or new.stride() != old.stride():
            old[:count] = new
        return old

    return map_tree(lambda new, old: stacked(joined(new, old), stack), after, before)


class _Narrowed(TorchFunctionMode):
    """Operations meet the first `count` clients of tensors of a larger stack."""

    def __init__(self, stack: Stack, count: int) -> None:
        super().__init__()
        self._outer = stack
        level = functorch.maybe_current_level()
        if level is None:
            raise RuntimeError("A stack is narrowed inside vmap only.")
        self.within = Stack(level, count)
        self._known: dict[int, tuple[Tensor, Tensor]] = {}  # an id is unique while its tensor lives

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if kwargs:
            kwargs = {name: self.narrow(value) for name, value in kwargs.items()}
            return func(*map(self.narrow, args), **kwargs)
        return func(*map(self.narrow, args))

    def narrow(self, value: Any) -> Any:
        """What it holds for the clients that are left; anything else as it is."""
        if isinstance(value, Tensor):
            if functorch.maybe_get_level(value) != self._outer.level:
                return value
            known = self._known.get(id(value))
            if known is None:
                rows = rows_of(value, self._outer)[: self.within.size]
                known = value, stacked(rows, self.within)
                self._known[id(value)] = known
            return known[1]
        if type(value) in (list, tuple):
            return type(value)(map(self.narrow, value))
        return value
