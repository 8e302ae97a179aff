"""Flower's server app: the study in a folder, over the grid. See `server_settings` and `events`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from unalike.errors import InputError
from unalike.network.processes.parent_watch import exit_with_parent
from unalike.study.folder_lock import lock_folder

from .events import EventHandler, event_writer
from .server_settings import ServerSettings

app = ServerApp()

LOCK_SECONDS = 30.0
"""That an earlier run of the same study may still need to end."""


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Do what is left of the study."""
    torch.set_num_threads(1)
    on_event = event_writer(str(context.run_config.get("events", "")))
    try:
        settings = ServerSettings.of(context.run_config)
        if not settings.study:
            raise InputError("The run config names no study: its key is study, a folder's path.")
        folder = Path(settings.study)
        with exit_with_parent(), lock_folder(folder, LOCK_SECONDS):
            _conduct(grid, folder, settings, on_event)
    except Exception as error:
        what = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        on_event({"event": "failed", "why": f"{what}{error}"})
        if isinstance(error, InputError):
            sys.exit(f"{error}")
        raise


def _conduct(grid: Grid, folder: Path, settings: ServerSettings, on_event: EventHandler) -> None:
    """The study, or the diagnosis that is asked for; the other one is not loaded."""
    if settings.diagnose:
        from .diagnosis import run_diagnosis

        run_diagnosis(grid, folder, settings, on_event)
    else:
        from .study import run_study

        run_study(grid, folder, settings, on_event)
