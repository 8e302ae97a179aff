"""Local: every client learns alone, and nothing ever travels.

Source  the baseline of every personalisation paper; no paper of its own
Wire    nothing
Ours    all clients start from the same initial weights; a client that joins late trains alone
        for adapt_epochs on its own data
Avoid   when clients hold too few samples to learn from alone: whatever the others know is lost to
        them
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from annotated_types import Ge
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Population, Problem, optimise, solvers


class Client(NamedTuple):
    w: Tensor  # [P] this client's own model


@dataclass(frozen=True)
class Local(Method):
    name: ClassVar[str] = "local"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "local")
    needs_each: ClassVar[str | None] = None
    lr: solvers.LearningRate = 0.1
    solver: solvers.LocalSolver = "sgd"
    adapt_epochs: Annotated[int, Ge(0), "epochs a new client trains alone"] = 50

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> NoState:
        return NoState()

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(w)

    def client_update(
        self, problem: Problem, down: NoState, client: Client, batches: Batches
    ) -> tuple[Client, NoState]:
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, client.w, batches)
        return Client(w), NoState()

    def server_update(self, server: NoState, ups: NoState, cohort: Cohort) -> NoState:
        return server

    def personalise(
        self, problem: Problem, down: NoState, client: Client, batches: Batches
    ) -> Tensor:
        return client.w

    def global_model(self, server: NoState) -> None:
        return None

    def adapt(self, problem: Problem, down: NoState, client: Client, batches: Batches) -> Tensor:
        longer = batches.epochs(self.adapt_epochs)
        return optimise(solvers.parse(self.solver, self.lr), problem.grad, client.w, longer)
