"""unalike's own server app, each of its rounds noted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Do the study; a line for each round to the file `events`."""
    import torch

    from benchmarks.network import Watch
    from unalike.network.server.server_settings import ServerSettings
    from unalike.network.server.study import run_study

    torch.set_num_threads(1)
    config = context.run_config
    settings, watch = ServerSettings.of(config), Watch(grid, config)

    def on_event(event: dict[str, Any]) -> None:
        print(json.dumps(event), flush=True)
        if event["event"] == "round":
            watch.note()

    run_study(watch, Path(settings.study), settings, on_event)
    with Path(settings.events).open("a") as file:
        file.write(json.dumps({"done": True}) + "\n")
