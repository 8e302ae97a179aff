"""What a tracker is, which there are, and how they listen to a study."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Protocol

from unalike.errors import InputError, unknown
from unalike.study.settings import Study
from unalike.study.training import ProgressCallback, ProgressEvent

logger = logging.getLogger("unalike")
logger.addHandler(logging.NullHandler())


class Tracker(Protocol):
    """Listens to the runs of a study; made by (study, folder of the study)."""

    def tell(self, event: ProgressEvent) -> None:
        """Take note of a round of a run; events without a label are about the whole study."""
        ...

    def close(self) -> None:
        """Write what is left; no event comes after."""
        ...


class TrackerKind(NamedTuple):
    """Where a tracker is, and the package that it needs."""

    module: str
    class_name: str
    package: str


TRACKERS = {
    "tensorboard": TrackerKind("tensorboard_tracker", "TensorBoardTracker", "tensorboard"),
    "mlflow": TrackerKind("mlflow_tracker", "MLflowTracker", "mlflow"),
    "wandb": TrackerKind("wandb_tracker", "WandbTracker", "wandb"),
}
"""By the name of `--track`, which is that of the extra."""


def check_trackers(names: str) -> list[str]:
    """The names of trackers, separated by commas, of which each can be had.

    Raises:
        InputError: one is unknown, or its package is not installed.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
        if find_spec(TRACKERS[name].package) is None:
            raise InputError(
                f"track = {name!r} needs {TRACKERS[name].package}: install it with pip install "
                f"'unalike[{name}]'."
            )
    return wanted


@contextmanager
def tracked(
    names: str, study: Study, folder: Path, tell: ProgressCallback
) -> Iterator[ProgressCallback]:
    """`tell`, with the log of Python and these trackers listening as well.

    Raises:
        InputError: a tracker is unknown, or its package is not installed.
    """
    with ExitStack() as stack:
        trackers: list[Tracker] = []
        for name in check_trackers(names):
            kind = TRACKERS[name]
            made = getattr(import_module(f"{__package__}.{kind.module}"), kind.class_name)
            trackers.append(made(study, folder))
            stack.callback(trackers[-1].close)

        def listen(event: ProgressEvent) -> None:
            event_log(event)
            for tracker in trackers:
                tracker.tell(event)
            tell(event)

        yield listen


def event_log(event: ProgressEvent) -> None:
    """Say an event in the log `unalike`: rounds as DEBUG, ends as INFO, remarks as WARNING."""
    run = f"{event.label}, seed {event.seed}" if event.label else "study"
    if event.remark:
        logger.warning("%s: %s", run, event.remark)
    elif event.finished:
        logger.info("%s: finished after round %d", run, event.t)
    elif event.numbers:
        logger.debug("%s: round %d: %s", run, event.t, event.numbers)
