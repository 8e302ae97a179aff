"""FedYogi: Adam on the server, with a second moment that moves by bounded steps.

Source  Reddi et al., ICLR 2021, Algorithm 2 (arXiv:2003.00295)
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights; no bias correction, as in the paper; v starts at
        v0 tau^2. The paper tunes both steps: lr = 0.1 and server_lr = 0.1 are ours
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Population, Problem, optimise, solvers


class Server(NamedTuple):
    w: Tensor  # [P] the shared model
    m: Tensor  # [P] running mean of the updates
    v: Tensor  # [P] second moment of the updates


@dataclass(frozen=True)
class FedYogi(Method):
    name: ClassVar[str] = "fedyogi"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Ge(0), "eta_l, step of a client"] = 0.1
    server_lr: Annotated[float, Gt(0), "eta, step of the server"] = 0.1
    beta1: Annotated[float, Ge(0), Lt(1), "memory of m"] = 0.9
    beta2: Annotated[float, Ge(0), Lt(1), "memory of v"] = 0.99
    tau: Annotated[float, Gt(0), "added to sqrt(v): how adaptive the server is"] = 1e-3
    v0: Annotated[float, Ge(0), "v before the first round, in units of tau^2"] = 1.0
    solver: Annotated[str, "local solver: sgd, momentum:0.9 or adam"] = "sgd"

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Server:
        return Server(w, torch.zeros_like(w), torch.full_like(w, self.v0 * self.tau**2))

    def broadcast(self, server: Server, client_id: Tensor) -> Tensor:
        return server.w

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)
        return client, w - down

    def server_update(self, server: Server, ups: Tensor, cohort: Cohort) -> Server:
        delta = cohort.mean(ups)
        m = self.beta1 * server.m + (1 - self.beta1) * delta
        v = server.v - (1 - self.beta2) * delta**2 * torch.sign(server.v - delta**2)
        return Server(server.w + self.server_lr * m / (torch.sqrt(v) + self.tau), m, v)

    def global_model(self, server: Server) -> Tensor:
        return server.w
