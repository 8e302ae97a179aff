"""Sites in this process that bring samples of their own, over real messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from network_grid import Node, node
from unalike.network.server.server_settings import ServerSettings
from unalike.network.site.session import Session
from unalike.network.site.site_settings import SiteSettings

QUICK = ServerSettings(least=1, deadline=5.0, patience=0.5, grace=0.2, poll=0.01, baselines=False)
STUDY: dict[str, Any] = {
    "data": "own",
    "model": "logistic",
    "methods": "fedavg",
    "rounds": 3,
    "seeds": 1,
}
CLASSES = ("mild", "severe", "none")
"""Not in the order of the alphabet."""


def blobs(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples [rows, 4] float32 that are easy to tell apart, and classes 0..2."""
    y = np.arange(rows) % 3
    x = 0.3 * np.random.default_rng(seed).normal(size=(rows, 4)) + 2 * np.eye(3, 4)[y]
    return x.astype(np.float32), y


def table(x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Samples as columns a to d, and classes by name as `grade`."""
    return pd.DataFrame(x, columns=list("abcd")).assign(grade=np.array(CLASSES)[y])


def pictures(folder: Path, x: np.ndarray, y: np.ndarray) -> Path:
    """Each sample as class/number.npy of 2 x 2 pixels."""
    for i, (image, name) in enumerate(zip(x, np.array(CLASSES)[y], strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.save(folder / name / f"{i:02}.npy", image.reshape(2, 2))
    return folder


def site(settings: SiteSettings) -> Node:
    """The node of a site."""
    return node(Session(settings).handle)
