"""The named segments of a flat vector of weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The named segments of the flat vector, in the module's own order."""

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]

    @property
    def sizes(self) -> list[int]:
        """Numbers in each segment."""
        return [shape.numel() for shape in self.shapes]

    def views(self, w: Tensor) -> dict[str, Tensor]:
        """The segments of w [P] by name, as views; their gradient is one `cat`."""
        parts = w.split(self.sizes)
        return {
            name: part.view(shape)
            for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
        }
