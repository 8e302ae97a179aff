"""A federation of real processes on this machine, with certificates and keys, for tests."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from safetensors.torch import load_file

from unalike.network.deployment import rehearsal
from unalike.network.deployment.environment import command, environment
from unalike.network.deployment.ports import Address, free_port
from unalike.network.deployment.server_process import ServerDeployment, ServerProcess
from unalike.network.server.study import prepare
from unalike.study.settings import Study

Event = dict[str, Any]
LONGEST = 900.0
"""Seconds that anything may take on a busy machine."""


class RealFederation:
    """A study, its server in a thread, and its sites in processes.

    first: the sites that are started at once; all if not given. node: their kind of node.
    reached_at: where a site finds the server, from its name and the server's own address.
    """

    def __init__(
        self,
        folder: Path,
        study: Study,
        *,
        first: int | None = None,
        node: str = "supernode",
        reached_at: Callable[[str, Address], Address] = lambda _, server: server,
        **settings: Any,
    ) -> None:
        roster = prepare(study, folder)
        names = [site.name for site in roster.places if site is not None]
        defaults = {"study": str(folder), "baselines": False, "deadline": LONGEST}
        self.folder, self.events = folder, list[Event]()
        address = Address("localhost", free_port())
        self.rehearsal = rehearsal.Rehearsal(
            folder, address, names, first=first, node=node, reached_at=reached_at
        )
        self._settings = defaults | settings
        self.last: Event | None = None
        self.failure: BaseException | None = None

    def __enter__(self) -> RealFederation:
        self.rehearsal.__enter__()
        server, tls = self.rehearsal.server, self.rehearsal.tls
        deployment = ServerDeployment(self.folder, server, self._settings, tls)
        self.server = ServerProcess(deployment, self.events.append)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self._thread.join()
        self.rehearsal.__exit__()

    def _serve(self) -> None:
        try:
            self.last = self.server.run()
        except BaseException as error:
            self.failure = error

    def wait(self, true: Callable[[], Any]) -> None:
        """Until it holds; fails at once when the server has ended before."""
        end = time.monotonic() + LONGEST
        while not true():
            if not self._thread.is_alive() and not true():
                raise AssertionError(f"the server ended: {self.failure}; {self.events[-5:]}")
            assert time.monotonic() < end, self.events[-5:]
            time.sleep(0.1)

    def finish(self) -> None:
        """Wait for the end of the study."""
        self.wait(lambda: self.last is not None)
        assert self.last == {"event": "finished"}

    def rounds(self) -> list[Event]:
        """The rounds so far."""
        return [event for event in self.events if event["event"] == "round"]

    def remarks(self) -> list[str]:
        """What was said aloud so far."""
        return [event["text"] for event in self.events if event["event"] == "remark"]

    def flwr(self, *arguments: str) -> dict[str, Any]:
        """What a command of flwr gets to hear from somebody outside who trusts the ca.crt."""
        home = self.folder / "outside"
        home.mkdir(exist_ok=True)
        there = {
            "address": str(self.rehearsal.server),
            "root-certificates": str(self.rehearsal.tls / "ca.crt"),
        }
        (home / "config.toml").write_text(tomli_w.dumps({"superlink": {"there": there}}))
        completed = subprocess.run(
            [command("flwr"), *arguments, "there", "--format", "json"],
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        answer: dict[str, Any] = json.loads(completed.stdout[completed.stdout.index("{") :])
        return answer


def processes(root: int) -> dict[int, str]:
    """A process and all that it has started: their ids and command lines."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    fields = [line.split(None, 2) for line in listed]
    parents = {int(pid): int(parent) for pid, parent, _ in fields}
    chosen = {root}
    while more := {pid for pid, parent in parents.items() if parent in chosen} - chosen:
        chosen |= more
    return {int(pid): command for pid, _, command in fields if int(pid) in chosen}


def assert_same_server(one: Path, other: Path) -> None:
    """Two checkpoints with the same round and server, to float tolerance."""
    a, b = load_file(one / "checkpoint.safetensors"), load_file(other / "checkpoint.safetensors")
    names = {name for name in a if name.startswith("server.")}
    assert names == {name for name in b if name.startswith("server.")}
    for name in names:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-6)


def accuracies(folder: Path) -> list[Any]:
    """What each site's model got right, of every evaluation."""
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    measured = [json.loads(line).get("evaluation") for line in lines]
    return [np.nan_to_num(one["personal"]["accuracy"]).tolist() for one in measured if one]
