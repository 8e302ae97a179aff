"""What was drawn when the clients of a study were made unlike, kept with the study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unalike.data.federation import Federation

from .files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["seed", "client", "skew", "group", "drawn"]


def truths(federations: Sequence[Federation]) -> pd.DataFrame:
    """The group that each skew put each client in, and what it got; federations by seed."""
    import pandas as pd  # 0.3 s, before the first round

    rows = [
        (seed, name, truth.kind, int(group), truth.drawn[group])
        for seed, federation in enumerate(federations)
        for truth in federation.truth
        for name, group in zip(federation.names, truth.group, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def write_truth(federations: Sequence[Federation], path: Path) -> None:
    """Write it as CSV, where there is any."""
    if any(federation.truth for federation in federations):
        write_atomically(path, truths(federations).to_csv(index=False).encode())
