"""FedRep: fit the private head to the shared body first, then move the body under it.

Source  Collins et al., ICML 2021, Algorithm 1 (arXiv:2102.07078)
Wire    down s [Q], the shared body; up delta of s [Q]
Ours    averages use the study's weights (the paper's are plain); each phase has a fresh solver, so
        that no momentum moves a frozen part; all heads start alike; learning rate 0.1 and plain SGD
        as elsewhere here (the public code: 0.01 and momentum:0.5); a client that never trained
        trains its head with the body frozen, for adapt_epochs; the steps are 0.1 (in the authors'
        code 0.01)
Avoid   when clients hold too few labelled samples to fit a head of their own, or when they cannot
        pay for a round that fits the head for several epochs before the body moves
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge
from torch import Tensor

from unalike.core import Batches, Problem, parts, solvers
from unalike.core.partial import Client, PartialPersonalisation
from unalike.core.search_range import STEP_SIZES, SearchRange


@dataclass(frozen=True)
class FedRep(PartialPersonalisation):
    name: ClassVar[str] = "fedrep"
    learning_rates: ClassVar[tuple[str, ...]] = ("lr", "head_lr")
    lr: Annotated[float, Ge(0), "step of the body", STEP_SIZES] = 0.1
    head_lr: Annotated[float, Ge(0), "alpha, step of the head", STEP_SIZES] = 0.1
    head_epochs: Annotated[
        int, Ge(0), "epochs of the head in a round, before the body's", SearchRange(1, 10)
    ] = 10
    body_epochs: Annotated[int, Ge(0), "epochs of the body; 0: the study's local work"] = 0
    solver: solvers.LocalSolver = "sgd"
    private: parts.PrivateChoice = "head"
    adapt_epochs: Annotated[int, Ge(0), "epochs a new client trains its head"] = 10

    def parts(self, problem: Problem) -> parts.PrivateSplit:
        return parts.private(problem, self.private)

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        own = self.parts(problem)
        h = self._fit_head(problem, down, client, batches, self.head_epochs)
        work = batches.epochs(self.body_epochs) if self.body_epochs else batches
        s = own.train_shared(problem, solvers.parse(self.solver, self.lr), down, h, work)
        return Client(h), s - down

    def solver_starts(self, problem: Problem, w: Tensor) -> tuple[Tensor, ...]:
        s, h = self.parts(problem).split(w)
        return tuple(part for part in (h, s) if len(part))

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Tensor:
        """The head fitted from its initial value, the body frozen."""
        h = self._fit_head(problem, down, client, batches, self.adapt_epochs)
        return self.parts(problem).join(down, h)

    def _fit_head(
        self, problem: Problem, s: Tensor, client: Client, batches: Batches, epochs: int
    ) -> Tensor:
        solver = solvers.parse(self.solver, self.head_lr)
        work = batches.stream("head").epochs(epochs)
        return self.parts(problem).train_private(problem, solver, s, client.h, work)
