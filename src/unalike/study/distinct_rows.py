"""Rows of tensors of which many are the same, each kept once."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class DistinctRows:
    """The different rows among those of N places, told block by block; equal is byte by byte."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._rows: list[Tensor] = []
        self._told: list[tuple[Tensor, Tensor]] = []

    def add(self, places: NDArray[np.int64], rows: Tensor) -> None:
        """Rows [n, ...] for as many places, or one row for all of them."""
        rows = rows.detach().cpu()
        first, inverse = first_alike(rows)
        numbers = []
        for row in first.tolist():
            content = rows[row].contiguous().numpy().tobytes()
            name = hashlib.blake2b(content, digest_size=16).digest()
            if name not in self._known:
                self._known[name] = len(self._rows)
                self._rows.append(rows[row].clone())
            numbers.append(self._known[name])
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
        return torch.stack(self._rows)


def first_alike(rows: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of rows [n, ...]: the first of each kind, and for each row which of these it is like.

    A row that only seems to be like another, by its sum, is a kind of its own.
    """
    flat = np.ascontiguousarray(rows.reshape(len(rows), -1).numpy()).view(np.uint8)
    words = np.zeros((len(flat), -(-flat.shape[1] // 8) * 8), np.uint8)
    words[:, : flat.shape[1]] = flat
    numbers = words.view(np.uint64)
    factors = np.random.default_rng(0).integers(1, 2**63, numbers.shape[1], np.uint64)
    with np.errstate(over="ignore"):
        sums = (numbers * (2 * factors + 1)).sum(1)
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    lookalike = np.flatnonzero((numbers != numbers[first[inverse]]).any(1))
    inverse[lookalike] = len(first) + np.arange(len(lookalike))
    return np.concatenate([first, lookalike]), inverse
