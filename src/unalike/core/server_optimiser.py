"""Server optimisers: the mean update of the clients stands for a gradient at the server.

    delta = sum p_i delta_i
    adaptive servers:  m <- beta1 m + (1 - beta1) delta;  v by the method's own rule
                       w <- w + eta m / (sqrt(v) + tau)

Source  Reddi et al., ICLR 2021, Algorithms 1 (FedOpt) and 2 (arXiv:2003.00295)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor

from . import solvers
from .batches import Batches
from .local_steps import optimise
from .method import Cohort, Method, NoState, Population
from .problem import Problem
from .search_range import FURTHER, STEP_SIZE, STEP_SIZES, SearchRange


@dataclass(frozen=True)
class ServerOptimiser(Method):
    """Clients train as FedAvg's do; what the server makes of their mean update is the method.

    The server's state is a tree with the shared model as `w` [P].
    """

    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Ge(0), "eta_l, step of a client", STEP_SIZES] = 0.1
    server_lr: Annotated[
        float, Gt(0), "eta, step of the server", SearchRange(0.1, 3.0, priority=FURTHER)
    ] = 1.0
    solver: solvers.LocalSolver = "sgd"

    def broadcast(self, server: Any, client_id: Tensor) -> Tensor:
        return server.w

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)
        return client, w - down

    def global_model(self, server: Any) -> Tensor:
        return server.w


class AdaptiveState(NamedTuple):
    """The server's model and what it remembers of the mean updates."""

    w: Tensor  # [P] the shared model
    m: Tensor  # [P] running mean of the updates
    v: Tensor  # [P] second moment of the updates


@dataclass(frozen=True)
class AdaptiveServer(ServerOptimiser):
    """Algorithm 2 but for the line of v, which is the method's own."""

    server_lr: Annotated[
        float, Gt(0), "eta, step of the server", SearchRange(0.001, 1.0, priority=STEP_SIZE)
    ] = 0.1
    beta1: Annotated[float, Ge(0), Lt(1), "memory of m"] = 0.9
    tau: Annotated[
        float, Gt(0), "added to sqrt(v): how adaptive the server is", SearchRange(1e-5, 0.1)
    ] = 1e-3
    v0: Annotated[float, Ge(0), "v before the first round, in units of tau^2"] = 1.0

    def second_moment(self, v: Tensor, delta: Tensor) -> Tensor:
        """The next v [P] from the last one and this round's mean update delta [P]."""
        raise NotImplementedError

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> AdaptiveState:
        return AdaptiveState(w, torch.zeros_like(w), torch.full_like(w, self.v0 * self.tau**2))

    def server_update(self, server: AdaptiveState, ups: Tensor, cohort: Cohort) -> AdaptiveState:
        delta = cohort.mean(ups)
        m = self.beta1 * server.m + (1 - self.beta1) * delta
        v = self.second_moment(server.v, delta)
        return AdaptiveState(server.w + self.server_lr * m / (torch.sqrt(v) + self.tau), m, v)
