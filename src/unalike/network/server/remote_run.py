"""One run among the sites of a federation: who takes part, and what each of them is asked.

Private states never come here. The server remembers, of each client, the last round whose answer
it used, and says so in every request; a site goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Method, Problem
from unalike.core.buffers import with_buffers
from unalike.data.federation import Federation
from unalike.network.protocol.messages import Message, pack
from unalike.network.protocol.preparation import Preparation
from unalike.network.protocol.run_description import RunDescription
from unalike.privacy import Privacy

from .sites import ConnectedSites


@dataclass(frozen=True)
class RunSetup:
    """What is trained, and on behalf of whom."""

    method: Method
    problem: Problem
    w: Tensor  # [P] the initial weights
    federation: Callable[[], Federation]  # who holds how much, as far as it is known by now
    weights: Callable[[NDArray[np.int64]], Tensor]  # sizes [N] -> shares of the objective [N]
    description: RunDescription  # its row is filled in for each site
    preparation: Callable[[int], Preparation] | None = None  # of the own samples at a place
    privacy: Privacy | None = None
    secret: int = 0  # of the server, for noise and cohorts where there is privacy


class RemoteRun:
    """The places of the run's clients, and the requests to the sites that have them."""

    def __init__(self, setup: RunSetup, sites: ConnectedSites) -> None:
        self.setup, self.sites = setup, sites
        self.method = with_buffers(setup.method, setup.problem)
        federation = setup.federation()
        self.places = np.flatnonzero(~federation.newcomers)  # [N], of the clients that train
        self.new_places = np.flatnonzero(federation.newcomers)
        self.best = 0  # the round that leads on validation, 0: none
        self.last_used = np.zeros(federation.clients, dtype=np.int64)  # [places] round, 0: none

    @property
    def federation(self) -> Federation:
        """Who holds how much, as far as it is known by now."""
        return self.setup.federation()

    def request(
        self, verb: str, t: int, place: int, trees: dict[str, Any], **facts: Any
    ) -> Message:
        """A request of round t to the site of this place."""
        run = replace(self.setup.description, row=place).facts()
        run |= {"t": t, "last": int(self.last_used[place]), "best": self.best}
        seed, preparation = self.setup.description.seed, self.setup.preparation
        if preparation is not None and not self.sites.is_prepared(place, seed):
            run |= preparation(place).facts()
        return pack(verb, {**run, **facts}, trees)
