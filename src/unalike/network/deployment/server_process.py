"""The server at work: SuperLink, gate and study, each started again when it ends."""

from __future__ import annotations

import json
import logging
import queue
import shutil
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unalike.errors import InputError
from unalike.network.protocol.study_summary import StudySummary
from unalike.network.server.events import Event, EventHandler, remark
from unalike.network.server.server_settings import ServerSettings
from unalike.study.files import write_atomically
from unalike.study.folder_lock import lock_folder
from unalike.study.settings import read_study

from .admitted_nodes import UNSIGNED, AdmittedNodes
from .app_bundle import CLIENT_APP, DIAGNOSIS, SERVER_APP, STUDY, write_bundle
from .certificates import server_certificate_files
from .gate import Gate
from .keys import admitted_keys
from .ports import Address, listen
from .server_status import ABSENT_SECONDS, ServerStatus
from .study_process import StudyProcess
from .superlink import SuperLink

POLL_SECONDS = 0.3
SILENCE_SECONDS = 20.0
"""Without an event, after which Flower is asked whether the study still runs."""
ATTEMPTS = 3
"""How often a study that ended too soon is submitted in all without having done a round between."""
CLOSING_SECONDS = ABSENT_SECONDS + 5
"""That the gate stays open at most at the end, so that all sites learn of it."""
LAST_EVENTS = ("finished", "failed")
MAX_TOLD = 20
"""Keys that were turned away of which people are told."""


@dataclass(frozen=True)
class ServerDeployment:
    """What is served, where, to whom.

    settings: the run config of the ServerApp; "events" is added here.
    """

    folder: Path
    listen: Address
    settings: Mapping[str, bool | int | float | str]
    tls: Path | None = None
    server_app: str = SERVER_APP
    client_app: str = CLIENT_APP


