"""The pull of a shared model on a client's own, lam / 2 |v - w|^2, and what it counts beside."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from torch import Tensor

from .batches import Batches

RULE, VARIANCES = "lam_rule", "variance-components"
"""The setting that says how lam counts, and the value by which it is estimated."""

LamRule = Annotated[
    Literal["mean", "sum", "variance-components"],
    "lam counts beside the mean of a client's losses, or beside their sum (lam / n_i), as in a "
    "mixed model; variance-components: so, and estimated from the data",
]


class Penalty(NamedTuple):
    """The weight of the pull beside a client's mean loss."""

    lam: float | Tensor

    def __call__(self, gradient: Tensor, gap: Tensor) -> Tensor:
        """The gradient [P], written over, plus lam times the gap [P] to the shared model."""
        if isinstance(self.lam, Tensor):
            return gradient.add_(gap * self.lam)
        return gradient.add_(gap, alpha=self.lam)


def penalty(lam: float, rule: LamRule, batches: Batches) -> Penalty:
    """Of a client with these samples."""
    if rule == "mean":
        return Penalty(lam)
    return Penalty(lam / batches.size.clamp(min=1).to(batches.dtype))
