"""A server that is killed and served again: the study goes on, to the numbers of a simulation."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from real_federation import LONGEST, accuracies, assert_same_server
from small_studies import SMALL
from unalike import compare
from unalike.network.deployment import rehearsal
from unalike.network.deployment.ports import Address, free_port
from unalike.network.server.study import prepare
from unalike.study.settings import make_study

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = SMALL | {"clients": 3, "new_clients": 0.0, "model": "mlp"}


def test_a_server_that_is_killed_goes_on(tmp_path: Path) -> None:
    """The same command again, twice killed: the sites come back by themselves, and the outcome is
    that of a simulation."""
    settings = SETTINGS | {"methods": "fedrep", "rounds": 6, "evaluate_every": 6}
    folder, server = tmp_path / "study", Address("localhost", free_port())
    study = make_study(settings)
    study.write(tmp_path / "study.toml")
    names = [site.name for site in prepare(study, folder).places if site is not None]
    command = ["serve", str(folder), "--listen", str(server), "--no-baselines"]
    run = folder / "runs" / "fedrep" / "seed-0"
    with rehearsal.Rehearsal(folder, server, names) as sites:
        command += ["--tls", str(sites.tls)]
        for rounds in (2, 4):
            process = _unalike(*command)
            _wait(lambda rounds=rounds: _rounds(run) >= rounds)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert _rounds(run) < 6
        process = _unalike(*command)
        assert process.wait(LONGEST) == 0
        assert all(site.running or site.exit_code == 0 for site in sites.sites.values())
    compare(**settings, out=tmp_path / "simulated")
    there = tmp_path / "simulated" / "runs" / "fedrep" / "seed-0"
    assert_same_server(run, there)
    assert accuracies(run) == accuracies(there)


def _unalike(*arguments: str) -> subprocess.Popen[bytes]:
    run = "from unalike.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", run, *arguments])


def _rounds(run: Path) -> int:
    file = run / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _wait(true: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
