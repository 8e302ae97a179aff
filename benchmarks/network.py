"""What a round over a network costs beside Flower by itself: `python -m benchmarks.network`.

One SuperLink and a few nodes on this machine, without TLS or gate. Two apps take turns on them:
bare Flower, whose ClientApp adds a number to an array, and FedAvg as `unalike serve` runs it,
with one step on 40 samples. Both servers poll twice a second and the nodes of both start a process
for every message, as Flower does. Then the same FedAvg between nodes that answer in one process
(`--one-process`), on a SuperLink of their own. Of each turn the first round is not counted, of
unalike the last one neither, because it measures accuracies too. CPU seconds are those of all
processes together (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Message
from flwr.serverapp import Grid

POLL = 0.5
EVENTS = "events.jsonl"
TASK_POLL = "FLWR_SUPEREXEC_TASK_POLL_INTERVAL"
LONGEST = 600.0
CLASSES, HIDDEN = 10, 200


class Watch(Grid):
    """A grid that counts the bytes that go through it and notes when a round is over."""

    def __init__(self, grid: Grid, config: Mapping[str, Any]) -> None:
        self._grid, self._path = grid, Path(str(config["events"]))
        self._roots = [int(pid) for pid in str(config["processes"]).split()]
        self._bytes = {"down": 0, "up": 0}
        self.note()

    def note(self) -> None:
        """One line: time, CPU seconds and bytes so far."""
        now = {"time": time.time(), "cpu": cpu_seconds(self._roots), **self._bytes}
        with self._path.open("a") as file:
            file.write(json.dumps(now) + "\n")

    def set_run(self, run: Any) -> None:
        self._grid.set_run(run)

    @property
    def run(self) -> Any:
        return self._grid.run

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        return self._grid.create_message(*args, **kwargs)

    def get_node_ids(self) -> Iterable[int]:
        return self._grid.get_node_ids()

    def get_nodes(self) -> Any:
        return self._grid.get_nodes()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        listed = list(messages)
        self._bytes["down"] += sum(map(_size, listed))
        return self._grid.push_messages(listed)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        found = list(self._grid.pull_messages(message_ids))
        self._bytes["up"] += sum(map(_size, found))
        return found

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        raise NotImplementedError


def _size(message: Message) -> int:
    """Bytes of arrays and texts."""
    if message.has_error():
        return 0
    content = message.content
    arrays = (a for record in content.array_records.values() for a in record.values())
    values = (v for record in content.config_records.values() for v in record.values())
    known = (v if isinstance(v, bytes) else str(v) for v in values)
    return sum(len(a.data) for a in arrays) + sum(map(len, known))


def cpu_seconds(roots: list[int]) -> float:
    """Of these processes, of those they started, and of those that these have outlived."""
    stats: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    found, added = set(roots), True
    while added:
        new = {pid for pid, (parent, _) in stats.items() if parent in found} - found
        found, added = found | new, bool(new)
    return sum(stats[pid][1] for pid in found if pid in stats) / os.sysconf("SC_CLK_TCK")


@contextmanager
def federation(
    folder: Path, kind: str, nodes: int, features: int
) -> Iterator[tuple[Any, list[int]]]:
    """A SuperLink with nodes of a kind and their workers; the processes of all."""
    from unalike.network.deployment.environment import environment
    from unalike.network.deployment.node_kinds import NODES
    from unalike.network.deployment.superlink import SuperLink
    from unalike.network.deployment.supernode import Credentials
    from unalike.network.processes.process import Process, stop_all

    folder.mkdir()
    with ExitStack() as open_ones:
        link = open_ones.enter_context(SuperLink(folder / "h", folder / "link", encrypted=False))
        link.wait_until_ready()
        started = [link.process]
        for i in range(nodes):
            rng, place = np.random.default_rng(i), folder / f"n{i}"
            place.mkdir()
            y = np.arange(40) % CLASSES
            np.savez(place / "own.npz", x=rng.normal(size=(40, features)).astype(np.float32), y=y)
            command = [sys.executable, "-m", "unalike.network.site.worker"]
            command += ["--socket", str(place / "s"), "--state", str(place / "state")]
            command += ["--name", f"site-{i}", "--data", str(place / "own.npz")]
            worker = Process("worker", command, environment(place), place / "worker.log")
            node = NODES[kind].start(place, link.address, Credentials(), place / "s", place / "log")
            started += [worker, node]
        open_ones.callback(stop_all, *started[1:])
        yield link, [process.pid for process in started]


def bare(link: Any, folder: Path, settings: dict[str, Any]) -> list[dict[str, float]]:
    """Rounds of Flower by itself, which starts a process for the run through one of its own."""
    from unalike.network.processes.process import Process

    apps = {"server_app": "benchmarks.bare_flower:server"}
    apps["client_app"] = "benchmarks.bare_flower:client"
    variables = dict(link.variables)
    del variables[TASK_POLL]  # as Flower has it
    command = [str(Path(sys.executable).parent / "flower-superexec"), "--insecure"]
    command += ["--runtime-api-address", str(link.address)]
    helper = Process("superexec", command, variables, folder / "superexec.log")
    try:
        settings = settings | {"processes": f"{settings['processes']} {helper.pid}"}
        link.submit(_bundle(folder, settings, apps))
        return _noted(link, folder)[1:]
    finally:
        helper.stop()


def unalike(link: Any, folder: Path, settings: dict[str, Any]) -> list[dict[str, float]]:
    """Rounds of FedAvg as `unalike serve` runs them."""
    from unalike.network.deployment.study_process import StudyProcess
    from unalike.network.server.study import prepare
    from unalike.study.settings import make_study

    rounds = int(settings["rounds"]) + 1
    study = {"data": "own", "model": "2nn", "methods": "fedavg", "rounds": rounds, "seeds": 1}
    study |= {"evaluate_every": rounds, "batch_size": 64, "local_epochs": 1}
    prepare(make_study(study), folder / "study", sites=int(settings["sites"]))
    more = {"study": str(folder / "study"), "baselines": False, "deadline": LONGEST}
    apps = {"server_app": "benchmarks.timed_server:app"}
    with StudyProcess(link) as process:
        settings = settings | {"processes": f"{settings['processes']} {process.process.pid}"}
        process.begin(link.submit(_bundle(folder, settings | more, apps)))
        return _noted(link, folder)[1:-1]


def _bundle(folder: Path, settings: dict[str, Any], apps: dict[str, str]) -> Path:
    from unalike.network.deployment.app_bundle import write_bundle

    events = str(folder / EVENTS)
    return write_bundle(folder / "app", settings | {"events": events}, **apps)


def _noted(link: Any, folder: Path) -> list[dict[str, float]]:
    """What each round of one run took, the first included."""
    events, end = folder / EVENTS, time.monotonic() + LONGEST
    while not (lines := _lines(events)) or "done" not in lines[-1]:
        if time.monotonic() > end:
            raise TimeoutError(f"{folder.name} took too long; see {link.log}")
        time.sleep(1.0)
    notes = lines[:-1]
    return [{key: b[key] - a[key] for key in a} for a, b in pairwise(notes)]


def _lines(path: Path) -> list[dict[str, float]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]


WAYS = {
    "bare Flower": ("supernode", bare),
    "unalike": ("supernode", unalike),
    "unalike, one process": ("one-process", unalike),
}
"""Name -> kind of the nodes, and how its rounds are done."""


def main(arguments: list[str]) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network")
    parser.add_argument("--parameters", type=float, nargs="+", default=[6e5, 1e7])
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=4, help="of each turn, the first uncounted")
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args(arguments)
    root = str(Path(__file__).parent.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]).strip(":")
    print("| parameters | way | s a round | CPU s a round and node | down / model | up / model |")
    print("|---|---|---|---|---|---|")
    for parameters in map(int, given.parameters):
        _measure(parameters, given)


def _measure(parameters: int, given: argparse.Namespace) -> None:
    features = (parameters - HIDDEN * (HIDDEN + 2) - CLASSES * (HIDDEN + 1)) // HIDDEN
    exact = features * HIDDEN + HIDDEN * (HIDDEN + 2) + CLASSES * (HIDDEN + 1)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        for kind in dict.fromkeys(kind for kind, _ in WAYS.values()):
            folder = Path(place) / kind
            with federation(folder, kind, given.nodes, features) as (link, processes):
                settings = {
                    "sites": given.nodes,
                    "parameters": exact,
                    "rounds": given.rounds,
                    "poll": POLL,
                    "processes": " ".join(map(str, processes)),
                }
                ways = {name: way for name, (of, way) in WAYS.items() if of == kind}
                for turn, (name, way) in product(range(given.turns), ways.items()):
                    own = folder / f"{way.__name__}-{turn}"
                    own.mkdir()
                    found[name] += way(link, own, settings)
    median = {
        name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    whole = 4 * exact * given.nodes
    for name, one in median.items():
        cpu, sizes = one["cpu"] / given.nodes, (one["down"] / whole, one["up"] / whole)
        print(
            f"| {exact:,} | {name} | {one['time']:.2f} | {cpu:.2f} | "
            f"{sizes[0]:.4f} | {sizes[1]:.4f} |"
        )
    plain = median.pop("bare Flower")
    for name, one in median.items():
        ratio = {key: one[key] / plain[key] for key in ("time", "cpu")}
        print(f"| {exact:,} | ratio, {name} | {ratio['time']:.2f} | {ratio['cpu']:.2f} | | |")
    print(f"\nload {before:.1f} before, {os.getloadavg()[0]:.1f} after\n")


if __name__ == "__main__":
    main(sys.argv[1:])
