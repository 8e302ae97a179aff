"""Flower's server: a SuperLink that only this machine can reach, and what it is told to do.

It starts no process for a run: `study_process` is there already.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from unalike.errors import InputError
from unalike.network.processes.private_folder import make_private_folder
from unalike.network.processes.process import Process

from .certificates import make_server_certificate
from .environment import command, environment
from .flower_commands import FlowerCommands
from .keys import fingerprint, read_public
from .ports import Address, free_port

START_SECONDS = 90.0
"""That a SuperLink may take to start."""


class SuperLink:
    """`flower-superlink` on 127.0.0.1; with `encrypted`, behind a certificate made for this start.

    home: a private folder, removed by the caller. store: what must outlive it. encrypted: nodes
    have to prove who they are, which Flower ties to TLS.
    """

    def __init__(self, home: Path, store: Path, *, encrypted: bool) -> None:
        self.home, self.encrypted = home, encrypted
        self.address = Address("127.0.0.1", free_port())
        self.log = store / "superlink.log"
        self._database = store / "superlink.db"
        self._nodes_file = store / "nodes.json"
        self.variables = environment(home)
        make_private_folder(store)
        make_private_folder(home)
        self.authority = make_server_certificate(home / "tls", ["127.0.0.1"]) if encrypted else None
        self._write_connection()
        self._commands = FlowerCommands(self.variables)
        self.flwr = self._commands.run
        self.process = self._start()

    def __enter__(self) -> SuperLink:
        return self

    def __exit__(self, *_: object) -> None:
        self._commands.__exit__()
        self.process.stop()

    def forget(self) -> None:
        """Remove what the nodes have sent, once the SuperLink has ended and is not to go on."""
        for path in self._database.parent.glob(f"{self._database.name}*"):
            path.unlink(missing_ok=True)
        self._nodes_file.unlink(missing_ok=True)

    def wait_until_ready(self) -> None:
        """Come back when it answers; a database of another version of Flower is set aside."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.healthy():
                return
            if not self.process.running:
                if not self._database.exists():
                    break
                self._database.unlink()
                self._nodes_file.unlink(missing_ok=True)
                self.process = self._start()
            time.sleep(0.1)
        raise InputError(f"Flower's server did not start; its last words are in {self.log}.")

    def healthy(self) -> bool:
        """Whether it answers."""
        tls = ssl.create_default_context(cafile=str(self.authority)) if self.authority else None
        scheme = "https" if self.encrypted else "http"
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )
        try:
            with direct.open(f"{scheme}://{self.address}/health", timeout=2):
                return True
        except OSError:
            return False

    def register(self, public_keys: Mapping[str, Path]) -> dict[str, int]:
        """Let nodes in: name -> public key; name -> id, the same after every restart."""
        nodes = json.loads(self._nodes_file.read_text()) if self._nodes_file.exists() else {}
        known = {name: fingerprint(read_public(path)) for name, path in public_keys.items()}
        for name, path in public_keys.items():
            if known[name] in nodes:
                continue
            answer = self.flwr("supernode", "register", str(path.resolve()), "here")
            if not answer.get("success"):
                raise InputError(f"The key {path} was refused: {_reason(answer)}")
            nodes[known[name]] = int(answer["node-id"])
            temporary = self._nodes_file.with_suffix(".writing")
            temporary.write_text(json.dumps(nodes))
            temporary.replace(self._nodes_file)
        return {name: int(nodes[key]) for name, key in known.items()}

    def submit(self, bundle: Path) -> int:
        """Start a run; its id."""
        answer = self.flwr("run", str(bundle.resolve()), "here")
        if not answer.get("success"):
            raise InputError(f"Flower did not take the study: {_reason(answer)}")
        return int(answer["run-id"])

    def stop_run(self, run: int) -> None:
        """Let nobody work on a run any more; nothing happens to one that is over."""
        self.flwr("stop", str(run), "here")

    def status(self, run: int) -> str:
        """Of a run, in Flower's words: "pending", "running", "finished:failed"; "" if unknown."""
        answer = self.flwr("list", "here")
        known = {int(one["run-id"]): str(one["status"]) for one in answer.get("runs", [])}
        return known.get(run, "")

    def restart(self) -> None:
        """Start it again, at the same port and with what it knew."""
        self.process.stop()
        self.process = self._start()
        self.wait_until_ready()

    def _start(self) -> Process:
        tls = ["--insecure"]
        if self.authority is not None:
            folder = self.authority.parent
            tls = ["--ssl-certfile", str(folder / "server.crt")]
            tls += ["--ssl-keyfile", str(folder / "server.key")]
            tls += ["--ssl-ca-certfile", str(self.authority), "--enable-supernode-auth"]
        arguments = ["--host", self.address.host, "--port", str(self.address.port)]
        arguments += ["--database", str(self._database), "--isolation", "process"]
        return Process(
            "superlink",
            [command("flower-superlink"), *tls, *arguments],
            self.variables,
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


def _reason(answer: dict[str, Any]) -> str:
    text = str(answer.get("error-message", answer)).strip()
    return text.splitlines()[-1] if text else "it gave no reason."
