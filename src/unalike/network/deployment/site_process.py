"""A site at work: its worker and its node, each started again when it ends."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unalike.errors import InputError
from unalike.network.processes.process import Process, stop_all
from unalike.network.site.exit_status import REFUSED
from unalike.study.folder_lock import lock_folder

from .environment import environment
from .node_kinds import NODES, NodeKind
from .ports import Address, parse_address
from .preflight import check_server
from .server_status import POLL_SECONDS as STATUS_SECONDS
from .supernode import Credentials

WORKER_COMMAND = (sys.executable, "-m", "unalike.network.site.worker")
LOAD_SECONDS = 600.0
"""That a worker may take to load data and model."""
MIN_BACKOFF, MAX_BACKOFF = 2.0, 30.0
"""Seconds before a process is started again: doubled each time it ends soon."""
POLL_SECONDS = 0.3
LINE_CUT = ("SuperNode ID", "Connection attempt failed")
"""Words of a node that was let in, or did not reach the server, before it ended."""
STALE_SECONDS = 150.0
"""After which a session that the server still counts cannot be our own last one; it forgets
a silent node after 60."""
MAX_SOCKET_PATH = 100
"""Bytes that the path of a Unix socket may have."""


@dataclass
class Backoff:
    """How long to wait before the next start."""

    wait: float = MIN_BACKOFF
    started: float = field(default_factory=lambda: time.monotonic())

    def next(self) -> float:
        """Seconds to wait; short again after a long life."""
        if time.monotonic() - self.started > 2 * MAX_BACKOFF:
            self.wait = MIN_BACKOFF
        seconds, self.wait = self.wait, min(2 * self.wait, MAX_BACKOFF)
        return seconds


@dataclass(frozen=True)
class SiteDeployment:
    """Which site joins which server, with what."""

    server: Address
    name: str
    state_folder: Path  # of what must outlive the processes
    worker_options: Sequence[str]  # --data FILE, or --client I, and more
    credentials: Credentials
    patience: float = 600.0  # seconds to wait for a server that does not answer
    node: NodeKind = NODES["supernode"]
    consent: Callable[[Mapping[str, Any]], None] = lambda _: None
    """Is given what the server says of itself, before anything begins; raises to stay away."""


class SiteProcess:
    """Keeps a site in the federation until the server is done, or leaves it for good."""

    def __init__(
        self,
        deployment: SiteDeployment,
        notify: Callable[[str], None] = lambda _: None,
        on_event: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        """on_event: gets the worker's events, which are otherwise told in sentences."""
        self._deployment, self._notify, self._on_event = deployment, notify, on_event
        self._home = Path(tempfile.mkdtemp(prefix="unalike-"))
        if len(str(self._home / "worker.sock").encode()) > MAX_SOCKET_PATH:
            shutil.rmtree(self._home)
            self._home = Path(tempfile.mkdtemp(prefix="unalike-", dir="/tmp"))
        self._socket = self._home / "worker.sock"
        self._worker: Process | None = None
        self._node: Process | None = None
        self._backoff = {"worker": Backoff(), "node": Backoff()}
        self._stale_since: float | None = None
        self._session = _session(deployment)
        self._log_position = 0
        self._finished = False
        self._report = ""  # where the worker has written the site's own
        self._last_asked = -math.inf

    def run(self) -> None:
        """Take part until the server says that it is done.

        Raises:
            InputError: this site cannot take part; one sentence says why.
        """
        try:
            with lock_folder(self._deployment.state_folder):
                self._run()
        finally:
            stop_all(self._node, self._worker)
            shutil.rmtree(self._home, ignore_errors=True)

    def _run(self) -> None:
        self._deployment.consent(self._ask_server())
        self._begin_worker()
        if self._deployment.node.waits_for_worker:
            self._start_node()
        self._await_worker()
        if self._node is None:
            self._start_node()
        while not self._finished:
            self._wait(POLL_SECONDS)
            self._report_worker_events()
            self._restart_ended()
        self._notify("The study is finished.")
        self._report_worker_events()
        if self._report:
            self._notify(f"What this site sent, and how it fared: {self._report}")

    def _wait(self, seconds: float) -> None:
        """Wait so long, and go on asking whether all is over, which ends the waiting."""
        end = time.monotonic() + seconds
        while not self._finished and (left := end - time.monotonic()) > 0:
            time.sleep(min(POLL_SECONDS, left))
            if time.monotonic() - self._last_asked > STATUS_SECONDS:
                self._ask_server()

    def _ask_server(self) -> Mapping[str, Any]:
        status = check_server(
            self._deployment.server,
            self._deployment.name,
            self._deployment.credentials,
            self._session,
            patience=self._deployment.patience,
            notify=self._notify,
            known=math.isfinite(self._last_asked),
        )
        self._finished = bool(status.get("finished"))
        self._last_asked = time.monotonic()
        return status

    def _restart_ended(self) -> None:
        """Start again what has ended, unless its end was a refusal."""
        if self._worker is not None and not self._worker.running:
            if self._worker.exit_code == REFUSED:
                raise InputError(_last_line(self._worker))
            self._worker.stop()
            self._back_off("worker", "The worker of this site ended")
            if not self._finished:
                self._begin_worker()
                self._await_worker()
        if self._node is not None and not self._node.running:
            self._node.stop()
            self._explain_end(self._node)
            if not self._finished:
                self._start_node()

    def _explain_end(self, node: Process) -> None:
        output = node.output()
        match = re.search(r"Exit Code: (\d+)", output)
        code = int(match[1]) if match else 0
        if code == 606:
            raise InputError(
                f"This site's version of Flower does not fit the server's; the reason is in "
                f"{node.log}."
            )
        if code in (302, 303, 600, 603):
            raise InputError(f"Flower refused to join; the reason is in {node.log}.")
        if any(words in output for words in LINE_CUT):
            self._stale_since = None
            self._back_off("node", "The connection to the server ended")
            return
        now = time.monotonic()
        self._stale_since = since = self._stale_since or now
        if now - since > STALE_SECONDS:
            raise InputError(
                f"The server counts another process as {self._deployment.name!r}: end that one, or "
                "join with another name and key."
            )
        self._back_off("node", "The server still counts this site's last session")

    def _back_off(self, which: str, reason: str) -> None:
        seconds = self._backoff[which].next()
        self._notify(f"{reason}; trying again in {seconds:.0f} s.")
        self._wait(seconds)

    def _begin_worker(self) -> None:
        self._socket.unlink(missing_ok=True)
        self._backoff["worker"].started = time.monotonic()
        arguments = ["--socket", str(self._socket), "--state", str(self._deployment.state_folder)]
        arguments += ["--name", self._deployment.name, *self._deployment.worker_options]
        log = self._deployment.state_folder / "worker.log"
        self._worker = Process(
            "worker", [*WORKER_COMMAND, *arguments], environment(self._home), log
        )
        self._log_position = log.stat().st_size

    def _await_worker(self) -> None:
        """Come back when it has loaded its data."""
        end = time.monotonic() + LOAD_SECONDS
        while self._worker is not None and not self._socket.exists():
            if not self._worker.running:
                raise InputError(_last_line(self._worker))
            if time.monotonic() > end:
                raise InputError(
                    f"The data were not loaded within {LOAD_SECONDS:.0f} s; see {self._worker.log}."
                )
            time.sleep(0.05)

    def _start_node(self) -> None:
        deployment = self._deployment
        self._backoff["node"].started = time.monotonic()
        log = deployment.state_folder / "supernode.log"
        self._node = deployment.node.start(
            self._home, deployment.server, deployment.credentials, self._socket, log
        )

    def _report_worker_events(self) -> None:
        """Tell people what the worker has written since."""
        if self._worker is None:
            return
        with self._worker.log.open("rb") as file:
            file.seek(self._log_position)
            whole, _, _ = file.read().rpartition(b"\n")
        if not whole:
            return
        self._log_position += len(whole) + 1
        for line in whole.decode("utf-8", "replace").splitlines():
            event = _event(line) or {}
            if event.get("event") == "report":
                self._report = str(event.get("path"))
            self._tell(event)

    def _tell(self, event: Mapping[str, Any]) -> None:
        if self._on_event is None:
            for sentence in _sentences(event):
                self._notify(sentence)
        elif event:
            self._on_event(event)


