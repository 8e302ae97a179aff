"""FedRep: fit the private head to the shared body first, then move the body under it.

Source  Collins et al., ICML 2021, Algorithm 1 (arXiv:2102.07078)
Wire    down s [Q], the shared body; up delta of s [Q]
Ours    averages use the study's weights (the paper's are plain); each phase has a fresh solver,
        so that no momentum moves a frozen part; all heads start alike; learning rate 0.1 and
        plain SGD as elsewhere here (the public code: 0.01 and momentum:0.5); a client that
        never trained trains its head with the body frozen, for adapt_epochs
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from annotated_types import Ge
from torch import Tensor

from unalike.core import Batches, Cohort, Method, Population, Problem, parts, solvers


class Client(NamedTuple):
    h: Tensor  # [P - Q] the private head


@dataclass(frozen=True)
class FedRep(Method):
    name: ClassVar[str] = "fedrep"
    buffers: ClassVar[tuple[str, ...]] = ("recompute", "share", "local")
    needs_each: ClassVar[str | None] = None
    lr: Annotated[float, Ge(0), "step of the body"] = 0.1
    head_lr: Annotated[float, Ge(0), "alpha, step of the head"] = 0.1
    head_epochs: Annotated[int, Ge(0), "epochs of the head in a round, before the body's"] = 10
    body_epochs: Annotated[int, Ge(0), "epochs of the body; 0: the study's local epochs"] = 0
    solver: Annotated[str, "local solver: sgd, momentum:0.9 or adam"] = "sgd"
    private: Annotated[
        str, "what the client keeps: head, body, encoder, norm, none, all, or name patterns"
    ] = "head"
    adapt_epochs: Annotated[int, Ge(0), "epochs a new client trains its head"] = 10

    def describe(self, problem: Problem) -> str:
        return self._parts(problem).describe()

    def vacuous(self, problem: Problem) -> str | None:
        return self._parts(problem).vacuous()

    def private_segments(self, problem: Problem) -> tuple[str, ...]:
        return self._parts(problem).names(1)

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Tensor:
        return self._parts(problem).split(w)[0]

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(self._parts(problem).split(w)[1])

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        own = self._parts(problem)
        h = self._fit_head(problem, down, client, batches, self.head_epochs)
        work = batches.epochs(self.body_epochs) if self.body_epochs else batches
        s = own.train_shared(problem, solvers.parse(self.solver, self.lr), down, h, work)
        return Client(h), s - down

    def server_update(self, server: Tensor, ups: Tensor, cohort: Cohort) -> Tensor:
        return server + cohort.mean(ups)

    def personalise(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> Tensor:
        return self._parts(problem).join(down, client.h)

    def global_model(self, server: Tensor) -> None:
        return None

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Tensor:
        """The head fitted from its initial value, the body frozen."""
        h = self._fit_head(problem, down, client, batches, self.adapt_epochs)
        return self._parts(problem).join(down, h)

    def displacement(self, ups: Tensor) -> None:
        return None

    def _fit_head(
        self, problem: Problem, s: Tensor, client: Client, batches: Batches, epochs: int
    ) -> Tensor:
        solver = solvers.parse(self.solver, self.head_lr)
        work = batches.stream("head").epochs(epochs)
        return self._parts(problem).train_private(problem, solver, s, client.h, work)

    def _parts(self, problem: Problem) -> parts.PrivateSplit:
        return parts.private(problem, self.private)
