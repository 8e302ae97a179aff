"""A site at work: its worker and its node, each started again when it ends."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unalike.errors import InputError
from unalike.network.processes.folder_lock import lock_folder
from unalike.network.processes.process import Process, stop_all

from .environment import environment
from .in_process_supernode import start_one_process
from .ports import Address, parse
from .preflight import reach
from .server_status import EVERY
from .supernode import Credentials, StartNode, start_supernode

WORKER = (sys.executable, "-m", "unalike.network.site.worker")
NODES: dict[str, StartNode] = {"supernode": start_supernode, "one-process": start_one_process}
REFUSED = 3
"""Exit status of a worker that must not be started again."""
LOADED = 600.0
"""Seconds that a worker may take to load data and model."""
SHORTEST, LONGEST = 2.0, 30.0
"""Seconds before a process is started again: doubled each time it ends soon."""
LOOK = 0.3
STALE = 150.0
"""Seconds after which a session that the server still counts cannot be our own last one; it forgets
a silent node after 60."""
SOCKET_PATH = 100
"""Bytes that the path of a Unix socket may have."""

Tell = Callable[[str], None]


@dataclass
class Backoff:
    """How long to wait before the next start."""

    wait: float = SHORTEST
    started: float = field(default_factory=time.monotonic)

    def next(self) -> float:
        """Seconds to wait; short again after a long life."""
        if time.monotonic() - self.started > 2 * LONGEST:
            self.wait = SHORTEST
        seconds, self.wait = self.wait, min(2 * self.wait, LONGEST)
        return seconds


@dataclass(frozen=True)
class Joining:
    """Who joins what, with what."""

    server: Address
    name: str
    state: Path  # folder of what must outlive the processes
    worker: Sequence[str]  # arguments of the worker: --data FILE, or --client I
    credentials: Credentials
    patience: float = 600.0  # seconds to wait for a server that does not answer
    node: StartNode = start_supernode


class Member:
    """Keeps a membership alive until the server is done, or leaves it for good."""

    def __init__(self, membership: Joining, tell: Tell = lambda _: None) -> None:
        self._of, self._tell = membership, tell
        self._home = Path(tempfile.mkdtemp(prefix="unalike-"))
        if len(str(self._home / "worker.sock").encode()) > SOCKET_PATH:
            shutil.rmtree(self._home)
            self._home = Path(tempfile.mkdtemp(prefix="unalike-", dir="/tmp"))
        self._socket = self._home / "worker.sock"
        self._worker: Process | None = None
        self._node: Process | None = None
        self._lives = {"worker": Backoff(), "node": Backoff()}
        self._refused_since: float | None = None
        self._session = _session(membership)
        self._heard = 0
        self._finished = False

    def run(self) -> None:
        """Take part until the server says that it is done.

        Raises:
            InputError: this site cannot take part; one sentence says why.
        """
        try:
            with lock_folder(self._of.state):
                self._take_part()
        finally:
            stop_all(self._node, self._worker)
            shutil.rmtree(self._home, ignore_errors=True)

    def _take_part(self) -> None:
        self._greet()
        self._start_worker()
        self._start_node()
        greeted = time.monotonic()
        while not self._finished:
            time.sleep(LOOK)
            self._listen()
            self._mend()
            if time.monotonic() - greeted > EVERY:
                self._greet()
                greeted = time.monotonic()
        self._tell("The study is finished.")

    def _greet(self) -> None:
        of = self._of
        said = reach(
            of.server,
            of.name,
            of.credentials,
            self._session,
            patience=of.patience,
            tell=self._tell,
        )
        self._finished = bool(said.get("finished"))

    def _mend(self) -> None:
        """Start again what has ended, unless its end was a refusal."""
        if self._worker is not None and not self._worker.running:
            if self._worker.exit_code == REFUSED:
                raise InputError(_last_line(self._worker))
            self._worker.stop()
            self._again("worker", "The worker of this site ended")
            self._start_worker()
        if self._node is not None and not self._node.running:
            self._node.stop()
            self._explain(self._node)
            self._start_node()

    def _explain(self, node: Process) -> None:
        said = node.output()
        found = re.search(r"Exit Code: (\d+)", said)
        code = int(found[1]) if found else 0
        if code == 606:
            raise InputError(
                f"This site's version of Flower does not fit the server's; the reason is in "
                f"{node.log}."
            )
        if code in (302, 303, 600, 603):
            raise InputError(f"Flower refused to join; the reason is in {node.log}.")
        if "SuperNode ID" in said:
            self._refused_since = None
            self._again("node", "The connection to the server ended")
            return
        now = time.monotonic()
        self._refused_since = since = self._refused_since or now
        if now - since > STALE:
            raise InputError(
                f"The server counts another process as {self._of.name!r}: end that one, or join "
                "with another name and key."
            )
        self._again("node", "The server still counts this site's last session")

    def _again(self, which: str, reason: str) -> None:
        seconds = self._lives[which].next()
        self._tell(f"{reason}; trying again in {seconds:.0f} s.")
        time.sleep(seconds)

    def _start_worker(self) -> None:
        self._socket.unlink(missing_ok=True)
        self._lives["worker"].started = time.monotonic()
        arguments = ["--socket", str(self._socket), "--state", str(self._of.state)]
        arguments += ["--name", self._of.name, *self._of.worker]
        log = self._of.state / "worker.log"
        self._worker = Process("worker", [*WORKER, *arguments], environment(self._home), log)
        self._heard = log.stat().st_size
        end = time.monotonic() + LOADED
        while not self._socket.exists():
            if not self._worker.running:
                raise InputError(_last_line(self._worker))
            if time.monotonic() > end:
                raise InputError(f"The data were not loaded within {LOADED:.0f} s; see {log}.")
            time.sleep(0.05)

    def _start_node(self) -> None:
        of = self._of
        self._lives["node"].started = time.monotonic()
        log = of.state / "supernode.log"
        self._node = of.node(self._home, of.server, of.credentials, self._socket, log)

    def _listen(self) -> None:
        """Pass on what the worker has said since."""
        if self._worker is None:
            return
        with self._worker.log.open("rb") as file:
            file.seek(self._heard)
            whole, _, _ = file.read().rpartition(b"\n")
        if not whole:
            return
        self._heard += len(whole) + 1
        for line in whole.decode("utf-8", "replace").splitlines():
            if (event := _event(line)) is not None and (sentence := _sentence(event)):
                self._tell(sentence)


def _session(of: Joining) -> str:
    """The same for a site that is started again in its folder, so that it is not taken for two."""
    return hashlib.sha256(f"{platform.node()}:{of.state.resolve()}".encode()).hexdigest()


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _sentence(event: dict[str, Any]) -> str | None:
    """What a person at the site wants to know of it."""
    if event.get("event") not in ("answered", "failed") or event.get("verb") == "describe":
        return None
    run = ""
    if "method" in event:
        run = f"{event['method']}, seed {event.get('seed')}, round {event.get('t')}: "
    verb = event.get("verb", "a question")
    if event["event"] == "failed":
        return f"{run}{verb} failed: {event.get('why')}"
    return f"{run}{verb} answered in {event.get('seconds')} s."


def _last_line(worker: Process) -> str:
    """What the worker said last, its events aside."""
    lines = [line for line in worker.output().splitlines() if line.strip() and not _event(line)]
    return lines[-1].removeprefix("unalike: ") if lines else f"The worker ended; see {worker.log}."


def main(arguments: Sequence[str]) -> int:
    """SERVER NAME STATE AUTHORITY KEY NODE and what the worker is told: a site of a rehearsal."""
    server, name, state, authority, key, node, *worker = arguments
    credentials = Credentials(Path(authority), Path(key))
    joining = Joining(parse(server), name, Path(state), worker, credentials, node=NODES[node])
    try:
        Member(joining, lambda sentence: print(sentence, flush=True)).run()
    except InputError as error:
        print(f"unalike: {error}", flush=True)
        return 2
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(main(sys.argv[1:]))
