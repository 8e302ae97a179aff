"""Where the private states of N clients are kept while they are not at work."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unalike.functional.trees import leaves, map_tree


class ChangedStates(NamedTuple):
    """The private states of those clients alone that have ever been given one."""

    clients: Tensor  # [n] int64
    states: Any  # leaves [n, ...]


class ClientStates:
    """N places, every one of which holds `fresh` until something is put there.

    The places lie in one block per leaf that nobody fills: on a CPU the system hands out its
    pages when they are first written, so clients that were never sampled take no memory.
    """

    def __init__(self, fresh: Any, places: int, device: torch.device) -> None:
        self._fresh = fresh
        self._rows = map_tree(lambda leaf: leaf.new_empty((places, *leaf.shape)), fresh)
        self._filled = torch.zeros(places, dtype=torch.bool, device=device)
        self.versions = np.zeros(places, np.int64)
        """How often the state in each place has been replaced."""

    def take(self, ids: Tensor) -> Any:
        """The states of these clients [S]: leaves [S, ...]."""
        unfilled = ~self._filled[ids]
        some = bool(unfilled.any())

        def chosen(rows: Tensor, fresh: Tensor) -> Tensor:
            mine = rows[ids]
            if some:
                mine[unfilled] = fresh
            return mine

        return map_tree(chosen, self._rows, self._fresh)

    def put(self, ids: Tensor, states: Any) -> None:
        """Keep the states of these clients [S]: leaves [S, ...]."""
        for rows, new in zip(leaves(self._rows), leaves(states), strict=True):
            rows[ids] = new
        self._filled[ids] = True
        self.versions[ids.cpu().numpy()] += 1

    def all(self) -> Any:
        """All states: leaves [N, ...]."""
        return self.take(torch.arange(len(self._filled), device=self._filled.device))

    def changed(self) -> ChangedStates:
        """Those that are not `fresh` any more."""
        clients = self._filled.nonzero().flatten()
        return ChangedStates(clients, self.take(clients))
