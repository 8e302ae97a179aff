"""A client whose samples are numbers, and what is seen of them in its batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from unalike.core import Batches
from worlds import samples


def numbered(n: int, **options: Any) -> Batches:
    """Sample k is the number k."""
    x = torch.arange(max(n, 1), dtype=torch.float64)
    batches = samples(x[:n] if n else x, x[:n] if n else x, **options)
    if n:
        return batches
    nobody = {"size": torch.tensor(0), "sizes": np.asarray([0])}
    return Batches(**{**batches.__dict__, **nobody})


def seen(batches: Batches) -> list[list[float]]:
    """The real samples of each real step."""
    return [
        step.batch.x[step.batch.weight > 0].tolist()
        for step in batches
        if step.active is None or bool(step.active)
    ]


def flat(batches: Batches) -> list[float]:
    """The real samples of all real steps."""
    return [x for step in seen(batches) for x in step]
