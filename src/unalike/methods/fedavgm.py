"""FedAvgM: the server remembers where the mean updates have been pointing.

Source  Hsu et al., 2019 (arXiv:1909.06335); no algorithm box of its own
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights; the heavy-ball form is the default and `nesterov` looks
        one step ahead; lr = 0.1 is ours
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Population, Problem, optimise, solvers


class Server(NamedTuple):
    w: Tensor  # [P] the shared model
    u: Tensor  # [P] momentum


@dataclass(frozen=True)
class FedAvgM(Method):
    name: ClassVar[str] = "fedavgm"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Ge(0), "eta_l, step of a client"] = 0.1
    server_lr: Annotated[float, Gt(0), "eta, step of the server"] = 1.0
    beta: Annotated[float, Ge(0), Lt(1), "memory of the momentum; 0 is FedAvg"] = 0.9
    nesterov: Annotated[bool, "step along delta + beta u in place of u"] = False
    solver: Annotated[str, "local solver: sgd, momentum:0.9 or adam"] = "sgd"

    def vacuous(self, problem: Problem) -> str | None:
        return "beta = 0 makes FedAvgM the same as FedAvg." if self.beta == 0 else None

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        return Server(w, torch.zeros_like(w))

    def broadcast(self, server: Server, client_id: Tensor) -> Tensor:
        return server.w

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)
        return client, w - down

    def server_update(self, server: Server, ups: Tensor, cohort: Cohort) -> Server:
        delta = cohort.mean(ups)
        u = self.beta * server.u + delta
        step = delta + self.beta * u if self.nesterov else u
        return Server(server.w + self.server_lr * step, u)

    def global_model(self, server: Server) -> Tensor:
        return server.w
