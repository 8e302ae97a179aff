"""FedAvg: average what the clients learned on their own data.

Source  McMahan et al., AISTATS 2017, Algorithm 1 (arXiv:1602.05629)
Wire    down w [P]; up delta [P]
Ours    the server adds server_lr * mean(delta); Algorithm 1 is server_lr = 1. lr = 0.1 is ours
        (the paper tunes it)
Avoid   when the same samples bear other labels at other clients, because one model must then be
        wrong somewhere; and many local steps of constant size on unlike clients end beside the
        optimum
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Problem, optimise, solvers
from unalike.core.search_range import SearchRange


@dataclass(frozen=True)
class FedAvg(Method):
    name: ClassVar[str] = "fedavg"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: solvers.LearningRate = 0.1
    solver: solvers.LocalSolver = "sgd"
    server_lr: Annotated[
        float, Gt(0), "step of the server along the mean update", SearchRange(0.1, 3.0)
    ] = 1.0

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)
        return client, w - down

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + self.server_lr * cohort.mean(ups)
