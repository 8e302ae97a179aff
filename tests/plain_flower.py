"""The commands of the page on deployment, taken from it and run on this machine, for tests."""

from __future__ import annotations

import getpass
import grp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from unalike.network.deployment.certificates import make_server_certificate
from unalike.network.deployment.keys import make_admitted_key
from unalike.network.deployment.ports import Address, free_port
from unalike.network.processes.process import Process, stop_all

LONGEST = 900.0
"""Seconds that anything may take on a busy machine."""
PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "deploy.md"
SECTION = PAGE.read_text("utf-8").split("## The plain Flower way\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SECTION, re.DOTALL)
SITES = ("hospital-a", "hospital-b")
NGINX = """daemon off;
user {user} {group};
pid nginx.pid;
error_log nginx.log;
events {{}}
http {{
access_log access.log;
{temporary}
{block}}}
"""


def block(language: str, mark: str) -> str:
    """The only block of the section in this language with this mark in it."""
    (found,) = (text for kind, text in BLOCKS if kind == language and mark in text)
    return str(found)


class PlainFlower:
    """A server and its sites as the page says, in `folder`; `door` is "gate" or "nginx".

    rounds: of the study, instead of the page's.
    """

    def __init__(self, folder: Path, door: str, rounds: int) -> None:
        self.folder, self.door, self._rounds = folder, door, rounds
        self.inner, self.outer = free_port(), Address("localhost", free_port())
        self._sockets = Path(tempfile.mkdtemp(prefix="unalike-"))
        self.processes: dict[str, Process] = {}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self._variables = {**os.environ, "PATH": path, "NO_PROXY": "127.0.0.1,localhost"}

    def __enter__(self) -> PlainFlower:
        self.folder.mkdir()
        make_server_certificate(self.folder / "tls", [self.outer.host])
        for name in SITES:
            make_admitted_key(self.folder / "tls", name)
        self._prepare()
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(*self.processes.values())
        shutil.rmtree(self._sockets)

    @property
    def study(self) -> Path:
        """The study's folder."""
        return self.folder / "study"

    def serve(self) -> None:
        """Start SuperLink and door, and register the nodes in the bundle."""
        script = self._here(block("sh", "flower-superlink"))
        if self.door == "nginx":
            kept = [line for line in script.splitlines() if not line.startswith("unalike gate")]
            script = "\n".join([*kept, "nginx -p $PWD -c $PWD/nginx.conf &\n"])
        self._start("server", self.folder, script + "wait\n")
        said = self.operate(block("sh", "supernode register"))
        ids = re.findall(r"SuperNode (\d+) registered", said)
        keys = block("toml", "keys = ")
        for example, node in zip(re.findall(r'"(\d+)"', keys), ids, strict=True):
            keys = keys.replace(example, node)
        with (self.folder / "app" / "pyproject.toml").open("a") as file:
            file.write(keys)

    def operate(self, script: str) -> str:
        """What commands say, given on the server with its variables."""
        done = subprocess.run(
            ["bash", "-ec", self._exports() + self._here(script)],
            cwd=self.folder,
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def submit(self) -> None:
        """Start the study."""
        self.operate(block("sh", "flwr run"))

    def join(self, name: str, samples: Path) -> None:
        """Start a site with these samples."""
        place = self.folder / name
        place.mkdir()
        shutil.copy(self.folder / "tls" / "ca.crt", place)
        shutil.copy(self.folder / "tls" / "keys" / f"{name}.key", place)
        shutil.copy(samples, place / "mine.npz")
        changes = {
            "hospital-a": name,
            "fed.example.org:9092": str(self.outer),
            "/run/unalike": str(self._sockets / name),
            "--port 9094": f"--port {free_port()}",
        }
        self._start(name, place, changed(block("sh", "flower-supernode"), changes))

    def stranger(self, *command: str) -> str:
        """What somebody outside who has the ca.crt hears of a command of flwr that fails."""
        home = self.folder / "stranger"
        config = block("toml", "[superlink.connection]")
        changes = {
            "127.0.0.1:8000": str(self.outer),
            "/srv/federation/inner": str(self.folder / "tls"),
        }
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(changed(config, changes))
        done = subprocess.run(
            ["flwr", *command, "connection"],
            cwd=self.folder,
            env=self._variables | {"FLWR_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        assert done.returncode == 1, done.stdout
        return done.stdout + done.stderr

    def _prepare(self) -> None:
        for name in ("app", "flower"):
            (self.folder / name).mkdir()
        self.operate(block("sh", "unalike certificates inner"))
        bundle = block("toml", "[tool.flwr.app]")
        (self.folder / "app" / "pyproject.toml").write_text(
            changed(bundle, {"/srv/federation": str(self.folder)})
        )
        self._write_connection()
        changes = {"/srv/federation": str(self.folder), '"rounds": 50': f'"rounds": {self._rounds}'}
        exec(compile(changed(block("python", "prepare("), changes), str(PAGE), "exec"), {})
        if self.door == "nginx":
            self._write_nginx()

    def _write_connection(self) -> None:
        text = block("toml", "[superlink.connection]")
        (self.folder / "flower" / "config.toml").write_text(self._here(text))

    def _write_nginx(self) -> None:
        changes = {
            "127.0.0.1:8000": f"127.0.0.1:{self.inner}",
            "listen 9092": f"listen 127.0.0.1:{self.outer.port}",
            "/srv/federation": str(self.folder),
        }
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        (self.folder / "nginx.conf").write_text(
            NGINX.format(
                user=getpass.getuser(),
                group=grp.getgrgid(os.getgid()).gr_name,
                temporary="\n".join(f"{kind}_temp_path {kind};" for kind in kinds),
                block=changed(block("nginx", "server {"), changes),
            )
        )

    def _here(self, text: str) -> str:
        """What is said of the server, said of this one."""
        for there, here in {
            "/srv/federation": str(self.folder),
            "0.0.0.0:9092": f"127.0.0.1:{self.outer.port}",
            "127.0.0.1:8000": f"127.0.0.1:{self.inner}",
            "--port 8000": f"--port {self.inner}",
        }.items():
            text = text.replace(there, here)
        return text

    def _exports(self) -> str:
        script = self._here(block("sh", "flower-superlink"))
        return "".join(re.findall(r"export .*\n", script))

    def _start(self, name: str, place: Path, script: str) -> None:
        command: Sequence[str] = ["bash", "-c", f"cd {place}\n{script}"]
        log = self.folder / f"{name}.log"
        self.processes[name] = Process(name, command, self._variables, log)


def changed(text: str, changes: dict[str, str]) -> str:
    """A text with each of these replaced, all of which it has to contain."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text
