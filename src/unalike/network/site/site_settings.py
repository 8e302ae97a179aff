"""Who a site is, what it holds, and what of it the server may learn."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from unalike.data.reading.raw_samples import RawSamples
from unalike.network.processes.private_folder import make_private_folder
from unalike.tasks import AUTO

from .policy import Policy


@dataclass(frozen=True)
class SiteSettings:
    """A site with samples of its own, or one that holds a client of the study's data."""

    name: str
    state_folder: Path  # where private states are kept
    samples: RawSamples | None = None
    task: str = AUTO  # what is asked of them, where the study leaves it open
    client: int | None = None
    data_dir: str | None = None  # of the study's data
    device: str = "cpu"
    reveal_classes: bool = True  # whether the server learns how many samples of each class it has
    reveal_columns: bool = True  # whether it learns counts, ranges and sums of their features
    reveal_scores: bool = True  # whether it learns how many of them its models got right
    policy: Policy | None = None  # what it agrees to, whoever asks
    noise: float | None = None  # the largest epsilon that it tells anything with; then only once

    def mark(self) -> str:
        """Drawn when the state folder is first used: it tells two sites of one name apart."""
        path = self.state_folder / "mark"
        make_private_folder(self.state_folder)
        if not path.exists():
            path.write_text(secrets.token_hex(8), "ascii")
        return path.read_text("ascii").strip()
