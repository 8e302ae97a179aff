"""Twenty kinds of faults of a federation of real processes on this machine."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import random
import secrets
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from real_federation import RealFederation, processes
from unalike.network.deployment.admitted_nodes import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
)

from .lines import Line

UPLOAD_BYTES = 60_000
"""That have gone up when a site is killed while it uploads: less than an answer has."""
CLOSED_SECONDS = 5.0
CONNECTIONS = 50
HELD_SECONDS = 15.0

Over = Callable[[], bool]
"""Whether what was done wrong is over, so that the site may come back."""


@dataclass
class FaultyFederation:
    """What a fault may lay hands on."""

    running: RealFederation
    lines: dict[str, Line]
    faults: Path
    deadline: float

    def site_processes(self, site: str, words: str) -> list[int]:
        """Those of a site in whose command these words stand, supervisors aside."""
        found = processes(self.running.rehearsal.sites[site].pid).items()
        return [pid for pid, line in found if words in line and "supervisor.py" not in line]

    def fault_file(self, site: str) -> Path:
        """Where the site's worker looks."""
        return self.faults / str(self.running.rehearsal.names.index(site))


Begin = Callable[[FaultyFederation, str], Over]


@dataclass(frozen=True)
class FaultKind:
    """One way to go wrong."""

    name: str
    whom: Literal["site", "all", "nobody"]
    misses: bool  # whether a round has to go on without the site
    begin: Begin


def _told(*words: object) -> Begin:
    """The site's worker does so with its next answer."""

    def begin(federation: FaultyFederation, site: str) -> Over:
        file = federation.fault_file(site)
        written = [str(federation.deadline + 3) if word == "late" else str(word) for word in words]
        file.write_text(" ".join(written))
        return lambda: not file.exists()

    return begin


def _killed(words: str) -> Begin:
    def begin(federation: FaultyFederation, site: str) -> Over:
        _kill(federation.site_processes(site, words))
        return lambda: True

    return begin


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _site_killed(federation: FaultyFederation, site: str) -> Over:
    rehearsal = federation.running.rehearsal
    _kill(list(processes(rehearsal.sites[site].pid)))
    rehearsal.start(site)
    return lambda: True


def _killed_in_upload(federation: FaultyFederation, site: str) -> Over:
    killed = threading.Event()

    def kill() -> None:
        _kill(federation.site_processes(site, "in_process_node"))
        killed.set()

    federation.lines[site].cut_in_upload(UPLOAD_BYTES, kill)
    return killed.is_set


def _later(seconds: float, then: Callable[[], None]) -> Over:
    done = threading.Event()

    def act() -> None:
        then()
        done.set()

    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return done.is_set


