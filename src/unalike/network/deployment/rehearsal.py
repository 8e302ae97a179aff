"""All sites of a federation on this machine, each in processes of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from unalike.network.processes.process import Process, stop_all

from .certificates import make_server
from .environment import environment
from .keys import NAME, admit
from .ports import Address

MEMBER = (sys.executable, "-m", "unalike.network.deployment.site_process")


class Stage:
    """Certificates, keys and sites for a server on this machine; the sites wait for it.

    Sites hold the study's own clients: site i is client i. first: how many are started at once; all
    if not given. node: which of `member.NODES` they have.
    """

    def __init__(
        self,
        folder: Path,
        server: Address,
        sites: Sequence[str],
        tell: Callable[[str], None] = lambda _: None,
        *,
        first: int | None = None,
        node: str = "supernode",
    ) -> None:
        self.server, self.tls = server, folder / "rehearsal" / "tls"
        self._folder, self._tell = folder / "rehearsal", tell
        self.names = [name if NAME.match(name) else f"site-{i}" for i, name in enumerate(sites)]
        self._first = len(self.names) if first is None else first
        self._node = node
        self.members: dict[str, Process] = {}

    def __enter__(self) -> Stage:
        if not (self.tls / "server.crt").exists():
            make_server(self.tls, [self.server.host])
            for name in self.names:
                admit(self.tls, name)
        for name in self.names[: self._first]:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(*self.members.values())

    def start(self, name: str, *arguments: str, node: str | None = None) -> Process:
        """Start a site, anew if it is there already, with `arguments` for its worker."""
        stop_all(self.members.get(name))
        place = self._folder / name
        self._tell(f"{name} writes to {place / 'join.log'}.")
        command = [*MEMBER, str(self.server), name, str(place / "state")]
        command += [str(self.tls / "ca.crt"), str(self.tls / "keys" / f"{name}.key")]
        command += [node or self._node, "--client", str(self.names.index(name)), *arguments]
        self.members[name] = Process(name, command, environment(place), place / "join.log")
        return self.members[name]