def _session(deployment: SiteDeployment) -> str:
    """The same for a site that is started again in its folder, so that it is not taken for two."""
    folder = deployment.state_folder.resolve()
    return hashlib.sha256(f"{platform.node()}:{folder}".encode()).hexdigest()


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _sentences(event: Mapping[str, Any]) -> list[str]:
    """What a person at the site wants to know of it."""
    if event.get("event") in ("told", "said"):
        return [str(event.get("text"))]
    if event.get("event") == "prepared":
        return [str(text) for text in event.get("texts", ())]
    if event.get("event") not in ("answered", "failed") or event.get("verb") in ("describe", "fit"):
        return []
    run = ""
    if "method" in event:
        run = f"{event['method']}, seed {event.get('seed')}, round {event.get('t')}: "
    verb = event.get("verb", "a question")
    if event["event"] == "failed":
        return [f"{run}{verb} failed: {event.get('why')}"]
    return [f"{run}{verb} answered in {event.get('seconds')} s."]


def _last_line(worker: Process) -> str:
    """What the worker said last, its events aside."""
    lines = [line for line in worker.output().splitlines() if line.strip() and not _event(line)]
    return lines[-1].removeprefix("unalike: ") if lines else f"The worker ended; see {worker.log}."


def main(arguments: Sequence[str]) -> int:
    """SERVER NAME STATE AUTHORITY KEY NODE and options of the worker: a site of a rehearsal."""
    server, name, state, authority, key, node, *worker_options = arguments
    credentials = Credentials(Path(authority), Path(key))
    deployment = SiteDeployment(
        parse_address(server),
        name,
        Path(state),
        worker_options,
        credentials,
        node=NODES[node],
    )
    try:
        SiteProcess(deployment, lambda sentence: print(sentence, flush=True)).run()
    except InputError as error:
        print(f"unalike: {error}", flush=True)
        return 2
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(main(sys.argv[1:]))
