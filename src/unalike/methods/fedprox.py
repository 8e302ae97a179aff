"""FedProx: a proximal term keeps each client's work near the global model.

Source  Li et al., MLSys 2020, Algorithm 2 (arXiv:1812.06127)
Wire    down w [P]; up delta [P]
Ours    the cohort is drawn uniformly and averaged with the study's weights (the paper draws
        proportionally to size and averages plainly); devices that do a part of their work only are
        the study's `slow_clients`, each slow by chance (there an exact share of the cohort); mu is
        0.1 (in the authors' code tuned by data set from 0.001 to 1, with a step of 0.01)
Avoid   when FedAvg's bias must go: the proximal term shrinks it, and removes it only for a mu so
        large that a round hardly moves
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Problem, optimise, proximal, solvers
from unalike.core.search_range import SearchRange


@dataclass(frozen=True)
class FedProx(Method):
    name: ClassVar[str] = "fedprox"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: solvers.LearningRate = 0.1
    mu: Annotated[
        float, Ge(0), "weight of the proximal term; 0 is FedAvg", SearchRange(0.001, 3.0)
    ] = 0.1
    solver: solvers.LocalSolver = "sgd"

    def vacuous(self, problem: Problem) -> str | None:
        return "mu = 0 makes FedProx the same as FedAvg." if self.mu == 0 else None

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        direction = proximal(problem.grad, down, self.mu)
        y = optimise(solvers.parse(self.solver, self.lr), direction, down, batches)
        return client, y - down

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)
