"""FedMTL: hard parameter sharing, one body for all tasks and an output layer for each.

Source  Caruana, Machine Learning 1997 (hard parameter sharing); Smith et al., NeurIPS 2017
        (federated multi-task learning, arXiv:1705.10467); no federated algorithm box of its own
Wire    down s [Q], the shared body; up delta of s [Q]
Ours    clients may have different numbers of classes: every client holds the largest output layer
        but uses only its first k outputs, k = 1 + the largest label among its training samples. The
        others get no gradient and are never predicted, so they might as well not exist; a later
        label of k or above counts as impossible. Targets that are not class labels use all outputs.
        heads = full is FedPer; the step of 0.1 is a default of ours
Avoid   when clients hold too few labelled samples to fit an output layer of their own, or when a
        client may meet a class above the largest that it trained on, because that is never
        predicted
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from unalike.core import Batch, Batches, Problem, optimise, parts, solvers
from unalike.core.partial import Client, PartialPersonalisation
from unalike.core.seen_gradient import SeenGradient

IMPOSSIBLE = -1e4
"""The logit of an output that a client does not have: its probability is zero, its loss finite."""


class Personal(NamedTuple):
    w: Tensor  # [P]
    k: Tensor  # [] the outputs in use; 0: all


class FirstOutputs(nn.Module):
    """A module of which a client uses the first k outputs."""

    def __init__(self, module: nn.Module, k: Tensor) -> None:
        super().__init__()
        self.module = module
        self.k: Tensor
        self.register_buffer("k", k.clone())

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] -> [B, C], impossible outputs being `IMPOSSIBLE`."""
        return _first(self.module(x), self.k)


@dataclass(frozen=True)
class FedMTL(PartialPersonalisation):
    name: ClassVar[str] = "fedmtl"
    lr: solvers.LearningRate = 0.1
    solver: solvers.LocalSolver = "sgd"
    heads: Annotated[
        Literal["own", "full"], "outputs: as many as the client's own classes, or all"
    ] = "own"
    private: parts.PrivateChoice = "head"
    adapt_epochs: parts.AdaptEpochs = 10

    def parts(self, problem: Problem) -> parts.PrivateSplit:
        return parts.private(problem, self.private)

    def client_update(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> tuple[Client, Tensor]:
        own, (task, counts) = self.parts(problem), self._task(problem, batches)
        start, gradient = own.join(down, client.h), SeenGradient(task, _counted, counts)
        w = optimise(solvers.parse(self.solver, self.lr), gradient, start, batches)
        s, h = own.split(w)
        return Client(h), s - down

    def personalise(
        self, problem: Problem, down: Tensor, client: Client, batches: Batches
    ) -> Personal:
        return Personal(self.parts(problem).join(down, client.h), self._outputs(batches))

    def predict(self, problem: Problem, personal: Personal, x: Tensor) -> Tensor:
        return _first(problem.logits(personal.w, x), personal.k)

    def prediction_module(self, problem: Problem, personal: Personal) -> FirstOutputs:
        return FirstOutputs(problem.module_at(personal.w), personal.k)

    def adapt(self, problem: Problem, down: Tensor, client: Client, batches: Batches) -> Personal:
        """The private part trained from its initial value, the shared part frozen."""
        own, solver = self.parts(problem), solvers.parse(self.solver, self.lr)
        task, counts = self._task(problem, batches)
        longer = batches.epochs(self.adapt_epochs)
        h = own.train_private(
            task, solver, down, client.h, longer, seen=lambda batch: _counted(batch, *counts)
        )
        return Personal(own.join(down, h), self._outputs(batches))

    def _counts(self, batches: Batches) -> bool:
        """Whether clients have outputs of their own: the targets are class labels."""
        y = batches.y
        return self.heads == "own" and y.dim() == 1 and not y.is_floating_point()

    def _outputs(self, batches: Batches) -> Tensor:
        """k [], how many outputs this client uses; 0 where it uses all."""
        if not self._counts(batches):
            return torch.zeros_like(batches.size)
        labels = batches.y[batches.ids]
        real = torch.arange(len(labels), device=labels.device) < batches.size
        return torch.where(real, labels, 0).max() + 1

    def _task(self, problem: Problem, batches: Batches) -> tuple[Problem, tuple[Tensor, ...]]:
        """The problem with this client's outputs alone, and their number where it asks for it."""
        if not self._counts(batches):
            return problem, ()
        return _with_outputs(problem), (self._outputs(batches),)


def _counted(batch: Batch, *counts: Tensor) -> Batch:
    """The batch with the number of outputs [] beside each label, where there is one."""
    if not counts:
        return batch
    (k,) = counts
    return batch._replace(y=torch.stack([batch.y, k[..., None].expand_as(batch.y)], -1))


@lru_cache(maxsize=8)
def _with_outputs(problem: Problem) -> Problem:
    """The problem whose targets [B, 2] are labels and how many outputs there are."""

    def losses(logits: Tensor, y: Tensor) -> Tensor:
        return problem.sample_losses(_first(logits, y[:, 1:]), y[:, 0])

    return problem.with_loss(losses)


def _first(logits: Tensor, k: Tensor) -> Tensor:
    """The logits [B, C] with those after the first k [] or [B, 1] out of the question; 0: none."""
    used = (torch.arange(logits.shape[-1], device=logits.device) < k) | (k == 0)
    return torch.where(used, logits, IMPOSSIBLE)
