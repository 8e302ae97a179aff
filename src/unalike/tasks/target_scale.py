"""On what scale quantities are trained: less a centre, over a spread, one of each a target."""

from __future__ import annotations

from typing import Annotated, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

Finite = Annotated[float, Field(allow_inf_nan=False)]
Spread = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Values = TypeVar("Values", NDArray[np.float64], Tensor)


class TargetScale(BaseModel):
    """What was learned from the training samples of the clients that train."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    centre: tuple[Finite, ...]  # of each target
    spread: tuple[Spread, ...]

    def scaled(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Quantities [n] or [n, k] in their own unit -> as they are trained on."""
        return ((y.astype(np.float64) - self.middle) / self._spread).astype(np.float32)

    def in_unit(self, values: Values) -> Values:
        """Outputs or quantities as they are trained on [n] or [n, k] -> in their own unit."""
        if isinstance(values, Tensor):
            spread, centre = (torch.as_tensor(one) for one in (self._spread, self.middle))
            return (values.double() * spread + centre).to(values.dtype)
        return values.astype(np.float64) * self._spread + self.middle

    @property
    def middle(self) -> NDArray[np.float64]:
        """The centre as an array: a number where there is one target, else [k]."""
        return _per_target(self.centre)

    @property
    def _spread(self) -> NDArray[np.float64]:
        return _per_target(self.spread)


def _per_target(values: tuple[float, ...]) -> NDArray[np.float64]:
    """A number where there is one target, whose quantities may come flat; else [k]."""
    return np.asarray(values[0] if len(values) == 1 else values, np.float64)
