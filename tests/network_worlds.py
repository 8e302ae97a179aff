"""A small world whose clients are sites behind Flower's messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from network_grid import InProcessGrid, Node, node
from unalike import __version__
from unalike.core import Method
from unalike.core.local_work import LocalWork
from unalike.engines.local import LocalEngine
from unalike.network.protocol.messages import Message, pack
from unalike.network.protocol.run_description import RunDescription
from unalike.network.server.remote_clients import RemoteClients
from unalike.network.server.remote_run import RunSetup
from unalike.network.server.requests import Requests
from unalike.network.server.server_settings import ServerSettings
from unalike.network.server.sites import ConnectedSites
from unalike.network.site.local_data import client_federation
from unalike.network.site.trainer import VERBS, Trainer
from unalike.rounds import Round, rounds
from unalike.study.roster import Roster, Site
from unalike.study.settings import Study
from worlds import SINGLE, World

Handler = Callable[[Message], Message]
QUICK = ServerSettings(least=1, deadline=0.2, patience=0.5, grace=0.0, poll=0.01)


@dataclass
class Network:
    """A world's clients as sites, and the server's view of them."""

    world: World
    method: Method
    folder: Path
    batch_size: int = 4
    epochs: int = 2
    seed: int = 0
    work: LocalWork | None = None  # in place of epochs
    settings: ServerSettings = QUICK
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = self.world.federation.names
        self.run_description = RunDescription(
            "token", {}, self.method.name, self.seed, 0, len(names)
        )
        self.trainers = {row: self.trainer(row) for row in range(len(names))}
        self.handlers: dict[int, Handler] = {row: self._handler(row) for row in self.trainers}
        self.grid = InProcessGrid({100 + row: self._node(row) for row in self.handlers})
        roster = Roster("token", [Site(name, "") for name in names], dealt=True)
        requests = Requests(self.grid, poll=self.settings.poll)
        self.sites = ConnectedSites(Study(), roster, requests, self.settings, self.events.append)
        self.sites.wait_for_all()
        self.clients = self.server_side()

    def server_side(self) -> RemoteClients:
        """The server's clients, with nothing remembered."""
        problem, federation = self.world.problem, self.world.federation
        setup = RunSetup(
            self.method,
            problem,
            problem.init(self.seed),
            lambda: federation,
            lambda sizes: torch.from_numpy(sizes / sizes.sum()),
            self.run_description,
        )
        return RemoteClients(setup, self.sites)

    def trainer(self, row: int) -> Trainer:
        """The trainer of the site of this row, made anew from its folder."""
        engine = LocalEngine(
            self.method,
            self.world.problem.to("cpu"),
            client_federation(self.world.federation, row),
            seed=self.seed,
            batch_size=self.batch_size,
            epochs=self.epochs,
            work=self.work,
            plan=SINGLE,
            weights=torch.ones(int(~self.world.federation.newcomers[row])),
            stream_ids=np.array([row]),
        )
        training = int((~self.world.federation.newcomers).sum())
        return Trainer(engine, self.folder / str(row), clients=training)

    def _node(self, row: int) -> Node:
        return node(lambda message: self.handlers[row](message))

    def _handler(self, row: int) -> Handler:
        def handle(message: Message) -> Message:
            if message.verb == "describe":
                facts = {"version": __version__, "name": f"site {row}", "mark": f"mark {row}"}
                return pack("describe", {**facts, "client": row})
            return VERBS[message.verb](self.trainers[row], message)

        return handle

    def start(self) -> Any:
        """The server's state before the first round."""
        return self.clients.init_server()

    def train(self, times: int, server: Any = None, first: int = 1, **options: Any) -> list[Round]:
        """This many rounds."""
        clients = self.clients
        server = self.start() if server is None else server
        options = {"cohort": clients.population.size, "seed": self.seed} | options
        if self.work is not None:
            options["work"] = self.work
        loop = rounds(clients.method, clients, server, first=first, **options)
        return list(islice(loop, times))

    def remarks(self) -> list[str]:
        """What the server said aloud."""
        return [event["text"] for event in self.events if event["event"] == "remark"]
