"""Centralised: one model trained on everybody's data put together, if that were allowed.

Source  the upper baseline of every federated paper; no paper of its own
Wire    all training data, once; nothing is counted, since no federation would do this
Ours    a round is as many epochs over the pooled data as the clients make over their own, in
        the same batch size: equal samples seen at full participation, so more server steps
Avoid   when samples may not leave the clients, which is why anybody federates: it is there to
        compare with, and where the same samples bear other labels at other clients it is no upper
        bound either
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Problem, optimise, solvers
from unalike.core.search_range import STEP_SIZES


@dataclass(frozen=True)
class Centralised(Method):
    name: ClassVar[str] = "centralised"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share")
    pooled: ClassVar[bool] = True
    needs_each: ClassVar[str | None] = "it puts the samples of all clients in one place"
    lr: Annotated[float, Ge(0), "eta, step of the solver", STEP_SIZES] = 0.1
    solver: Annotated[str, f"solver: {solvers.CHOICES}"] = "sgd"

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        return client, optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return cohort.mean(ups)

    def displacement(self, ups: Tensor) -> None:
        return None
