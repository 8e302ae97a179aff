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
    from unalike.network.server.server_app import terms_of
    from unalike.network.server.study import conduct

    torch.set_num_threads(1)
    config = context.run_config
    watch = Watch(grid, config)

    def tell(event: dict[str, Any]) -> None:
        print(json.dumps(event), flush=True)
        if event["event"] == "round":
            watch.note()

    conduct(watch, Path(str(config["study"])), terms_of(config), tell)
    with Path(str(config["events"])).open("a") as file:
        file.write(json.dumps({"done": True}) + "\n")
