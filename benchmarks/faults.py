"""Faults drawn at random over long-lived federations of five sites, on this machine (Linux).

    python -m benchmarks.faults [--faults 200] [--minutes 30] [--seed 0] [--kept FILE ...]
    python -m benchmarks.faults --write docs/results-faults.md --kept FILE ...

Every federation is one study of FedRep on digits dealt to five sites, served as `unalike serve`
does it: SuperLink, gate with TLS, keys, and five supervised sites with one-process nodes. While it
goes on, faults begin one after the other, in random order and at random sites, while at least four
sites are whole; three must answer in each round. What came out of each federation is added as a
line to the first file of `--kept`, so that a later call goes on; `--write` makes the page of all
the files. `--hostile` measures hostile inputs (`hostile_inputs`) and keeps that beside it.

Then the study is simulated, client by client as sites train, leaving out in each round the sites
that the federation did without: models and accuracies must be those of the federation.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import faulty_site
from real_federation import Event, RealFederation
from unalike import compare, rounds
from unalike.network.deployment import rehearsal
from unalike.network.deployment.ports import Address
from unalike.study import run
from unalike.study.settings import make_study

from .fault_kinds import FAULTS, FaultKind, FaultyFederation, Over
from .fault_page import page
from .hostile_inputs import measure_hostile_inputs
from .lines import Line

SITES = tuple(f"client-{i}" for i in range(5))
LEAST, WHOLE = 3, 4
"""Sites that must answer, and that must be whole before another fault begins."""
STEADY_ROUNDS = 2
"""In a row that a site takes part in again before it is whole."""
LOOK_SECONDS = 0.2
STUDY: dict[str, Any] = {
    "data": "digits",
    "clients": len(SITES),
    "new_clients": 0.0,
    "alpha": 1.0,
    "model": "2nn",
    "methods": "fedrep",
    "seeds": 1,
    "evaluate_every": 5,
    "batch_size": 64,
    "local_epochs": 1,
}


class Begun:
    """A fault at work, at sites that are not whole yet."""

    def __init__(
        self, kind: FaultKind, sites: set[str], over: Over, outcome: dict[str, Any]
    ) -> None:
        self.kind, self.sites, self.over, self.outcome = kind, sites, over, outcome
        self._steady = dict.fromkeys(sites, 0)  # rounds in a row with the site
        self._missed = dict.fromkeys(sites, False)  # whether a round went on without it

    def look_at(self, absent: set[str], over: bool) -> None:
        """A round is over without these sites; those that take part again are whole."""
        self.outcome["missed"] += len(absent & self.sites)
        for site in [*self.sites]:
            self._missed[site] |= site in absent
            settled = over and (self._missed[site] or not self.kind.misses)
            here = settled and site not in absent
            self._steady[site] = self._steady[site] + 1 if here else 0
            if self._steady[site] >= STEADY_ROUNDS:
                self.sites.discard(site)


class Injection:
    """Begins faults in a federation, and sees what each round went without."""

    def __init__(
        self, federation: FaultyFederation, kinds: list[FaultKind], draws: np.random.Generator
    ) -> None:
        self._federation, self._kinds, self._draws = federation, kinds, draws
        self._seen = 0
        self._at_work: list[Begun] = []
        self.outcomes: list[dict[str, Any]] = []
        self.lost: list[str] = []  # answers of sites at which nothing was wrong

    def step(self) -> None:
        """Look at the rounds since, and begin a fault where there may be one."""
        over = {id(begun): begun.over() for begun in self._at_work}
        done = self._federation.running.rounds()
        for event in done[self._seen :]:
            self._look_at(event, over)
        self._seen = len(done)
        broken = {site for begun in self._at_work for site in begun.sites}
        waiting = [begun for begun in self._at_work if not begun.sites]
        if done and self._kinds and len(SITES) - len(broken) >= WHOLE and not waiting:
            self._begin(self._kinds.pop(0), sorted(set(SITES) - broken))

    def _begin(self, kind: FaultKind, whole: list[str]) -> None:
        site = str(self._draws.choice(whole))
        sites = {"site": {site}, "all": set(SITES), "nobody": set[str]()}[kind.whom]
        outcome = {"kind": kind.name, "round": self._seen, "back": None, "missed": 0}
        outcome |= {"site": site} if kind.whom == "site" else {}
        self.outcomes.append(outcome)
        self._at_work.append(Begun(kind, sites, kind.begin(self._federation, site), outcome))
        print(json.dumps(outcome), flush=True)

    def _look_at(self, event: Event, over: dict[int, bool]) -> None:
        absent = {*event["dropped"], *event["rejected"]}
        broken = {site for begun in self._at_work for site in begun.sites}
        self.lost += [f"round {event['t']}: {site}" for site in sorted(absent - broken)]
        for begun in [*self._at_work]:
            ended = over.get(id(begun), False)
            begun.look_at(absent, ended)
            if ended and not begun.sites:
                self._end(begun)

    def _end(self, begun: Begun) -> None:
        begun.outcome["back"] = self._seen + 1
        self._at_work.remove(begun)


def federate(folder: Path, kinds: list[FaultKind], seed: int, given: argparse.Namespace) -> Any:
    """One federation from its start to its end, and what came out of it; uses up `kinds`."""
    settings = STUDY | {"rounds": given.rounds}
    start, lines = time.monotonic(), dict[str, Line]()
    load = os.getloadavg()[0]

    def line(site: str, server: Address) -> Address:
        if site not in lines:
            lines[site] = Line(server)
        return lines[site].address

    with ExitStack() as opened:
        patched = mock.patch.object(
            rehearsal, "SITE_COMMAND", (sys.executable, faulty_site.__file__)
        )
        opened.enter_context(patched)
        variables = {
            faulty_site.FAULT: str(folder / "{}"),
            "PYTHONPATH": os.pathsep.join(filter(None, (_TESTS, os.environ.get("PYTHONPATH")))),
        }
        opened.enter_context(mock.patch.dict(os.environ, variables))
        running = RealFederation(
            folder / "study",
            make_study(settings),
            node="one-process",
            reached_at=line,
            least=LEAST,
            deadline=given.deadline,
            max_norm_ratio=50.0,
        )
        opened.enter_context(running)
        federation = FaultyFederation(running, lines, folder, given.deadline)
        injection = Injection(federation, kinds, np.random.default_rng(seed))
        ready = None
        while running.last is None and running.failure is None:
            injection.step()
            if ready is None and running.rounds():
                ready = time.monotonic() - start
            time.sleep(LOOK_SECONDS)
        codes = [process.wait(60.0) for process in running.rehearsal.sites.values()]
        for one in lines.values():
            one.stop()
    outcome = {
        "seed": seed,
        "deadline": given.deadline,
        "ended": running.last == {"event": "finished"},
        "why": str(running.failure or running.last),
        "left": codes.count(0),
        "rounds": len(running.rounds()),
        **waits(running.events),
        "faults": injection.outcomes,
        "lost": injection.lost,
        "restarts": _restarts(running, injection.outcomes),
        "seconds": time.monotonic() - start,
        "load": [load, os.getloadavg()[0]],
    }
    if outcome["ended"]:
        outcome |= _beside_simulation(folder, settings)
    return outcome


def waits(events: list[Event]) -> dict[str, Any]:
    """The longest round that was asked for once, in seconds, and how many were asked for again.

    Sites are asked again where fewer than are needed have answered by the deadline.
    """
    longest, again, asked = 0.0, 0, 1
    for event in events:
        if event["event"] == "waiting" and "answers" in event:
            asked += 1
        elif event["event"] == "round":
            again += asked > 1
            longest = max(longest, float(event["seconds"])) if asked == 1 else longest
            asked = 1
    return {"longest": longest, "asked_again": again}


def _restarts(running: RealFederation, faults: list[dict[str, Any]]) -> dict[str, int]:
    """Of the study's process, of Flower's, and of workers, beyond those that faults made."""

    def made(kind: str) -> int:
        return sum(fault["kind"] == kind for fault in faults)

    said = running.remarks()
    logs = (running.folder / "rehearsal").glob("*/join.log")
    joined = "\n".join(path.read_text("utf-8", "replace") for path in logs)
    found = {
        "study": sum("The study's process ended" in text for text in said)
        - made("the study's process killed"),
        "server": sum("Flower's server process ended" in text for text in said)
        - made("Flower's server process killed"),
        "worker": joined.count("The worker of this site ended") - made("a worker killed"),
    }
    return {name: max(0, count) for name, count in found.items()}


def _beside_simulation(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """How far models and accuracies are from those of a simulation with the same absences."""
    there = folder / "study" / "runs" / "fedrep" / "seed-0"
    records = [json.loads(line) for line in (there / "metrics.jsonl").read_text().splitlines()]
    absent = {
        record["round"]: {*record.get("dropped", ()), *record.get("rejected", ())}
        for record in records
    }

    def answering(
        sampled: NDArray[np.int64], dropout: float, *, seed: int, t: int
    ) -> NDArray[np.int64]:
        return np.array([i for i in sampled.tolist() if SITES[i] not in absent[t]], np.int64)

    one_by_one = mock.patch.object(run, "mode_for", return_value="single")
    with mock.patch.object(rounds, "answering", answering), one_by_one:
        compare(**settings, out=folder / "simulated")
    here = folder / "simulated" / "runs" / "fedrep" / "seed-0"
    one, other = (load_file(at / "checkpoint.safetensors") for at in (there, here))
    names = [name for name in one if name.startswith("server.")]
    difference = max(float((one[name] - other[name]).abs().max()) for name in names)
    scores, simulated = (
        [json.loads(line).get("evaluation") for line in (at / "metrics.jsonl").open()]
        for at in (there, here)
    )
    told = wrong = 0
    for ours, theirs in zip(scores, simulated, strict=True):
        if ours:
            a = np.array(ours["personal"]["accuracy"], float)
            b = np.array(theirs["personal"]["accuracy"], float)
            told += int(np.isfinite(a).sum())
            wrong += int((a[np.isfinite(a)] != b[np.isfinite(a)]).sum())
    return {"difference": difference, "accuracies": told, "other_accuracies": wrong}


_TESTS = str(Path(faulty_site.__file__).parent)


def kinds_from(done: int, faults: int, seed: int) -> list[FaultKind]:
    """The faults that are left: every kind once in random order, and so on."""
    draws = np.random.default_rng(seed)
    order = [int(i) for _ in range(-(-faults // len(FAULTS))) for i in draws.permutation(20)]
    return [FAULTS[i] for i in order[done:faults]]


def read_kept(paths: list[Path]) -> list[dict[str, Any]]:
    """What all the files hold."""
    there = [path for path in paths if path.exists()]
    return [json.loads(line) for path in there for line in path.read_text().splitlines()]


def main(arguments: list[str]) -> None:
    """Measure, or write the page."""
    given = _parser().parse_args(arguments)
    if given.write is not None:
        given.write.write_text(page(read_kept(given.kept)))
        return
    kept, end = given.kept[0], time.monotonic() + 60 * given.minutes
    kept.parent.mkdir(parents=True, exist_ok=True)
    if given.hostile:
        _keep(kept, {"hostile": measure_hostile_inputs()})
        return
    while time.monotonic() < end:
        federations = [one for one in read_kept([kept]) if "faults" in one]
        done = sum(len(one["faults"]) for one in federations)
        kinds = kinds_from(done, given.faults, given.seed)
        if not kinds:
            return
        with tempfile.TemporaryDirectory(prefix="faults-") as place:
            seed = 1000 * given.seed + len(federations)
            outcome = federate(Path(place), kinds, seed, given)
        _keep(kept, outcome)
        print(json.dumps({k: v for k, v in outcome.items() if k != "faults"}), flush=True)


def _keep(path: Path, outcome: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(outcome) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--faults", type=int, default=200, help="in all")
    parser.add_argument("--minutes", type=float, default=30.0, help="no federation begins later")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=120, help="of a federation")
    parser.add_argument("--deadline", type=float, default=10.0)
    parser.add_argument("--kept", type=Path, nargs="+", default=[Path("runs/faults.jsonl")])
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--write", type=Path)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
