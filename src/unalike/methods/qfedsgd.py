"""q-FedSGD: one gradient from each client, weighted by a power of its loss.

Source  Li et al., ICLR 2020, Algorithm 1 (arXiv:1905.10497)
Wire    down w [P]; up g [P] (gradient of one batch at w), loss [] (F_i at w, over all
        training samples)
Ours    the cohort is drawn uniformly and both sums use the study's weights (the paper draws
        proportionally and sums plainly); L = 1 / lr; both sums are divided by the largest F^q,
        which cancels; the study's local work does not matter. q = 1 and lr = 0.1 are ours
Avoid   when rounds are dear, because each is one step along one gradient from each client, or
        when some clients' labels are noisy or hostile, because the largest losses get the largest
        weights
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from annotated_types import Ge, Gt
from torch import Tensor

from unalike.core import Batch, Batches, Cohort, Method, NoState, Problem, average, descend
from unalike.core.search_range import STEP_SIZES, SearchRange
from unalike.weighting import loss_power


class Up(NamedTuple):
    g: Tensor  # [P] gradient of one batch at w
    loss: Tensor  # [] F_i(w)


@dataclass(frozen=True)
class QFedSGD(Method):
    name: ClassVar[str] = "qfedsgd"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = (
        "its server weighs each answer by that client's loss and by its length"
    )
    lr: Annotated[float, Gt(0), "eta, step of the server at q = 0; L is 1 / eta", STEP_SIZES] = 0.1
    q: Annotated[
        float,
        Ge(0),
        "fairness; 0 is FedSGD, infinity minimises the worst loss",
        SearchRange(0.01, 10.0),
    ] = 1.0

    def vacuous(self, problem: Problem) -> str | None:
        return "q = 0 makes q-FedSGD the same as FedSGD." if self.q == 0 else None

    def own_work(self) -> str:
        return "one gradient in a round"

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "its clients send a gradient and take no step"}

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Up]:
        def gradient(g: Tensor, batch: Batch) -> Tensor:
            return problem.grad(down, batch)

        loss = average(lambda batch: problem.loss(down, batch), batches)
        nothing = down.new_zeros(1)  # instead of a step, for a client without samples
        return client, Up(descend(gradient, nothing, batches.exactly(1)), loss)

    def server_update(self, server: Tensor, ups: Up, cohort: Cohort) -> Tensor:
        return server - loss_power.step(ups.g, ups.loss, cohort.weights, self.q, 1 / self.lr)

    def displacement(self, ups: Up) -> None:
        return None
