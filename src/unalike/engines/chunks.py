"""How work for many clients is spread: stacked or one by one, in chunks, over threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.functional.stack import map_rows
from unalike.functional.trees import leaves, map_tree

from .plan import Plan

Positions = NDArray[np.int64]
Part = TypeVar("Part")
Result = TypeVar("Result")


class Chunks:
    """A plan at work. Results do not depend on the chunk, from two clients on, or the threads."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._pool: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """End the threads; new ones start when they are needed."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    def apply(
        self, among: Callable[[slice], Callable[..., Any]], count: int, trees: tuple[Any, ...]
    ) -> Any:
        """`among(clients)` gives the function for a slice of the leading dimension of `trees`."""
        if self.plan.mode == "stacked" and count > 1:
            return map_rows(among(slice(None)), *trees)
        alone = [
            among(slice(i, i + 1))(*(map_tree(lambda leaf, i=i: leaf[i], t) for t in trees))
            for i in range(count)
        ]
        if count == 1:
            return _apply(alone[0], lambda leaf: leaf[None])
        return _join(alone, torch.stack)

    def map_threads(
        self, work: Callable[[Part], Result], chunks: Sequence[Part]
    ) -> Iterable[Result]:
        """`work` on every chunk; the results in the order of the chunks."""
        if self.plan.threads == 1 or len(chunks) < 2:
            return map(work, chunks)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                self.plan.threads, initializer=torch.set_num_threads, initargs=(1,)
            )
        return self._pool.map(work, chunks)

    def split(self, sizes: NDArray[np.int64]) -> list[Positions]:
        """Positions of clients of similar size, about `plan.chunk` at a time, never one alone."""
        order = np.argsort(-sizes, kind="stable")
        count = len(order)
        if self.plan.mode == "single" and count:
            return list(order[:, None])
        pieces = max(1, min(-(-count // self.plan.chunk), count // 2))
        return list(np.array_split(order, pieces))


def covers_in_order(at: Positions, count: int) -> bool:
    """Whether these positions are all of `count`, one after the other."""
    return len(at) == count and bool((at == np.arange(count)).all())


def take_rows(tree: Any, at: Positions, count: int) -> Any:
    """The rows of these positions, of leaves [count, ...], each contiguous."""
    if covers_in_order(at, count):
        return map_tree(Tensor.contiguous, tree)
    return map_tree(lambda leaf: leaf[torch.from_numpy(at).to(leaf.device)], tree)


def see_rows(tree: Any, at: Positions) -> Any:
    """The rows of these positions to be read, of leaves [n, ...]: no copies where in a row."""
    if len(at) and at[-1] - at[0] + 1 == len(at) and (np.diff(at) == 1).all():
        return map_tree(lambda leaf: leaf[int(at[0]) : int(at[-1]) + 1], tree)
    return map_tree(lambda leaf: leaf[torch.from_numpy(at).to(leaf.device)], tree)


def empty_rows(trees: Any, count: int) -> Any:
    """Trees (or tuples of trees) like those of a chunk, with uninitialised leaves [count, ...]."""
    return _apply(trees, lambda leaf: leaf.new_empty(count, *leaf.shape[1:]))


def put_rows(trees: Any, at: Tensor, rows: Any) -> None:
    """Write rows [n, ...] of a chunk to their places in trees (or tuples of trees)."""
    if type(trees) is tuple:
        for tree, part in zip(trees, rows, strict=True):
            put_rows(tree, at, part)
        return
    for leaf, new in zip(leaves(trees), leaves(rows), strict=True):
        leaf[at] = new


def _apply(tree: Any, fn: Callable[[Tensor], Tensor]) -> Any:
    if type(tree) is tuple:
        return tuple(map_tree(fn, part) for part in tree)
    return map_tree(fn, tree)


def _join(results: list[Any], how: Callable[[list[Tensor]], Tensor]) -> Any:
    """Trees (or tuples of trees) of one shape, leaf by leaf."""
    if type(results[0]) is tuple:
        return tuple(_join(list(parts), how) for parts in zip(*results, strict=True))
    return map_tree(lambda *same: how(list(same)), results[0], *results[1:])
