"""What a robust rule is: answers and their weights go in, and come out as the server may use them.

Every rule has this one form, so rules follow one another: what one gives is what the next takes.
What comes out is a weighted mean of rows again; the method's server adds these up as it would have
added up the answers.

An answer is one vector, all numbers of all leaves of what the method sends: see `geometry`.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from unalike.core.method import NoState
from unalike.functional.trees import map_tree

NOBODY = -1
"""The id of a row that is no client's answer."""


class Weighted(NamedTuple):
    """Rows that stand for their weighted mean."""

    ups: Any  # every leaf [S, ...]
    weights: Tensor  # [S] float64, sums to 1
    ids: Tensor  # [S] int64: whose answer a row is, or NOBODY

    def mean(self) -> Any:
        """Every leaf [...]."""
        return map_tree(
            lambda leaf: torch.tensordot(self.weights.to(leaf.dtype), leaf, dims=1), self.ups
        )


class Rule(BaseModel):
    """A robust rule with its settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: ClassVar[str]  # what it does, as the end of "the server ..."

    kind: str

    @property
    def fewest(self) -> int:
        """Answers that it needs in a round."""
        return 1

    def memory(self, population: int, w: Tensor) -> Any:
        """What it remembers from round to round: a tree, before the first of N clients answers.

        w: the initial weights, for device and type.
        """
        return NoState()

    def apply(self, answers: Weighted, memory: Any) -> tuple[Weighted, Any]:
        """What the server may use, and what is remembered from now on; at least `fewest` rows."""
        raise NotImplementedError
