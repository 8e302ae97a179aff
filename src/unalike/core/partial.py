"""Partial personalisation with joint training: what FedPer, LG-FedAvg and FedBN have in common.

A client trains the whole model, sends the change of the shared part and keeps the private part.
Which part that is makes the method.

    w_i = (s, h_i);  local steps on w_i;  s <- s + sum p_i (s_i - s);  h_i stays
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from annotated_types import Ge
from torch import Tensor

from . import parts, solvers
from .batches import Batches
from .local_steps import optimise
from .method import Cohort, Method, Population
from .problem import Problem


class Client(NamedTuple):
    """What a client keeps."""

    h: Tensor  # [P - Q] the private part


@dataclass(frozen=True)
class JointPartial(Method):
    """FedAvg on the shared part s [Q], while the private part h trains along and stays."""

    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Ge(0), "eta, step of a client"] = 0.1
    solver: Annotated[str, "local solver: sgd, momentum:0.9 or adam"] = "sgd"
    adapt_epochs: Annotated[int, Ge(0), "epochs a new client trains its private part"] = 10

    def parts(self, problem: Problem) -> parts.PrivateSplit:
        """Which segments of w are private."""
        raise NotImplementedError

    def describe(self, problem: Problem) -> str:
        return self.parts(problem).describe()

    def vacuous(self, problem: Problem) -> str | None:
        return self.parts(problem).vacuous()

    def private_segments(self, problem: Problem) -> tuple[str, ...]:
        return self.parts(problem).names(1)

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Tensor:
        return self.parts(problem).split(w)[0]

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(self.parts(problem).split(w)[1])

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        own = self.parts(problem)
        start = own.join(down, client.h)
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, start, batches)
        s, h = own.split(w)
        return Client(h), s - down

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> Tensor:
        return self.parts(problem).join(down, client.h)

    def global_model(self, server: Tensor) -> None:
        return None

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Tensor:
        """The private part trained from its initial value, the shared part frozen."""
        own, solver = self.parts(problem), solvers.parse(self.solver, self.lr)
        longer = batches.epochs(self.adapt_epochs)
        return own.join(down, own.train_private(problem, solver, down, client.h, longer))

    def displacement(self, ups: Tensor) -> None:
        return None
