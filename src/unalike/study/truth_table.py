"""What was drawn when the clients of a study were made unlike, kept with the study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from unalike.data.federation import Federation

from .files import write_atomically

COLUMNS = ["seed", "client", "skew", "group", "drawn"]


def truths(federations: Sequence[Federation]) -> pd.DataFrame:
    """The group that each skew put each client in, and what it got; federations by seed."""
    rows = [
        (seed, name, truth.kind, int(group), truth.drawn[group])
        for seed, federation in enumerate(federations)
        for truth in federation.truth
        for name, group in zip(federation.names, truth.group, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def write_truth(federations: Sequence[Federation], path: Path) -> None:
    """Write it as CSV, where there is any."""
    known = truths(federations)
    if len(known):
        write_atomically(path, known.to_csv(index=False).encode())
