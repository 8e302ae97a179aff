"""Flower's server app: one run at a time in a study's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from flwr.app import Context, RecordDict

from network_grid import InProcessGrid
from unalike.network.server import server_app
from unalike.study.folder_lock import lock_folder


def test_a_second_run_does_not_write_to_the_folder_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_app, "LOCK_SECONDS", 0.1)
    context = Context(1, 0, {}, RecordDict(), {"study": str(tmp_path)})
    with (
        lock_folder(tmp_path),
        pytest.raises(SystemExit, match="is in use by another unalike process"),
    ):
        server_app.app(InProcessGrid({}), context)
