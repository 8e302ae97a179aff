"""Sites that fail in every way and servers that are killed: the study goes on, and says so."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import faulty_site
from real_federation import Event, RealFederation, processes
from small_studies import SMALL
from unalike.network.deployment import rehearsal
from unalike.network.server.answer_lengths import MIN_HISTORY
from unalike.study.settings import make_study

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = SMALL | {
    "clients": 3,
    "new_clients": 0.0,
    "model": "mlp",
    "evaluate_every": 1000,
}
DEADLINE = 120.0
NODE = "deployment.in_process_node"


class Troubled:
    """A federation whose sites do what they are told to do wrong, once."""

    def __init__(self, running: RealFederation, faults: Path) -> None:
        self.running, self._faults = running, faults

    def fault(self, site: int, kind: str) -> Event:
        """The first round that the site's fault concerned, once it is over."""
        file, seen = self._faults / f"{site}", len(self.running.rounds())
        file.write_text(kind)
        self.running.wait(lambda: not file.exists())
        return self.round_with(f"client-{site}", after=seen)

    def round_with(self, name: str, *, after: int) -> Event:
        """The first round after so many that did without this site."""

        def found() -> list[Event]:
            done = self.running.rounds()[after:]
            return [one for one in done if name in (*one["dropped"], *one["rejected"])]

        self.running.wait(found)
        return found()[0]

    def everybody(self) -> None:
        """Start who is not there, and wait until all are known by several answers."""
        rehearsal = self.running.rehearsal
        for name in rehearsal.names:
            if name not in rehearsal.sites:
                rehearsal.start(name)
        self.running.wait(lambda: len(self._full_rounds()) >= MIN_HISTORY)
        self.all_again()

    def in_one_process(self, name: str) -> int:
        """The id of a site's node that is one process, started anew where it is none."""
        if not _started(self.running, name, NODE):
            self.running.rehearsal.start(name, node="one-process")
        self.all_again()
        (node,) = _started(self.running, name, NODE)
        return node

    def slow(self, name: str) -> None:
        """Come back when the site is slow to answer."""
        file = self._faults / name.removeprefix("client-")
        begun = file.with_suffix(".slow")
        begun.unlink(missing_ok=True)
        file.write_text("slow")
        self.running.wait(begun.exists)

    def all_again(self) -> None:
        """Wait for a round with everybody."""
        seen = len(self.running.rounds())
        self.running.wait(lambda: self._full_rounds(after=seen))

    def _full_rounds(self, *, after: int = 0) -> list[Event]:
        return [one for one in self.running.rounds()[after:] if one["answers"] == 3]

    def remarks(self) -> str:
        """All that was said aloud."""
        return "\n".join(str(one.get("text", one.get("why"))) for one in self.running.events)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    """Two sites to begin with; the third comes late."""
    folder = tmp_path_factory.mktemp("troubled")
    study = make_study(SETTINGS | {"methods": "scaffold", "rounds": 1000})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal, "SITE_COMMAND", (sys.executable, faulty_site.__file__))
        patch.setenv(faulty_site.FAULT, str(folder / "{}"))
        patch.setenv("PYTHONPATH", str(Path(faulty_site.__file__).parent), prepend=os.pathsep)
        with RealFederation(
            folder / "study",
            study,
            first=1,
            least=2,
            grace=0.0,
            deadline=DEADLINE,
        ) as running:
            yield Troubled(running, folder)


@pytest.fixture
def complete(troubled: Troubled) -> Troubled:
    """The same with all three, whichever tests ran before."""
    troubled.everybody()
    return troubled


def test_too_few_sites_are_waited_for_by_name(troubled: Troubled) -> None:
    running = troubled.running
    running.wait(lambda: any(event["event"] == "joined" for event in running.events))
    running.wait(lambda: running.events[-1].get("here") == 1)
    assert running.events[-1]["for"] == ["client-1", "client-2"]
    assert running.events[-1]["least"] == 2
    time.sleep(5)
    assert not running.rounds()


