"""What is handed to Flower as an app: a name for modules that are installed, and no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tomli_w

from unalike import __version__

SERVER_APP = "unalike.network.server.server_app:app"
CLIENT_APP = "unalike.network.site.client_app:app"
STUDY, DIAGNOSIS = "unalike.network.server.study", "unalike.network.server.diagnosis"
"""The modules of which the server app loads one, when it knows what it is asked for."""


def write_bundle(
    folder: Path,
    settings: Mapping[str, bool | int | float | str],
    *,
    server_app: str = SERVER_APP,
    client_app: str = CLIENT_APP,
) -> Path:
    """A folder for `flwr run`; `settings` are what both apps find in their run config."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "project": {
            "name": "unalike-federation",
            "version": __version__.partition("+")[0],
            "description": "Names the installed package unalike; holds no code.",
            "license": "Apache-2.0",
            "dependencies": [],
        },
        "tool": {
            "flwr": {
                "app": {
                    "publisher": "unalike",
                    "components": {"serverapp": server_app, "clientapp": client_app},
                    "config": dict(settings),
                }
            }
        },
    }
    (folder / "pyproject.toml").write_bytes(tomli_w.dumps(content).encode())
    return folder