class ServerProcess:
    """Runs a study among the sites that join; `on_event` gets every event."""

    def __init__(
        self, deployment: ServerDeployment, on_event: EventHandler = lambda _: None
    ) -> None:
        self.deployment, self.on_event = deployment, on_event
        if deployment.tls is not None:
            admitted_keys(deployment.tls)  # complains where there are none
        self._admitted = None if deployment.tls is None else AdmittedNodes(deployment.tls)
        self._known_keys: dict[str, str] = {}  # fingerprint -> name, as registered
        self._untold = True  # whether people have not heard that a key cannot be registered
        self._refused: set[str] = set()  # fingerprints of keys that were turned away
        self._noticed: queue.SimpleQueue[str] = queue.SimpleQueue()  # by the gate, for people
        self.status = ServerStatus(self._names, _study_summary(deployment))
        self.superlink: SuperLink | None = None
        self.study: StudyProcess | None = None
        self._stopped = False
        self._store = deployment.folder / "network"
        self._events = self._store / "events.jsonl"
        self._keys_file = self._store / "keys.json"

    def run(self) -> Event:
        """Serve until the study is over; its last event, "finished" or "failed".

        Raises:
            InputError: it cannot be served; one sentence says why.
        """
        deployment = self.deployment
        tls = None if deployment.tls is None else server_certificate_files(deployment.tls)
        with lock_folder(self._store), listen(deployment.listen) as sock:
            home = self._store.resolve() / "home"
            shutil.rmtree(home, ignore_errors=True)
            try:
                return self._serve(sock, home, tls)
            finally:
                shutil.rmtree(home, ignore_errors=True)

    def stop(self) -> None:
        """Stop serving, from another thread; the study can be gone on with."""
        self._stopped = True

    def _serve(self, sock: socket.socket, home: Path, tls: tuple[Path, Path] | None) -> Event:
        self._events.write_bytes(b"")
        with (
            SuperLink(home, self._store, encrypted=tls is not None) as superlink,
            StudyProcess(superlink, self._study_modules()) as study,
        ):
            self.superlink, self.study = superlink, study
            self._show({"event": "starting", "text": "Flower's server starts."})
            superlink.wait_until_ready()
            self._admit(superlink)
            gate = Gate(
                sock,
                superlink.address,
                authority=superlink.authority,
                tls=tls,
                status=self.status.answer,
                admits=self._admits,
            )
            with gate:
                self._show({"event": "serving", "listen": str(self.deployment.listen)})
                last = self._run_study(superlink, study, home)
                self._inform_sites()
        if last["event"] == "finished":
            superlink.forget()
        return last

    def _names(self) -> Mapping[str, str]:
        """Fingerprint -> name of the sites that are admitted now; empty where all are."""
        return {} if self._admitted is None else self._admitted.names()

    def _admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a node may ask; people are told once of each key that may not."""
        if self._admitted is None:
            return True
        refused = self._admitted.admits(headers)
        if refused is not None and refused not in self._refused and len(self._refused) < MAX_TOLD:
            self._refused.add(refused)
            if refused == UNSIGNED:
                self._noticed.put("Somebody without a key asks for work and is turned away.")
            else:
                self._noticed.put(
                    f"A node whose key is not admitted ({refused[:16]}) is turned away; the keys "
                    f"that are lie in {self._admitted.folder}."
                )
        return refused is None

    def _admit(self, superlink: SuperLink) -> None:
        """Register keys that are new in the folder; tell of new and of withdrawn ones."""
        if self._admitted is None:
            return
        names = dict(self._admitted.names())
        if names == self._known_keys:
            return
        if self._known_keys:
            for key, name in self._known_keys.items() ^ names.items():
                done = "admitted" if names.get(key) == name else "withdrawn"
                self._show(remark(f"A key of {name} is {done} ({key[:16]})."))
        paths = {name: self._admitted.folder / f"{name}.pub" for name in names.values()}
        nodes = superlink.register(paths)
        content = json.dumps({name: str(node) for name, node in nodes.items()})
        write_atomically(self._keys_file, content.encode())
        self._known_keys = names

    def _admit_later(self, superlink: SuperLink) -> None:
        """The same while a study runs, which goes on where a key cannot be registered just now."""
        try:
            self._admit(superlink)
            self._untold = True
        except InputError as error:
            if self._untold:
                self._show(remark(f"A key is not admitted yet: {error}"))
            self._untold = False

    def _study_modules(self) -> list[str]:
        """What the study's process will need, whatever the study turns out to be."""
        diagnose = ServerSettings.of(self.deployment.settings).diagnose
        app, _, _ = self.deployment.server_app.partition(":")
        return [app, DIAGNOSIS if diagnose else STUDY]

    def _run_study(self, superlink: SuperLink, study: StudyProcess, home: Path) -> Event:
        """Submit the study, and again when it or the SuperLink ends before it is over."""
        settings = {**self.deployment.settings, "events": str(self._events.resolve())}
        if self._admitted is not None:
            settings["keys"] = str(self._keys_file.resolve())
        bundle = write_bundle(
            home / "app",
            settings,
            server_app=self.deployment.server_app,
            client_app=self.deployment.client_app,
        )
        self._attempts, self._position = 0, 0
        while True:
            self._attempts += 1
            self._show({"event": "starting", "text": "The study's own process starts."})
            run = superlink.submit(bundle)
            study.begin(run)
            last = self._follow(superlink, study, run)
            if last is not None:
                return last
            if self._attempts == ATTEMPTS:
                raise InputError(
                    f"The study ended {ATTEMPTS} times without a round between; the reason is in "
                    f"{study.log}, or in {superlink.log}."
                )
            study.stop()
            if not superlink.process.running:
                superlink.restart()
            superlink.stop_run(run)
            study.start()

    def _follow(self, superlink: SuperLink, study: StudyProcess, run: int) -> Event | None:
        """Tell what the run does until it is over: its last event; None where it ended before."""
        last_sign, running = time.monotonic(), True
        while True:
            time.sleep(POLL_SECONDS)
            if self._stopped:
                return {"event": "failed", "why": "The server was stopped."}
            running = running and study.running
            events, self._position = self._new_events(self._position)
            while not self._noticed.empty():
                self._show(remark(self._noticed.get()))
            for event in events:
                self._show(event)
                if event["event"] in LAST_EVENTS:
                    return event
                self._attempts = 0 if event["event"] == "round" else self._attempts
            last_sign = time.monotonic() if events else last_sign
            if not superlink.process.running:
                self._show(remark("Flower's server process ended; it is started again."))
                return None
            if not running:  # and its last events have been read since
                text = "The study's process ended; it goes on from its last checkpoint."
                self._show(remark(text))
                return None
            self._admit_later(superlink)
            if time.monotonic() - last_sign > SILENCE_SECONDS:
                running = not superlink.status(run).startswith("finished")
                last_sign = time.monotonic()

    def _show(self, event: Event) -> None:
        """Tell who looks on; a view that fails is looked at no more, and never ends a study."""
        try:
            self.on_event(event)
        except Exception as error:
            self.on_event = lambda _: None
            logging.getLogger("unalike").warning(
                "What is shown of the study failed (%r); the study goes on, and its events are in "
                "%s.",
                error,
                self._events,
            )

    def _new_events(self, start: int) -> tuple[list[Event], int]:
        try:
            with self._events.open("rb") as file:
                file.seek(start)
                whole, end, _ = file.read().rpartition(b"\n")
        except OSError:  # too many files are open just now
            return [], start
        return [json.loads(line) for line in whole.splitlines() if line], start + len(whole + end)

    def _inform_sites(self) -> None:
        """Keep the gate open until the sites that ask know that it is over."""
        self.status.finished = True
        end = time.monotonic() + CLOSING_SECONDS
        while time.monotonic() < end and not (self._stopped or self.status.all_informed()):
            time.sleep(POLL_SECONDS)


def _study_summary(deployment: ServerDeployment) -> Mapping[str, Any] | None:
    """What sites are told of the study before they join."""
    path = deployment.folder / "study.toml"
    if not path.exists():
        return None
    settings = ServerSettings.of(deployment.settings)
    summary = StudySummary.of(
        read_study(path), baselines=settings.baselines, diagnose=settings.diagnose
    )
    return summary.model_dump(mode="json")
