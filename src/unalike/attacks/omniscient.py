"""Attacks of clients that work together and see what the honest ones send in the same round.

    a-little-is-enough    u <- mu - z sigma,   mu and sigma of the honest answers, coordinate-wise
    inner-product         u <- -epsilon mu

The papers' attackers guess mu and sigma from the answers of their own kind; these know them, which
is the worst case. Neither weighs answers, as in the papers. Where no honest client answers, the
hostile ones take what they would have sent for the honest answers.

Source  Baruch et al., NeurIPS 2019, algorithm 3 (arXiv:1902.06156); Xie et al., UAI 2019
        (arXiv:1903.03936)
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from unalike.functional.trees import map_tree

from .attack import Attack, replaced


class LittleIsEnough(Attack):
    """All hostile clients send the honest mean, moved by a few standard deviations."""

    meaning: ClassVar[str] = "send the honest clients' mean, less z standard deviations"
    omniscient: ClassVar[bool] = True

    kind: Literal["a-little-is-enough"] = "a-little-is-enough"
    z: Annotated[
        float | None, Field(ge=0, description="standard deviations; the paper's z if not given")
    ] = None

    def answers(self, ups: Any, hostile: Tensor, keys: Tensor) -> Any:
        z = largest_z(len(hostile), int(hostile.sum())) if self.z is None else self.z
        honest = _honest(hostile)

        def moved(leaf: Tensor) -> Tensor:
            rows = leaf[honest]
            mean = rows.mean(0)
            target = mean - z * (rows - mean).square().mean(0).sqrt()
            return target.expand(int(hostile.sum()), *target.shape)

        return replaced(ups, hostile, map_tree(moved, ups))


class InnerProduct(Attack):
    """All hostile clients send a multiple of the honest mean, turned round."""

    meaning: ClassVar[str] = "send the opposite of the honest clients' mean"
    omniscient: ClassVar[bool] = True

    kind: Literal["inner-product"] = "inner-product"
    epsilon: Annotated[float, Field(gt=0, description="length, in that of the mean")] = 0.5

    def answers(self, ups: Any, hostile: Tensor, keys: Tensor) -> Any:
        honest = _honest(hostile)

        def turned(leaf: Tensor) -> Tensor:
            target = -self.epsilon * leaf[honest].mean(0)
            return target.expand(int(hostile.sum()), *target.shape)

        return replaced(ups, hostile, map_tree(turned, ups))


def largest_z(answers: int, hostile: int) -> float:
    """The largest z at which a majority still lies further out than the hostile answers.

    s = floor(n / 2 + 1) - f supporters are needed among n - f honest clients; z is the quantile
    (n - f - s) / (n - f) of the normal distribution, and 0 where that is below the middle.
    """
    honest = answers - hostile
    supporters = max(1, answers // 2 + 1 - hostile)
    share = (honest - supporters) / honest if honest else 0.0
    return NormalDist().inv_cdf(share) if share > 0.5 else 0.0


def _honest(hostile: Tensor) -> Tensor:
    """Whose answers count as honest: [S] bool."""
    return hostile if bool(hostile.all()) else ~hostile
