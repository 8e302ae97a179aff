"""Rows of tensors of which many are the same, each kept once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Words = NDArray[np.uint64]


class DistinctRows:
    """The different rows among those of N places, told block by block; equal is byte by byte."""

    def __init__(self) -> None:
        self._alike: dict[int, list[int]] = {}
        """By the sum of their words, the numbers of the rows that have it."""
        self._blocks: list[Tensor] = []
        self._rows: list[Tensor] = []
        """Those of the blocks, by number."""
        self._told: list[tuple[Tensor, Tensor]] = []

    def add(self, places: NDArray[np.int64], rows: Tensor) -> None:
        """Rows [n, ...] for as many places, or one row for all of them."""
        rows = rows.detach().cpu()
        words = words_of(rows)
        sums = word_sums(words)
        first, inverse = first_alike(words, sums)
        known = len(self._rows)
        new: list[int] = []

        def words_at(number: int) -> Words:
            old = number < known
            return words_of(self._rows[number][None])[0] if old else words[new[number - known]]

        numbers = []
        for row, total in zip(first.tolist(), sums[first].tolist(), strict=True):
            others = self._alike.setdefault(total, [])
            same = (k for k in others if np.array_equal(words_at(k), words[row]))
            number = next(same, known + len(new))
            if number == known + len(new):
                others.append(number)
                new.append(row)
            numbers.append(number)
        self._blocks.append(rows[torch.tensor(new, dtype=torch.int64)])
        self._rows += self._blocks[-1].unbind()
        which = torch.tensor(numbers)[torch.from_numpy(inverse)]
        self._told.append((torch.from_numpy(places), which.expand(len(places))))

    @property
    def places(self) -> Tensor:
        """Which row is whose: [N]."""
        places, which = (torch.cat(parts) for parts in zip(*self._told, strict=True))
        found = torch.zeros(int(places.max()) + 1, dtype=torch.int64)
        found[places] = which
        return found

    @property
    def rows(self) -> Tensor:
        """Each of them once: [distinct, ...]."""
        return self._blocks[0] if len(self._blocks) == 1 else torch.cat(self._blocks)


def words_of(rows: Tensor) -> Words:
    """The bytes of rows [n, ...] on the host, eight at a time, zeros behind them: [n, words]."""
    flat = np.ascontiguousarray(rows.reshape(len(rows), -1).numpy()).view(np.uint8)
    missing = -flat.shape[1] % 8
    return (np.pad(flat, ((0, 0), (0, missing))) if missing else flat).view(np.uint64)


def word_sums(words: Words) -> Words:
    """A sum for each row of words [n, words], different for most that differ: [n]."""
    factors = np.random.default_rng(0).integers(1, 2**63, words.shape[1], np.uint64)
    return words @ (2 * factors + 1)


def first_alike(words: Words, sums: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of rows [n, words]: the first of each kind, and for each row which of these it is like.

    A row that only seems to be like another, by its sum [n], is a kind of its own.
    """
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[inverse] != np.arange(len(words)))
    lookalike = again[(words[again] != words[first[inverse[again]]]).any(1)]
    inverse[lookalike] = len(first) + np.arange(len(lookalike))
    return np.concatenate([first, lookalike]), inverse
