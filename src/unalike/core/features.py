"""What a model's head sees: the body below it as a problem of its own.

logits = head(features),  features = body(x)
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor, nn

from unalike.errors import InputError

from . import parts
from .batches import Batch
from .problem import Problem


@dataclass(frozen=True, eq=False)
class Body:
    """The body over the shared part s [Q], and how many classes the head tells apart."""

    problem: Problem  # its loss pulls features to targets
    parts: parts.PrivateSplit  # the head is private
    classes: int  # C

    def features(self, s: Tensor, batch: Batch) -> Tensor:
        """What the head gets of each sample: [B, D]."""
        return self.problem.output(s, batch)

    def target_grad(self, s: Tensor, batch: Batch, targets: Tensor, scale: Tensor) -> Tensor:
        """Gradient [Q] of the mean over samples of scale [B] times each one's squared error.

        The squared error is the mean over the D features of (feature - target)^2.
        """
        marked = torch.cat([targets, scale[:, None]], 1)
        return self.problem.grad(s, batch._replace(y=marked))


@lru_cache(maxsize=8)
def body(problem: Problem, user: str) -> Body:
    """The body of this problem's module; InputError names `user` where there is none."""
    module: nn.Module | None = getattr(problem, "module", None)
    if module is None:
        raise InputError(f"{user} needs a network with a head; this problem is a bare function.")
    own = parts.private(problem, "head")
    names = own.names(1)
    head = "head" if parts.within(names[0], "head") else names[0].rpartition(".")[0]
    if not own.names(0) or not head:
        raise InputError(
            f"{user} needs a network with a body below its head, but all of its weights belong to "
            "the head; add a hidden layer."
        )
    fit = replace(problem.fit, one_logit=None, by_sample=False)
    below = Problem(_Truncated(module, head), _target_loss).fitted(fit)
    if sum(below.layout.sizes) != own.sizes[0]:
        raise InputError(f"{user} needs a head that shares no weights with the body below it.")
    outputs = problem.layout.shapes[problem.layout.names.index(names[-1])][0]
    classes = outputs if problem.fit.one_logit is None else 2
    return Body(below.to(problem.init().device), own, classes)


def _target_loss(features: Tensor, marked: Tensor) -> Tensor:
    """Squared error [B] of features [B, D], for marked [B, D + 1]: the targets and a scale."""
    return (features - marked[:, :-1]).square().mean(1) * marked[:, -1]


class _HeadReachedError(Exception):
    """The head has been called."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


class _StopForward(nn.Module):
    """In the head's place: whatever the model does after it is left out."""

    def forward(self, x: Tensor) -> Tensor:
        raise _HeadReachedError(x)


class _Truncated(nn.Module):
    """A module as far as the input of one of its parts."""

    def __init__(self, module: nn.Module, part: str) -> None:
        super().__init__()
        self.module = copy.deepcopy(module)
        above, _, name = part.rpartition(".")
        setattr(self.module.get_submodule(above), name, _StopForward())

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] -> [B, D]."""
        try:
            self.module(x)
        except _HeadReachedError as reached:
            return reached.features.flatten(1)
        raise InputError("The model never calls its head.")
