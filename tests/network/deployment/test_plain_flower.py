"""The page on deployment: Flower's own commands, as they stand there, behind the gate and nginx.

A server, two sites, TLS and node keys, in processes of their own; the outcome is the simulated one.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plain_flower import SITES, PlainFlower
from real_federation import LONGEST, processes
from small_studies import comparable
from unalike import compare
from unalike.network.deployment import keys
from unalike.results.summary import read_summary

pytestmark = pytest.mark.slow

CLASSES, ROUNDS = 3, 2
FEATURES = {"gate": 4, "nginx": 156_250}
"""Behind nginx a model of 10 million parameters, which travels in pieces of 5 MB."""
DOORS = [door for door in FEATURES if door == "gate" or shutil.which(door)]


@pytest.fixture(scope="module", params=DOORS)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlainFlower]:
    folder = tmp_path_factory.mktemp("plain")
    with PlainFlower(folder / "server", request.param, ROUNDS) as federation:
        federation.serve()
        federation.submit()
        for seed, name in enumerate(SITES):
            federation.join(name, write_samples(folder, FEATURES[request.param], seed))
        yield federation


def test_strangers_are_turned_away(running: PlainFlower, tmp_path: Path) -> None:
    public = keys.make_key(tmp_path / "stranger.key")
    for command in (["run", "app"], ["supernode", "register", str(public)], ["list"]):
        assert "403" in running.stranger(*command)
    for path in (
        "/v1/control/start-run",
        "/v1/fleet/register-node",
        "/v1/fleet/../control/start-run",
        "/v1/fleet/%2e%2e/control/start-run",
        "/v1/fleet/pull-messages/../../control/start-run",
        "/v1/fleet/pull-messages%2f..%2f..%2fcontrol%2fstart-run",
        "/health",
    ):
        assert status(running, path) in (401, 403)


def test_a_study_that_crashed_goes_on_when_it_is_run_again(running: PlainFlower) -> None:
    wait(running, lambda: rounds(running.study) > ROUNDS)
    server = processes(running.processes["server"].pid)
    (app,) = (pid for pid, command in server.items() if "flwr-serverapp" in command)
    os.kill(app, signal.SIGKILL)
    assert not (running.study / "summary.csv").exists()
    running.submit()
    wait(running, lambda: (running.study / "report.html").exists())


def test_the_outcome_is_the_simulated_one(running: PlainFlower) -> None:
    wait(running, lambda: (running.study / "report.html").exists())
    known = compare(
        together(running), model="mlp", methods="local,fedavg,fedrep", rounds=ROUNDS, seeds=1
    )
    there, here = comparable(known.frame), comparable(read_summary(running.study / "summary.csv"))
    names = ["method", "seed", "client", "metric"]
    assert here[names].equals(there[names])
    exact = ~here["metric"].str.contains("global_auc")  # of all sites together from histograms
    np.testing.assert_allclose(here["value"][exact], there["value"][exact], rtol=1e-4, atol=1e-6)


def write_samples(folder: Path, features: int, seed: int) -> Path:
    y = np.arange(40) % CLASSES
    x = 0.3 * np.random.default_rng(seed).normal(size=(40, features)) + 2 * np.eye(3, features)[y]
    np.savez(folder / f"{seed}.npz", x=x.astype(np.float32), y=y)
    return folder / f"{seed}.npz"


def together(running: PlainFlower) -> tuple[np.ndarray, ...]:
    """The samples of all sites in one place: x [n, ...], y [n], whose each is [n]."""
    held = [dict(np.load(running.folder / name / "mine.npz")) for name in SITES]
    x, y = (np.concatenate([one[part] for one in held]) for part in "xy")
    return x, y, np.repeat(SITES, [len(one["y"]) for one in held])


def rounds(study: Path) -> int:
    """How many are done, of all methods."""
    return sum(file.read_bytes().count(b"\n") for file in study.glob("runs/*/*/metrics.jsonl"))


def status(running: PlainFlower, path: str) -> int:
    """What the door answers to a call by somebody who has the ca.crt."""
    trusted = ssl.create_default_context(cafile=str(running.folder / "tls" / "ca.crt"))
    connection = http.client.HTTPSConnection(*running.outer, timeout=LONGEST, context=trusted)
    connection.request("POST", path, b"")
    answer = connection.getresponse().status
    connection.close()
    return answer


def wait(running: PlainFlower, true: Callable[[], Any]) -> None:
    end = time.monotonic() + LONGEST
    while not true():
        for process in running.processes.values():
            assert process.running, process.output()
        assert time.monotonic() < end, running.processes["server"].output()
        time.sleep(0.2)
