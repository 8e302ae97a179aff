"""q-FedAvg: clients with a larger loss count more, so that accuracy is spread more evenly.

Source  Li et al., ICLR 2020, Algorithm 2 (arXiv:1905.10497)
Wire    down w [P]; up delta [P], loss [] (F_i at w, over all training samples)
Ours    the cohort is drawn uniformly and both sums use the study's weights (the paper draws
        proportionally and sums plainly); L = 1 / lr; the server rebuilds h_i from delta, and
        divides both sums by the largest F^q, which cancels. q = 1 and lr = 0.1 are ours
Avoid   when the mean is what counts, or when some clients' labels are noisy or hostile, because
        the largest losses get the largest weights
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from annotated_types import Ge, Gt
from torch import Tensor

from unalike.core import Batches, Cohort, Method, NoState, Problem, average, optimise, solvers
from unalike.core.search_range import STEP_SIZES, SearchRange
from unalike.weighting import loss_power


class Up(NamedTuple):
    delta: Tensor  # [P] y - w
    loss: Tensor  # [] F_i(w), before training


@dataclass(frozen=True)
class QFedAvg(Method):
    name: ClassVar[str] = "qfedavg"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = (
        "its server weighs each answer by that client's loss and by its length"
    )
    lr: Annotated[float, Gt(0), "eta, step of a client; L is 1 / eta", STEP_SIZES] = 0.1
    q: Annotated[
        float,
        Ge(0),
        "fairness; 0 is FedAvg, infinity minimises the worst loss",
        SearchRange(0.01, 10.0),
    ] = 1.0

    def vacuous(self, problem: Problem) -> str | None:
        return "q = 0 makes q-FedAvg the same as FedAvg." if self.q == 0 else None

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "its server takes 1 / lr of plain steps for their curvature"}

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Up]:
        loss = average(lambda batch: problem.loss(down, batch), batches)
        y = optimise(solvers.sgd(self.lr), problem.grad, down, batches)
        return client, Up(y - down, loss)

    def server_update(self, server: Tensor, ups: Up, cohort: Cohort) -> Tensor:
        g = -ups.delta / self.lr
        return server - loss_power.step(g, ups.loss, cohort.weights, self.q, 1 / self.lr)

    def displacement(self, ups: Up) -> Tensor:
        return ups.delta
