"""FedAS: the shared body first learns the client's own features; steep clients count for more.

Source  Yang, Huang and Ye, CVPR 2024, by its public code (github.com/xiyuanyang45/FedAS); of the
        paper only the abstract could be had
Wire    down s [Q], the shared body; up delta of s [Q] and the trace of the Fisher information []
Ours    every client aligns a copy of its own (in the code one object is aligned by client after
        client, so that the next one starts from what the last one left). The trace is, as there,
        the sum over one epoch's batches of the mean gradient's squared length, at the study's
        batch size and with the last, smaller batch; where all traces vanish, the study's weights
        hold. The alignment takes the study's batches (there 16 samples), the learning rate is
        0.1 as elsewhere here (there 0.005). A client that never trained trains its head with the
        body frozen, for adapt_epochs
Avoid   when clients hold too few labelled samples to fit a head of their own, or when some of
        their labels are noisy, because steep losses give a client its weight
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from unalike.core import (
    Batch,
    Batches,
    Cohort,
    Method,
    NoState,
    Population,
    Problem,
    average,
    descend,
    optimise,
    solvers,
)
from unalike.core.features import Body, body
from unalike.core.search_range import SearchRange
from unalike.errors import InputError


class Client(NamedTuple):
    w: Tensor  # [P] the model as it was when the client last trained


class Up(NamedTuple):
    s: Tensor  # [Q] change of the body
    fisher: Tensor  # [] trace of the Fisher information at the client's model


@dataclass(frozen=True)
class FedAS(Method):
    name: ClassVar[str] = "fedas"
    needs_each: ClassVar[str | None] = (
        "its server weighs each answer by the trace that comes with it"
    )
    learning_rates: ClassVar[tuple[str, ...]] = ("lr", "align_lr")
    lr: solvers.LearningRate = 0.1
    solver: solvers.LocalSolver = "sgd"
    align_lr: Annotated[
        float, Ge(0), "step of the alignment, plain SGD", SearchRange(0.001, 0.3)
    ] = 0.01
    align_epochs: Annotated[int, Ge(0), "epochs of the alignment, before the training"] = 1
    fisher: Annotated[bool, "weights by the Fisher information; false: the study's weights"] = True
    adapt_epochs: Annotated[int, Ge(0), "epochs a new client trains its head"] = 10

    def describe(self, problem: Problem) -> str:
        return self._body(problem).parts.describe()

    def vacuous(self, problem: Problem) -> str | None:
        aligns = self.align_epochs > 0 and self.align_lr > 0
        if aligns or self.fisher:
            return None
        return "Without alignment and Fisher weights, FedAS trains as FedPer does."

    def init_server(self, problem: Problem, w: Tensor, population: Population) -> Tensor:
        return self._body(problem).parts.split(w)[0]

    def init_client(self, problem: Problem, w: Tensor) -> Client:
        return Client(w)

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Up]:
        own = self._body(problem)
        previous, h = own.parts.split(client.w)
        start = own.parts.join(self._aligned(own, down, previous, batches), h)
        w = optimise(solvers.parse(self.solver, self.lr), problem.grad, start, batches)
        return Client(w), Up(own.parts.split(w)[0] - down, self._trace(problem, w, batches))

    def solver_starts(self, problem: Problem, w: Tensor) -> tuple[Tensor, Tensor]:
        return self._body(problem).parts.split(w)[0], w

    def server_update(self, server: Tensor, ups: Up, cohort: Cohort) -> Tensor:
        if not self.fisher or bool(ups.fisher.sum() == 0):
            return server + cohort.mean(ups.s)
        return server + torch.tensordot(ups.fisher / ups.fisher.sum(), ups.s, dims=1)

    def personalise(
        self, problem: Problem, down: NoState, client: Client, batches: Batches
    ) -> Tensor:
        """The client's own last model, body and head."""
        return client.w

    def deliver(self, server: Tensor, client_id: Tensor) -> NoState:
        return NoState()

    def global_model(self, server: Tensor) -> None:
        return None

    def introduce(self, server: Tensor) -> Tensor:
        return server

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Tensor:
        """The head trained from its initial value, the shared body frozen."""
        own, solver = self._body(problem).parts, solvers.parse(self.solver, self.lr)
        h, longer = own.split(client.w)[1], batches.epochs(self.adapt_epochs)
        return own.join(down, own.train_private(problem, solver, down, h, longer))

    def displacement(self, ups: Up) -> None:
        return None

    def _aligned(self, own: Body, s: Tensor, previous: Tensor, batches: Batches) -> Tensor:
        """s [Q] after pulling each sample's features to its class's mean under `previous` [Q].

        The loss on a batch is the sum over the classes in it of the class's mean squared error.
        """
        if batches.y.dim() != 1:
            raise InputError(
                "FedAS needs samples of classes, one class each, and here a sample has several "
                "labels: choose another method."
            )
        prototypes = _prototypes(own, previous, batches)

        def direction(s: Tensor, batch: Batch) -> Tensor:
            of = _membership(own, batch)
            alike = of @ (of * batch.weight[:, None]).sum(0)
            return own.target_grad(s, batch, of @ prototypes, batch.size / alike.clamp(min=1))

        work = batches.stream("alignment").epochs(self.align_epochs)
        return optimise(solvers.parse("sgd", self.align_lr), direction, s, work)

    def _trace(self, problem: Problem, w: Tensor, batches: Batches) -> Tensor:
        def step(total: Tensor, batch: Batch) -> Tensor:
            return total + problem.grad(w, batch).square().sum()

        return descend(step, torch.zeros_like(w[0]), batches.stream("fisher").epochs(1))

    def _body(self, problem: Problem) -> Body:
        problem.require_classes("FedAS")
        return body(problem, "FedAS")


def _prototypes(own: Body, s: Tensor, batches: Batches) -> Tensor:
    """Mean features of each class over the client's samples, zero where it has none: [C, D]."""

    def sums(batch: Batch) -> Tensor:
        of = _membership(own, batch) * batch.weight[:, None]
        counted = torch.nn.functional.pad(own.features(s, batch), (0, 1), value=1.0)
        return of.T @ counted / batch.size

    total = average(sums, batches)
    return total[:, :-1] / total[:, -1:].clamp(min=torch.finfo(total.dtype).tiny)


def _membership(own: Body, batch: Batch) -> Tensor:
    """Whether sample b is of class c: [B, C]."""
    classes = torch.arange(own.classes, device=batch.y.device)
    return (batch.y[:, None] == classes).to(batch.weight.dtype)
