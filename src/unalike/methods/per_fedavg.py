"""Per-FedAvg: learn a start from which one local step fits every client.

Source  Fallah et al., NeurIPS 2020, Algorithm 1 (arXiv:2002.07948)
Wire    down w [P]; up delta [P]
Ours    averages use the study's weights (the paper's are plain); the work of a round is the study's
        local work unless `steps` sets tau; the Hessian term is exact by default; beta is 0.1 (0.001
        in a public reimplementation); alpha is 0.01, as there
Avoid   when clients are further apart than one gradient step can bridge, or when they cannot pay
        for a Hessian-vector product in every step
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt
from torch import Tensor

from unalike.core import (
    Batch,
    Batches,
    Cohort,
    Method,
    NoState,
    Problem,
    average,
    descend,
    optimise,
    solvers,
)
from unalike.core.adapted_gradient import AdaptedGradient
from unalike.core.search_range import STEP_SIZE, STEP_SIZES, SearchRange


@dataclass(frozen=True)
class PerFedAvg(Method):
    name: ClassVar[str] = "per_fedavg"
    needs_each: ClassVar[str | None] = None
    learning_rates: ClassVar[tuple[str, ...]] = ("beta",)
    alpha: Annotated[
        float,
        Ge(0),
        "step with which a client adapts; 0 is FedAvg",
        SearchRange(0.001, 1.0, priority=STEP_SIZE),
    ] = 0.01
    beta: Annotated[float, Ge(0), "step of the meta-update", STEP_SIZES] = 0.1
    hessian: Annotated[
        Literal["exact", "difference", "none"],
        "exact Hessian-vector products, their difference quotient (HF), or none (FO)",
    ] = "exact"
    delta: Annotated[float, Gt(0), "half-width of HF's difference quotient"] = 1e-3
    steps: Annotated[int, Ge(0), "tau, meta-steps in a round; 0: the study's local work"] = 0

    def vacuous(self, problem: Problem) -> str | None:
        return "alpha = 0 makes Per-FedAvg the same as FedAvg." if self.alpha == 0 else None

    def own_work(self) -> str | None:
        return f"steps = {self.steps}" if self.steps else None

    def unsuited(self) -> Mapping[str, str]:
        return {"local_momentum": "its meta-steps are plain ones along its own estimates"}

    def client_update(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> tuple[NoState, Tensor]:
        gradient = AdaptedGradient(problem, self.alpha)

        def meta_step(w: Tensor, drawn: tuple[Batch, Batch, Batch]) -> Tensor:
            adapt, query, curve = drawn  # D, D', D''
            g = gradient(w, (adapt, query))
            return w - self.beta * (g - self.alpha * self._hessian_times(g, problem, w, curve))

        work = batches.exactly(self.steps) if self.steps else batches
        if self.hessian == "none":
            w = optimise(solvers.sgd(self.beta), gradient, down, work.drawn(2))
            return client, w - down
        return client, descend(meta_step, down, work.drawn(3)) - down

    def _hessian_times(self, v: Tensor, problem: Problem, w: Tensor, batch: Batch) -> Tensor:
        """The Hessian of the loss at w, times v [P]."""
        if self.hessian == "difference":
            ahead = problem.grad(w + self.delta * v, batch)
            behind = problem.grad(w - self.delta * v, batch)
            return (ahead - behind) / (2 * self.delta)
        return problem.hvp(w, batch, v)

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: NoState, batches: Batches
    ) -> Tensor:
        """One gradient step on the client's own training data."""
        return down - self.alpha * average(lambda batch: problem.grad(down, batch), batches)
