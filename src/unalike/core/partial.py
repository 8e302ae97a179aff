"""Partial personalisation: a client keeps a part of the model, and all share the rest.

    w_i = (s, h_i);  s <- s + sum p_i (s_i - s);  h_i stays with the client

Which part is private and how a client trains the two makes the method. In FedPer, LG-FedAvg and
FedBN both parts train together (`JointPartial`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from . import parts, solvers
from .batches import Batches
from .local_steps import optimise
from .method import Cohort, Method, Population
from .problem import Problem


class Client(NamedTuple):
    """What a client keeps."""

    h: Tensor  # [P - Q] the private part


class PartialPersonalisation(Method):
    """What the methods with a shared part s [Q] and a private part h [P - Q] declare alike."""

    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None

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

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Any:
        return self.parts(problem).join(down, client.h)

    def global_model(self, server: Tensor) -> None:
        return None

    def displacement(self, ups: Tensor) -> None:
        return None


@dataclass(frozen=True)
class JointPartial(PartialPersonalisation):
    """FedAvg on the shared part, while the private part trains along."""

    lr: solvers.LearningRate = 0.1
    solver: solvers.LocalSolver = "sgd"
    adapt_epochs: parts.AdaptEpochs = 10

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        own = self.parts(problem)
        start = own.join(down, client.h)
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, start, batches)
        s, h = own.split(w)
        return Client(h), s - down

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Tensor:
        """The private part trained from its initial value, the shared part frozen."""
        own, solver = self.parts(problem), solvers.parse(self.solver, self.lr)
        longer = batches.epochs(self.adapt_epochs)
        return own.join(down, own.train_private(problem, solver, down, client.h, longer))
