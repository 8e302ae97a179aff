"""The server's process: a SuperLink that only this machine can reach, and what it is told to do."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import tomli_w

from unalike.errors import InputError
from unalike.network.processes.process import Process

from .certificates import make_server
from .environment import command, environment
from .keys import fingerprint, read_public
from .ports import Address, free_port

READY = 90.0
"""Seconds that a SuperLink may take to start."""


class Superlink:
    """`flower-superlink` on 127.0.0.1; with `encrypted`, behind a certificate made for this start.

    home: a private folder, removed by the caller. store: what must outlive it. encrypted: nodes
    have to prove who they are, which Flower ties to TLS.
    """

    def __init__(self, home: Path, store: Path, *, encrypted: bool) -> None:
        self.home, self.encrypted = home, encrypted
        self.address = Address("127.0.0.1", free_port())
        self.log = store / "superlink.log"
        self._database = store / "superlink.db"
        self._known = store / "nodes.json"
        self._variables = environment(home)
        home.mkdir(parents=True, exist_ok=True)
        store.mkdir(parents=True, exist_ok=True)
        self.authority = make_server(home / "tls", ["127.0.0.1"]) if encrypted else None
        self._write_connection()
        self.process = self._start()

    def __enter__(self) -> Superlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def wait_until_ready(self) -> None:
        """Come back when it answers; a database of another version of Flower is set aside."""
        end = time.monotonic() + READY
        while time.monotonic() < end:
            if self.healthy():
                return
            if not self.process.running:
                if not self._database.exists():
                    break
                self._database.unlink()
                self._known.unlink(missing_ok=True)
                self.process = self._start()
            time.sleep(0.1)
        raise InputError(f"Flower's server did not start; its last words are in {self.log}.")

    def healthy(self) -> bool:
        """Whether it answers."""
        trusted = ssl.create_default_context(cafile=str(self.authority)) if self.authority else None
        scheme = "https" if self.encrypted else "http"
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
        )
        try:
            with direct.open(f"{scheme}://{self.address}/health", timeout=2):
                return True
        except OSError:
            return False

    def admit(self, public_key: Path) -> int:
        """Let a node in; its id, the same after every restart."""
        known = json.loads(self._known.read_text()) if self._known.exists() else {}
        mark = fingerprint(read_public(public_key))
        if mark not in known:
            answer = self.ask("supernode", "register", str(public_key), "here")
            if not answer.get("success"):
                raise InputError(f"The key {public_key} was refused: {_reason(answer)}")
            known[mark] = int(answer["node-id"])
            beside = self._known.with_suffix(".writing")
            beside.write_text(json.dumps(known))
            beside.replace(self._known)
        return int(known[mark])

    def submit(self, bundle: Path) -> int:
        """Start a run; its id."""
        answer = self.ask("run", str(bundle), "here")
        if not answer.get("success"):
            raise InputError(f"Flower did not take the study: {_reason(answer)}")
        return int(answer["run-id"])

    def runs(self, run: int) -> bool:
        """Whether a run goes on, as far as is known."""
        answer = self.ask("list", "here")
        ended = [one for one in answer.get("runs", []) if int(one["run-id"]) == run]
        return not any(str(one["status"]).startswith("finished") for one in ended)

    def restart(self) -> None:
        """Start it again, at the same port and with what it knew."""
        self.process.stop()
        self.process = self._start()
        self.wait_until_ready()

    def _start(self) -> Process:
        secure = ["--insecure"]
        if self.authority is not None:
            folder = self.authority.parent
            secure = ["--ssl-certfile", str(folder / "server.crt")]
            secure += ["--ssl-keyfile", str(folder / "server.key")]
            secure += ["--ssl-ca-certfile", str(self.authority), "--enable-supernode-auth"]
        arguments = ["--host", self.address.host, "--port", str(self.address.port)]
        arguments += ["--database", str(self._database)]
        return Process(
            "superlink",
            [command("flower-superlink"), *secure, *arguments],
            self._variables,
            self.log,
        )

    def _write_connection(self) -> None:
        here: dict[str, Any] = {"address": str(self.address)}
        if self.authority is None:
            here["insecure"] = True
        else:
            here["root-certificates"] = str(self.authority.resolve())
        content = tomli_w.dumps({"superlink": {"default": "here", "here": here}})
        (self.home / "config.toml").write_text(content)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """What a command of flwr answers; its exit code says nothing."""
        done = subprocess.run(
            [command("flwr"), *arguments, "--format", "json"],
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=READY,
            stdin=subprocess.DEVNULL,
        )
        with contextlib.suppress(ValueError):
            answer: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
            return answer
        return {"success": False, "error-message": (done.stderr or done.stdout).strip()}


def _reason(answer: dict[str, Any]) -> str:
    text = str(answer.get("error-message", answer)).strip()
    return text.splitlines()[-1] if text else "it gave no reason."
