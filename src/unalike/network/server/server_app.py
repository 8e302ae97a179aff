"""Flower's server app: the study in a folder, over the grid. The package lists its settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from unalike.errors import InputError
from unalike.network.processes.folder_lock import lock_folder
from unalike.network.processes.parent_watch import exit_with_parent
from unalike.network.site.summaries import Wish

from .diagnosis import survey
from .sites import Tell, Terms
from .study import conduct

app = ServerApp()

ENDING = 30.0
"""Seconds that an earlier run of the same study may still need to end."""


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Do what is left of the study."""
    torch.set_num_threads(1)
    config = context.run_config
    tell = teller(str(config.get("events", "")))
    try:
        folder, terms = Path(str(config["study"])), terms_of(config)
        with exit_with_parent(), lock_folder(folder, ENDING):
            if config.get("diagnose"):
                survey(grid, folder, terms, wish_of(config), tell)
            else:
                conduct(grid, folder, terms, tell)
    except Exception as error:
        what = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        tell({"event": "failed", "why": f"{what}{error}"})
        if isinstance(error, InputError):
            sys.exit(f"{error}")
        raise


def wish_of(config: Mapping[str, Any]) -> Wish:
    """What a run config wishes to know of the samples."""
    return Wish(float(config.get("noise", 0.0)), int(config.get("label", -1)))


def terms_of(config: Mapping[str, Any]) -> Terms:
    """The terms in a run config; what it does not say has its default."""
    known = {field.name: type(getattr(Terms, field.name)) for field in fields(Terms)}
    return Terms(**{name: kind(config[name]) for name, kind in known.items() if name in config})


def teller(path: str) -> Tell:
    """Says an event on standard output, and in a file where one is given."""

    def tell(event: dict[str, Any]) -> None:
        line = json.dumps(event)
        print(line, flush=True)
        if path:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    return tell
