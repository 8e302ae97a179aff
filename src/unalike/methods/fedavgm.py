"""FedAvgM: the server remembers where the mean updates have been pointing.

Source  Hsu et al., 2019 (arXiv:1909.06335); no algorithm box of its own
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights; the heavy-ball form is the default and `nesterov` looks
        one step ahead; lr = 0.1 is ours
Avoid   when cohorts are few of many unlike clients, because the momentum carries on where earlier
        cohorts pointed; lr, server_lr and beta have to be tuned together
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from unalike.core import Cohort, Population, Problem
from unalike.core.search_range import SearchRange
from unalike.core.server_optimiser import ServerOptimiser


class Server(NamedTuple):
    w: Tensor  # [P] the shared model
    u: Tensor  # [P] momentum


@dataclass(frozen=True)
class FedAvgM(ServerOptimiser):
    name: ClassVar[str] = "fedavgm"
    beta: Annotated[
        float,
        Ge(0),
        Lt(1),
        "memory of the momentum; 0 is FedAvg",
        SearchRange(0.1, 0.99, log=False),
    ] = 0.9
    nesterov: Annotated[bool, "step along delta + beta u in place of u"] = False

    def vacuous(self, problem: Problem) -> str | None:
        return "beta = 0 makes FedAvgM the same as FedAvg." if self.beta == 0 else None

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        return Server(w, torch.zeros_like(w))

    def server_update(self, server: Server, ups: Tensor, cohort: Cohort) -> Server:
        delta = cohort.mean(ups)
        u = self.beta * server.u + delta
        step = delta + self.beta * u if self.nesterov else u
        return Server(server.w + self.server_lr * step, u)
