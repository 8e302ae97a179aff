"""How an array becomes the numbers that a network learns from, once it is fitted."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from unalike.errors import InputError

from .exact_sums import Grid


class ArrayPreprocessing(BaseModel):
    """A division for pictures, or a scale for each feature along one axis; the shape stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Literal["array"] = "array"
    said: str
    divisor: float = 1.0
    axis: int | None = None  # of the features; None where all entries are treated alike
    low: tuple[int | float, ...] = ()
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    integers: bool = False  # whole numbers stay what they are, for embeddings

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Arrays name no features."""
        return ()

    def transform(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Samples [n, ...] -> [n, ...] float32, or int64 where whole numbers stay.

        Raises:
            InputError: an entry is not finite.
        """
        finite = np.isfinite(x).reshape(len(x), -1).all(1)
        if not finite.all():
            raise InputError(
                f"x holds NaN or infinite values, first in sample {finite.argmin()}: fill them in "
                "or leave these samples out."
            )
        if self.integers:
            return np.ascontiguousarray(x, np.int64)
        if self.axis is None:
            pixels = np.array(x, np.float32)
            if self.divisor != 1:
                pixels /= np.float32(self.divisor)
            return pixels
        return self._scaled(np.moveaxis(x, self.axis, -1))

    __call__ = transform

    def _scaled(self, x: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Features last: in double precision, from exact differences, one feature at a time."""
        scaled = np.empty(x.shape, np.float32)
        for j, (low, offset, scale) in enumerate(
            zip(self.low, self.offset, self.scale, strict=True)
        ):
            values = x[..., j]
            if isinstance(low, int) and values.dtype.kind in "iub":
                above = Grid(low, 0, True).away(values).view(np.int64).astype(np.float64)
            else:
                above = values.astype(np.float64) - low
            scaled[..., j] = (above - offset) / scale
        return np.ascontiguousarray(np.moveaxis(scaled, -1, self.axis or 0))

    def to_dict(self) -> dict[str, Any]:
        """As plain values that JSON holds without loss."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> ArrayPreprocessing:
        """What `to_dict` gave."""
        return cls.model_validate(plain)

    def sentences(self) -> list[str]:
        """What a reader must know."""
        return [self.said]


def feature_axis(dimensions: int) -> int:
    """The axis of the features of x [n, d], [n, steps, d] or [n, channels, ...]."""
    return dimensions - 1 if dimensions <= 3 else 1


def entries(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """All entries of each feature: x [n, ...] -> [m, features]."""
    axis = feature_axis(x.ndim)
    return np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
