"""The server at work: SuperLink, gate and study, each started again when it ends."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unalike.errors import InputError
from unalike.network.processes.folder_lock import lock_folder

from .app_bundle import CLIENT_APP, SERVER_APP, write_bundle
from .certificates import server_files
from .gate import Gate
from .keys import admitted, fingerprint, read_public
from .ports import Address, listen
from .server_status import FORGOTTEN, Visitors
from .superlink import Superlink

Tell = Callable[[dict[str, Any]], None]

LOOK = 0.3
SILENCE = 20.0
"""Seconds without an event after which Flower is asked whether the study still runs."""
ATTEMPTS = 3
"""How often a study that ended too soon is submitted in all without having done a round between."""
FAREWELL = FORGOTTEN + 5
"""Seconds that the gate stays open at most at the end, so that all sites learn of it."""
OVER = ("finished", "failed")


@dataclass(frozen=True)
class Serving:
    """What is served, where, to whom.

    settings: the run config of the ServerApp; "events" is added here.
    """

    folder: Path
    listen: Address
    settings: Mapping[str, bool | int | float | str]
    tls: Path | None = None
    server_app: str = SERVER_APP
    client_app: str = CLIENT_APP
    farewell: float = FAREWELL


class Server:
    """Conducts a study among the sites that join; `tell` hears every event."""

    def __init__(self, serving: Serving, tell: Tell = lambda _: None) -> None:
        self.serving, self.tell = serving, tell
        self._nodes = {} if serving.tls is None else admitted(serving.tls)
        marks = {fingerprint(read_public(path)): name for name, path in self._nodes.items()}
        self.visitors = Visitors(marks)
        self.link: Superlink | None = None
        self._ended = False
        self._store = serving.folder / "network"
        self._events = self._store / "events.jsonl"

    def run(self) -> dict[str, Any]:
        """Serve until the study is over; its last event, "finished" or "failed".

        Raises:
            InputError: it cannot be served; one sentence says why.
        """
        serving = self.serving
        tls = None if serving.tls is None else server_files(serving.tls)
        with lock_folder(self._store), listen(serving.listen) as sock:
            home = self._store.resolve() / "home"
            shutil.rmtree(home, ignore_errors=True)
            try:
                return self._serve(sock, home, tls)
            finally:
                shutil.rmtree(home, ignore_errors=True)

    def _serve(
        self, sock: socket.socket, home: Path, tls: tuple[Path, Path] | None
    ) -> dict[str, Any]:
        self._events.write_bytes(b"")
        with Superlink(home, self._store, encrypted=tls is not None) as link:
            self.link = link
            link.wait_until_ready()
            ids = {name: link.admit(path) for name, path in self._nodes.items()}
            gate = Gate(
                sock,
                link.address,
                authority=link.authority,
                tls=tls,
                greeting=self.visitors.greet,
            )
            with gate:
                self.tell({"event": "serving", "listen": str(self.serving.listen)})
                last = self._conduct(link, home, ids)
                self._part()
            return last

    def end(self) -> None:
        """Stop serving, from another thread; the study can be gone on with."""
        self._ended = True

    def _conduct(self, link: Superlink, home: Path, ids: dict[str, int]) -> dict[str, Any]:
        """Submit the study, and again when it or the SuperLink ends before it is over."""
        settings = {**self.serving.settings, "events": str(self._events.resolve())}
        if ids:
            settings["keys"] = json.dumps({name: str(node) for name, node in ids.items()})
        bundle = write_bundle(
            home / "app",
            settings,
            server_app=self.serving.server_app,
            client_app=self.serving.client_app,
        )
        attempts, read = 0, 0
        while attempts < ATTEMPTS:
            attempts += 1
            run = link.submit(bundle)
            heard = time.monotonic()
            while True:
                time.sleep(LOOK)
                if self._ended:
                    return {"event": "failed", "why": "The server was stopped."}
                events, read = self._new_events(read)
                for event in events:
                    self.tell(event)
                    if event["event"] in OVER:
                        return event
                    attempts = 0 if event["event"] == "round" else attempts
                heard = time.monotonic() if events else heard
                if not link.process.running:
                    text = "Flower's server process ended; it is started again."
                    self.tell({"event": "remark", "text": text})
                    link.restart()
                    break
                if time.monotonic() - heard > SILENCE:
                    if not link.runs(run):
                        text = "The study's process ended; it goes on from its last checkpoint."
                        self.tell({"event": "remark", "text": text})
                        break
                    heard = time.monotonic()
        raise InputError(
            f"The study ended {ATTEMPTS} times without a round between; the reason is in "
            f"{link.log}."
        )

    def _new_events(self, start: int) -> tuple[list[dict[str, Any]], int]:
        with self._events.open("rb") as file:
            file.seek(start)
            whole, end, _ = file.read().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines() if line], start + len(whole + end)

    def _part(self) -> None:
        """Tell the sites that it is over."""
        self.visitors.finished = True
        end = time.monotonic() + self.serving.farewell
        while time.monotonic() < end and not (self._ended or self.visitors.all_told()):
            time.sleep(LOOK)
