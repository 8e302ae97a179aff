"""TensorBoard: an event file for each run, under FOLDER/tensorboard/METHOD/seed-N."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unalike.study.settings import Study
from unalike.study.training import ProgressEvent


class TensorBoardTracker:
    """Scalars by round; `tensorboard --logdir FOLDER/tensorboard` shows them."""

    def __init__(self, study: Study, folder: Path) -> None:
        self._folder, self._study = folder / "tensorboard", study.as_text()
        self._writers: dict[tuple[str, int], Any] = {}

    def tell(self, event: ProgressEvent) -> None:
        """Add the numbers of a round."""
        if event.numbers:
            writer = self._writer(event.label, event.seed)
            for name, value in event.numbers.items():
                writer.add_scalar(name, value, event.t)

    def close(self) -> None:
        """Write and close all files."""
        for writer in self._writers.values():
            writer.close()

    def _writer(self, label: str, seed: int) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        if (label, seed) not in self._writers:
            place = self._folder / label / f"seed-{seed}"
            self._writers[label, seed] = writer = SummaryWriter(str(place))
            writer.add_text("study", f"```toml\n{self._study}```")
        return self._writers[label, seed]
