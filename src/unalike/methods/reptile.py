"""Reptile: move the start towards where each client's own training ends.

Source  Nichol et al., 2018, Algorithm 2 (arXiv:1803.02999)
Wire    down w [P]; up delta [P]
Ours    a task is a client and averages use the study's weights (the paper's are plain); the work
        of a round is the study's local work unless `inner_steps` sets k; epsilon is constant
        (the paper anneals it); the steps and epsilon = 0.5 are ours
Avoid   when the shared model is used as it is: a start from which clients train well need not
        predict well itself
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Problem, optimise, solvers
from unalike.core.search_range import FURTHER, STEP_SIZES, SearchRange


@dataclass(frozen=True)
class Reptile(Method):
    name: ClassVar[str] = "reptile"
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Ge(0), "alpha, step of a client", STEP_SIZES] = 0.1
    solver: solvers.LocalSolver = "sgd"
    inner_steps: Annotated[int, Ge(0), "k, steps in a round; 0: the study's local work"] = 0
    server_lr: Annotated[
        float, Gt(0), "epsilon, step of the start; 1 is FedAvg's", SearchRange(0.1, 1.0)
    ] = 0.5
    adapt_steps: Annotated[
        int,
        Ge(0),
        "local steps from the start before it is used",
        SearchRange(1, 20, priority=FURTHER),
    ] = 5

    def vacuous(self, problem: Problem) -> str | None:
        if self.adapt_steps > 0 and self.lr > 0:
            return None
        return "Without local steps before it is used, Reptile is FedAvg with a server step."

    def own_work(self) -> str | None:
        return f"inner_steps = {self.inner_steps}" if self.inner_steps else None

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        work = batches.exactly(self.inner_steps) if self.inner_steps else batches
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, work)
        return client, w - down

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + self.server_lr * cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> Tensor:
        """The start after `adapt_steps` steps on the client's own training data."""
        solver = solvers.parse(self.solver, self.lr)
        return optimise(solver, problem.grad, down, batches.exactly(self.adapt_steps))
