"""A federation without its test samples: what choices among settings may know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from .federated_data import Data
from .ragged import Ragged


def without_test_samples(federation: Data) -> Data:
    """The same clients, whose validation samples stand where their test samples were.

    So everything that judges runs can judge them, and the true test samples are in none of its
    tensors. Clients that never train have no samples to be judged on.
    """
    here = np.where(federation.newcomers, 0, federation.validation.sizes)
    kept = ~federation.newcomers[federation.validation.owner]
    rows = federation.validation.values[kept]
    window = federation.window
    if window is not None:
        window = window._replace(tests=window.samples[rows])
    chosen = torch.from_numpy(rows).to(federation.x.device)
    return replace(
        federation,
        x_test=federation.x[chosen],
        y_test=federation.y[chosen],
        test=Ragged.of(np.arange(len(rows)), here.astype(np.int64)),
        pooled_test=np.arange(len(rows)),
        origin=None,
        window=window,
    )