def _stopped(federation: FaultyFederation, site: str) -> Over:
    pids = federation.site_processes(site, "faulty_site.py worker")

    def signal_all(number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    signal_all(signal.SIGSTOP)
    return _later(federation.deadline + 3, lambda: signal_all(signal.SIGCONT))


def _line_closed(federation: FaultyFederation, site: str) -> Over:
    line = federation.lines[site]
    line.close()
    return _later(CLOSED_SECONDS, line.open)


def _line_silent(federation: FaultyFederation, site: str) -> Over:
    line = federation.lines[site]
    line.fall_silent()
    return _later(federation.deadline + 3, line.open)


def _superlink_processes(federation: FaultyFederation) -> dict[int, str]:
    """Flower's server and what it has started: the command of each process by its number."""
    superlink = federation.running.server.superlink
    if superlink is None:
        raise RuntimeError("The server of the federation has not started Flower's.")
    return processes(superlink.process.pid)


def _study_killed(federation: FaultyFederation, _: str) -> Over:
    study = federation.running.server.study
    if study is None:
        raise RuntimeError("The server of the federation has not started the study's process.")
    found = processes(study.process.pid).items()
    _kill([pid for pid, line in found if "supervisor.py" not in line])
    return lambda: True


def _superlink_killed(federation: FaultyFederation, _: str) -> Over:
    _kill(list(_superlink_processes(federation)))
    return lambda: True


def _garbage(federation: FaultyFederation, _: str) -> Over:
    """Random bytes at the server's port, and connections that ask half a question and stay."""
    server, draws = federation.running.rehearsal.server, random.Random(secrets.randbits(32))
    beginning = b"POST /v1/fleet/push-object HTTP/1.1\r\nContent-Length: 99999"

    def hold() -> None:
        with contextlib.ExitStack() as opened:
            for i in range(CONNECTIONS):
                with contextlib.suppress(OSError):
                    end = opened.enter_context(socket.create_connection(server, 5))
                    end.settimeout(5)
                    if i % 2:
                        end = opened.enter_context(untrusting().wrap_socket(end))
                    end.sendall(beginning if i % 4 < 2 else draws.randbytes(100_000))
            time.sleep(HELD_SECONDS)

    return _in_thread(hold)


def _strangers(federation: FaultyFederation, _: str) -> Over:
    """Requests for work without a key and with one that is not admitted, and for operators' calls.

    AssertionError where one is let in.
    """
    server = federation.running.rehearsal.server
    outcome: list[int] = []

    def ask() -> None:
        for path in ("fleet/pull-messages", "fleet/activate-node", "control/start-run"):
            for headers in ({}, signed_headers()):
                connection = http.client.HTTPSConnection(
                    server.host, server.port, timeout=20, context=untrusting()
                )
                connection.request("POST", f"/v1/{path}", b"\x0a\x00", headers)
                outcome.append(connection.getresponse().status)
                connection.close()

    def over() -> bool:
        assert set(outcome) <= {401, 403}, outcome
        return asked()

    asked = _in_thread(ask)
    return over


def signed_headers(key: ec.EllipticCurvePrivateKey | None = None) -> dict[str, str]:
    """The headers of a node with this key, or with one of its own making."""
    key, now = key or ec.generate_private_key(ec.SECP384R1()), str(time.time())
    formats = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_key().public_bytes(*formats)
    signature = key.sign(now.encode(), ec.ECDSA(hashes.SHA256()))
    return {
        KEY_HEADER: base64.b64encode(pem).decode(),
        SIGNATURE_HEADER: base64.b64encode(signature).decode(),
        TIME_HEADER: now,
    }


def untrusting() -> ssl.SSLContext:
    """TLS with whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _in_thread(work: Callable[[], None]) -> Over:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return lambda: not thread.is_alive()


FAULTS = (
    FaultKind("an answer that is not finite", "site", True, _told("nan")),
    FaultKind("an answer 1,000 times as long", "site", True, _told("huge")),
    FaultKind("an answer of another shape", "site", True, _told("shape")),
    FaultKind("an answer that is cut short", "site", True, _told("short")),
    FaultKind("counts beyond the samples", "site", False, _told("counts")),
    FaultKind("training that raises an error", "site", True, _told("raise")),
    FaultKind("no space left on the disk", "site", True, _told("disk")),
    FaultKind("an answer 3 s late, before the deadline", "site", False, _told("sleep", 3)),
    FaultKind("an answer after the deadline", "site", True, _told("sleep", "late")),
    FaultKind("a worker killed", "site", False, _killed("faulty_site.py worker")),
    FaultKind("a worker stopped beyond the deadline", "site", True, _stopped),
    FaultKind("a node killed", "site", True, _killed("in_process_node")),
    FaultKind("a node killed while it uploads", "site", True, _killed_in_upload),
    FaultKind("a whole site killed, and started again", "site", True, _site_killed),
    FaultKind("a line closed for 5 s", "site", False, _line_closed),
    FaultKind("a line silent beyond the deadline", "site", True, _line_silent),
    FaultKind("the study's process killed", "all", False, _study_killed),
    FaultKind("Flower's server process killed", "all", False, _superlink_killed),
    FaultKind("garbage and half-open connections", "nobody", False, _garbage),
    FaultKind("strangers with no key and with another", "nobody", False, _strangers),
)
