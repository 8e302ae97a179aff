"""Whether what a module puts out fits the task and the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unalike.errors import InputError

from .named_losses import NAMED
from .problem import Problem
from .torch_losses import TorchLoss


def with_outputs(
    problem: Problem,
    kind: str,
    x: Tensor,
    classes: int | None,
    *,
    lone: bool,
    fits: Callable[[tuple[int, ...], str], None] | None,
) -> Problem:
    """The problem, once its outputs fit: one number for yes or no is taken as a logit.

    lone: whether a sample has one class, and not many labels.
    """
    output = problem.logits(problem.init(), x)
    if output.dim() == 0 or len(output) != len(x):
        raise InputError(
            f"The model {kind} gives a tensor of shape {tuple(output.shape)} for {len(x)} samples; "
            "its first dimension must be the samples."
        )
    shape = tuple(output.shape[1:])
    if classes == 2 and lone and shape in ((), (1,)):
        _refuse_probabilities(problem, kind, x)
        return problem.fitted(replace(problem.fit, one_logit=shape))
    if fits is not None:
        fits(shape, kind)
    elif classes is not None and shape != (classes,):
        raise InputError(
            f"The model {kind} gives {_numbers(shape)} per sample but the data have {classes} "
            "classes."
        )
    _refuse_probabilities(problem, kind, x)
    return problem


def _refuse_probabilities(problem: Problem, kind: str, x: Tensor) -> None:
    """InputError where the model ends in a sigmoid or softmax that the loss has as well."""
    if _is_loss(problem, nn.BCELoss, functional.binary_cross_entropy):
        raise InputError(
            "The loss BCELoss wants a probability: leave the sigmoid out of the model and take "
            "nn.BCEWithLogitsLoss."
        )
    last = _last_function(problem, x)
    if last is not None and _wants_logits(problem):
        raise InputError(
            f"The model {kind} ends in a {last}, which the loss applies itself: leave it out of "
            "the model, whose outputs then are logits."
        )


def _is_loss(problem: Problem, kind: type[nn.Module], function: Any) -> bool:
    whole = getattr(problem.criterion, "whole", None)
    return isinstance(whole, kind) or getattr(whole, "func", whole) is function


def _wants_logits(problem: Problem) -> bool:
    """Whether the loss is one of logits: of the project by name, of a task, or PyTorch's own."""
    criterion = problem.criterion
    if not criterion.of_classes or _is_loss(problem, nn.NLLLoss, functional.nll_loss):
        return False
    if not isinstance(criterion, TorchLoss) or criterion.by_class:
        return True
    named = criterion.function is NAMED["binary_cross_entropy"][0]
    return named or _is_loss(
        problem, nn.BCEWithLogitsLoss, functional.binary_cross_entropy_with_logits
    )


def _last_function(problem: Problem, x: Tensor) -> str | None:
    """What the outputs look like at weights drawn at random: "sigmoid", "softmax", or neither."""
    start, generator = problem.init(), torch.Generator().manual_seed(0)
    drawn = []
    for scale in (1.0, 10.0, 100.0):
        noise = torch.randn(start.shape, generator=generator).to(start)
        output = problem.logits(start + scale * noise, x)
        if not bool(((output >= 0) & (output <= 1)).all()):
            return None
        drawn.append(output)
    outputs = torch.stack(drawn)
    if torch.equal(outputs[0], outputs[1]):
        return None
    if outputs.dim() > 2 and outputs.shape[2] > 1:
        for sums in (outputs.sum(2), outputs.sum(-1)):
            if torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
                return "softmax"
    return "sigmoid"


def _numbers(shape: tuple[int, ...]) -> str:
    if len(shape) > 1:
        return f"numbers of shape {shape}"
    count = shape[0] if shape else 1
    return f"{count} number{'s' if count != 1 else ''}"
