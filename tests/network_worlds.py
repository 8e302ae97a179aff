"""A small world whose clients are sites behind Flower's messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from flwr.app import Message

from network_grid import InProcessGrid
from unalike import __version__
from unalike.core import Method
from unalike.engines.local import LocalEngine
from unalike.network.protocol.flower_message import unwrap, wrap
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import Parcel, pack
from unalike.network.protocol.run_config import Run
from unalike.network.server.remote_clients import FlowerClients, Setting
from unalike.network.server.requests import Post
from unalike.network.server.sites import Attendance, Terms
from unalike.network.site.local_data import only
from unalike.network.site.trainer import Site
from unalike.rounds import Round, rounds
from unalike.study.settings import Study
from unalike.study.sites import Roster
from unalike.study.sites import Site as Described
from worlds import SINGLE, World

Handle = Callable[[Parcel], Parcel]
QUICK = Terms(least=1, deadline=0.2, patience=0.5, grace=0.0, poll=0.01)


@dataclass
class Network:
    """A world's clients as sites, and the server's view of them."""

    world: World
    method: Method
    folder: Path
    batch_size: int = 4
    epochs: int = 2
    seed: int = 0
    terms: Terms = QUICK
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = self.world.federation.names
        self.run_facts = Run("token", {}, self.method.name, self.seed, 0, len(names), 3)
        self.sites = {row: self.site(row) for row in range(len(names))}
        self.handlers: dict[int, Handle] = {row: self._usual(row) for row in self.sites}
        self.grid = InProcessGrid({100 + row: self.node(row) for row in self.sites})
        roster = Roster("token", [Described(name, "") for name in names], dealt=True)
        post = Post(self.grid, poll=self.terms.poll)
        self.attendance = Attendance(Study(), roster, post, self.terms, self.events.append)
        self.attendance.gather()
        self.clients = self.server_side()

    def server_side(self) -> FlowerClients:
        """The server's clients, with nothing remembered."""
        problem, federation = self.world.problem, self.world.federation
        setting = Setting(
            self.method,
            problem,
            problem.init(self.seed),
            lambda: federation,
            lambda sizes: torch.from_numpy(sizes / sizes.sum()),
            self.run_facts,
        )
        return FlowerClients(setting, self.attendance)

    def site(self, row: int) -> Site:
        """The site of this row, made anew from its folder."""
        engine = LocalEngine(
            self.method,
            self.world.problem.to("cpu"),
            only(self.world.federation, row),
            seed=self.seed,
            batch_size=self.batch_size,
            epochs=self.epochs,
            plan=SINGLE,
            weights=torch.ones(int(~self.world.federation.newcomers[row])),
            stream_ids=np.array([row]),
        )
        training = int((~self.world.federation.newcomers).sum())
        return Site(engine, self.folder / str(row), clients=training)

    def node(self, row: int) -> Callable[[Message], Message]:
        """What the node of this row does with Flower's messages."""

        def at(message: Message) -> Message:
            answer = self.handlers[row](Parcel.of(*unwrap(message)))
            return Message(wrap(Frames(answer.head(), answer.body)), reply_to=message)

        return at

    def _usual(self, row: int) -> Handle:
        def handle(asked: Parcel) -> Parcel:
            if asked.verb == "describe":
                facts = {"version": __version__, "name": f"site {row}", "mark": f"mark {row}"}
                return pack("describe", {**facts, "client": row})
            return self.sites[row].handle(asked)

        return handle

    def start(self) -> Any:
        """The server's state before the first round."""
        return self.clients.init_server()

    def train(self, times: int, server: Any = None, first: int = 1, **options: Any) -> list[Round]:
        """This many rounds."""
        clients = self.clients
        server = self.start() if server is None else server
        options = {"cohort": clients.population.size, "seed": self.seed} | options
        loop = rounds(clients.method, clients, server, first=first, **options)
        return list(islice(loop, times))

    def remarks(self) -> list[str]:
        """What the server said aloud."""
        return [event["text"] for event in self.events if event["event"] == "remark"]
