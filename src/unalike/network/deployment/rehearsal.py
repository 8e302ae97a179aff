"""All sites of a federation on this machine, each in processes of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from unalike.engines.machine import cores
from unalike.network.processes.process import Process, stop_all
from unalike.network.protocol.site_names import is_file_name

from .certificates import make_server_certificate
from .environment import environment
from .keys import make_admitted_key
from .ports import Address

SITE_COMMAND = (sys.executable, "-m", "unalike.network.deployment.site_process")


class Rehearsal:
    """Certificates, keys and sites for a server on this machine; the sites wait for it.

    Sites hold the study's own clients: site i is client i. first: how many are started at once; all
    if not given. node: which of `node_kinds.NODES` they have. reached_at: where a site finds the
    server, from its name and the server's own address.
    """

    def __init__(
        self,
        folder: Path,
        server: Address,
        sites: Sequence[str],
        notify: Callable[[str], None] = lambda _: None,
        *,
        first: int | None = None,
        node: str = "supernode",
        worker_options: Sequence[str] = (),
        reached_at: Callable[[str, Address], Address] = lambda _, server: server,
    ) -> None:
        self.server, self.tls = server, folder / "rehearsal" / "tls"
        self._folder, self._notify = folder / "rehearsal", notify
        self.names = [name if is_file_name(name) else f"site-{i}" for i, name in enumerate(sites)]
        self._first = len(self.names) if first is None else first
        self._node, self._worker_options = node, worker_options
        self._reached_at = reached_at
        self._threads = max(1, cores() // len(self.names))
        self.sites: dict[str, Process] = {}

    def __enter__(self) -> Rehearsal:
        if not (self.tls / "server.crt").exists():
            make_server_certificate(self.tls, [self.server.host])
        self._settle_keys()
        for name in self.names[: self._first]:
            self.start(name)
        return self

    def _settle_keys(self) -> None:
        """A key for each site, and none of a study that was here before."""
        for public in (self.tls / "nodes").glob("*.pub"):
            if public.stem not in self.names:
                public.unlink()
        for name in self.names:
            if not (self.tls / "nodes" / f"{name}.pub").exists():
                (self.tls / "keys" / f"{name}.key").unlink(missing_ok=True)
                make_admitted_key(self.tls, name)

    def __exit__(self, *_: object) -> None:
        stop_all(*self.sites.values())

    def start(self, name: str, *arguments: str, node: str | None = None) -> Process:
        """Start a site, anew if it is there already, with `arguments` for its worker."""
        stop_all(self.sites.get(name))
        folder = self._folder / name
        log = folder / "join.log"
        self._notify(f"{name} writes to {log}.")
        server = self._reached_at(name, self.server)
        command = [*SITE_COMMAND, str(server), name, str(folder / "state")]
        command += [str(self.tls / "ca.crt"), str(self.tls / "keys" / f"{name}.key")]
        command += [node or self._node, "--client", str(self.names.index(name))]
        command += [*self._worker_options, *arguments]
        variables = {"OMP_NUM_THREADS": str(self._threads), **environment(folder)}
        self.sites[name] = Process(name, command, variables, log)
        return self.sites[name]