def test_the_least_number_begins_and_a_late_joiner_takes_part(troubled: Troubled) -> None:
    running = troubled.running
    running.rehearsal.start("client-1")
    running.wait(running.rounds)
    assert running.rounds()[0]["answers"] == 2
    assert running.rounds()[0]["dropped"] == ["client-2"]
    running.rehearsal.start("client-2")
    troubled.all_again()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("raise", "client-1 failed: RuntimeError: deliberately"),
        ("nan", "client-1 is not used: its numbers are not finite"),
        ("shape", "client-1 is not used: "),
        ("huge", "times the median"),
    ],
)
def test_a_bad_answer_is_named_and_left_out(kind: str, why: str, complete: Troubled) -> None:
    outcome = complete.fault(1, kind)
    assert outcome["answers"] == 2
    assert why in complete.remarks()
    complete.all_again()


def test_a_site_that_hangs_is_not_waited_for(complete: Troubled) -> None:
    """Its own watchdog ends the worker, `join` starts it again, and its state is on disk."""
    running = complete.running
    running.rehearsal.start("client-1", "--limit", "60")
    complete.all_again()
    outcome = complete.fault(1, "hang")
    assert outcome["dropped"] == ["client-1"]
    complete.all_again()
    assert "no longer has its private state" not in complete.remarks()


def test_a_node_killed_in_the_middle_of_a_round_comes_back(complete: Troubled) -> None:
    """Everything of the site is killed with SIGKILL, then `join` is started anew."""
    running, seen = complete.running, len(complete.running.rounds())
    complete.slow("client-2")
    _kill(running.rehearsal.sites["client-2"].pid)
    outcome = complete.round_with("client-2", after=seen)
    assert outcome["dropped"] == ["client-2"]
    running.rehearsal.start("client-2")
    complete.all_again()
    assert "client-2 no longer has its private state" not in complete.remarks()


def test_a_node_in_one_process_that_is_killed_comes_back(complete: Troubled) -> None:
    """SIGKILL for the node alone: `join` starts it again, once the server has forgotten it."""
    running, node = complete.running, complete.in_one_process("client-2")
    seen = len(running.rounds())
    os.kill(node, signal.SIGKILL)
    assert complete.round_with("client-2", after=seen)["dropped"] == ["client-2"]
    complete.all_again()
    assert _started(running, "client-2", NODE) != [node]
    assert "client-2 no longer has its private state" not in complete.remarks()


def test_a_node_in_one_process_says_that_its_worker_ended(complete: Troubled) -> None:
    complete.in_one_process("client-2")
    running, seen = complete.running, len(complete.running.rounds())
    complete.slow("client-2")
    (worker,) = _started(running, "client-2", "faulty_site.py worker")
    os.kill(worker, signal.SIGKILL)
    complete.round_with("client-2", after=seen)
    assert "the site's worker does not answer (EOFError)" in complete.remarks()
    complete.all_again()


def test_flowers_server_process_is_started_again_when_it_is_killed(complete: Troubled) -> None:
    """With everything below it; rounds that were done stay done."""
    running, before = complete.running, complete.running.rounds()[-1]["t"]
    _kill(running.server.superlink.process.pid)
    running.wait(lambda: "Flower's server process ended" in complete.remarks())
    complete.all_again()
    assert [one["t"] for one in running.rounds()] == list(range(1, len(running.rounds()) + 1))
    assert running.rounds()[-1]["t"] > before


def test_the_study_s_process_is_started_again_when_it_is_killed(complete: Troubled) -> None:
    """What it may do at Flower's server is not on its command line, for all to see."""
    running, before = complete.running, complete.running.rounds()[-1]["t"]
    found = processes(running.server.study.process.pid)
    assert not any("--token" in line for line in found.values())
    (study,) = [pid for pid, line in found.items() if "supervisor.py" not in line]
    os.kill(study, signal.SIGKILL)
    running.wait(lambda: "The study's process ended" in complete.remarks())
    complete.all_again()
    assert [one["t"] for one in running.rounds()] == list(range(1, len(running.rounds()) + 1))
    assert running.rounds()[-1]["t"] > before


def _started(running: RealFederation, site: str, words: str) -> list[int]:
    """The processes of a site in whose command these words stand, supervisors aside."""
    found = processes(running.rehearsal.sites[site].pid).items()
    return [pid for pid, line in found if words in line and "supervisor.py" not in line]


def _kill(supervisor: int) -> None:
    """SIGKILL for a site and all that it has started."""
    for pid in processes(supervisor):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
