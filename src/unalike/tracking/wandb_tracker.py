"""Weights & Biases: a group for each study, a run for each method and seed.

Runs are kept offline under FOLDER/wandb, for `wandb sync`, unless WANDB_MODE says otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from unalike.study.settings import Study
from unalike.study.training import ProgressEvent


class WandbTracker:
    """The numbers of each round, with the study's settings as configuration."""

    def __init__(self, study: Study, folder: Path) -> None:
        self._study, self._folder = study, folder
        self._runs: dict[tuple[str, int], Any] = {}

    def tell(self, event: ProgressEvent) -> None:
        """Log the numbers of a round."""
        if event.numbers:
            self._run(event.label, event.seed).log(event.numbers, step=event.t)

    def close(self) -> None:
        """End all runs."""
        for run in self._runs.values():
            run.finish()

    def _run(self, label: str, seed: int) -> Any:
        import wandb

        if (label, seed) not in self._runs:
            self._runs[label, seed] = wandb.init(
                project="unalike",
                group=self._folder.absolute().name,
                name=f"{label}-seed-{seed}",
                dir=str(self._folder),
                mode=os.environ.get("WANDB_MODE", "offline"),
                config={**self._study.as_toml(), "method": label, "seed": seed},
                reinit="create_new",
            )
        return self._runs[label, seed]
