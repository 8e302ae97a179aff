"""Ditto: every client keeps a model of its own near the shared one, which never notices.

Source  Li et al., ICML 2021, Algorithm 1 (arXiv:2012.04221)
Wire    down w [P]; up delta [P]
Ours    the shared model is FedAvg's, bit for bit; personal steps count in epochs (the public code:
        batches) and draw their batches apart; averages use the study's weights (the paper draws
        clients by size and averages plainly); lam may count beside the sum of a client's losses, as
        in a mixed model; a client that never trained starts its model at w and solves for
        adapt_epochs; the steps are 0.1 and lambda 1 (in the authors' code 0.01 and 1 on Vehicle,
        0.05 on Fashion-MNIST, and lambda from 0.1, 1 and 2 by validation)
Avoid   when clients cannot pay for a second training in every round, or when the shared model is
        no good to anybody, because lambda draws them to it
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from annotated_types import Ge
from torch import Tensor

from unalike.core import Batches, Cohort, Method, Problem, optimise, proximal, solvers
from unalike.core.penalty import LamRule, penalty
from unalike.core.search_range import STEP_SIZES, SearchRange


class Client(NamedTuple):
    v: Tensor  # [P] the personal model


@dataclass(frozen=True)
class Ditto(Method):
    name: ClassVar[str] = "ditto"
    needs_each: ClassVar[str | None] = None
    learning_rates: ClassVar[tuple[str, ...]] = ("lr", "personal_lr")
    lr: Annotated[float, Ge(0), "step of the shared model", STEP_SIZES] = 0.1
    personal_lr: Annotated[float, Ge(0), "eta, step of the personal model", STEP_SIZES] = 0.1
    lam: Annotated[
        float, Ge(0), "lambda, pull of the shared model; 0 is Local", SearchRange(0.01, 10.0)
    ] = 1.0
    lam_rule: LamRule = "mean"
    personal_epochs: Annotated[
        int, Ge(0), "epochs of the personal model in a round; 0: the study's local work"
    ] = 0
    solver: solvers.LocalSolver = "sgd"
    adapt_epochs: Annotated[int, Ge(0), "epochs of the personal model of a new client"] = 10

    def vacuous(self, problem: Problem) -> str | None:
        if self.lam == 0:
            return "lam = 0 makes Ditto's personal models the same as Local's."
        return None

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(w)

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, down, batches)
        work = batches.epochs(self.personal_epochs) if self.personal_epochs else batches
        return Client(self._solve(problem, down, client.v, work)), w - down

    def solver_starts(self, problem: Problem, w: Tensor) -> tuple[Tensor, Tensor]:
        return w, w

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> Tensor:
        return client.v

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Tensor:
        return self._solve(problem, down, down, batches.epochs(self.adapt_epochs))

    def _solve(self, problem: Problem, w: Tensor, v: Tensor, batches: Batches) -> Tensor:
        """Towards the minimum over v of f_i(v) + lambda/2 |v - w|^2."""
        weight = penalty(self.lam, self.lam_rule, batches).lam
        direction = proximal(problem.grad, w, weight)
        solver = solvers.parse(self.solver, self.personal_lr)
        return optimise(solver, direction, v, batches.stream("personal"))
