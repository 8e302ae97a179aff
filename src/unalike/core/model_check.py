"""Whether and how a problem's module can be trained here, found out before anything is trained.

`prepare` runs the module on a few samples the way training will: with its loss, with padding, in
training mode, for clients one by one and then for stacked ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from unalike.errors import InputError
from unalike.functional.dropout import StreamedDropoutCalls
from unalike.functional.module import first_line, written_by_call
from unalike.functional.outputs import chosen_output, usual_output
from unalike.functional.torch_random import own_random_state

from .batches import Batch
from .module_fit import reason
from .output_check import with_outputs
from .problem import Problem
from .torch_losses import OneLogitLoss, TorchLoss

SAMPLES = 4
"""The most samples that a module is tried on."""


def prepare(
    problem: Problem,
    x: Tensor,
    y: Tensor | None = None,
    classes: int | None = None,
    *,
    fits: Callable[[tuple[int, ...], str], None] | None = None,
    trial: bool = True,
) -> Problem:
    """The problem with its module called as these samples show; one without a module is itself.

    x [n, ...], y [n, ...]: samples; without y, the loss is not tried.
    classes: how many numbers the module must give for each sample; None if that is not known.
    fits: raises InputError where the shape of what it gives for one sample (and the module's name,
        for the message) does not fit.
    trial: whether gradients are tried too.

    Raises:
        InputError: in one sentence, why the module does not fit, or cannot be trained here.
    """
    module = getattr(problem, "module", None)
    if module is None:
        return problem
    kind = type(module).__name__
    chosen = _chosen_rows(x, y)
    x, y = x[chosen], None if y is None else y[chosen]
    with own_random_state(), torch.no_grad():
        problem = _called(problem, kind, x)
        lone = y is None or y.dim() == 1
        problem = with_outputs(problem, kind, x, classes, lone=lone, fits=fits)
        if not trial:
            return problem
        _refuse_memory(problem, kind, x)
        if y is None:
            y = torch.zeros(len(x), dtype=torch.int64, device=x.device)
            return _stacked(problem.with_loss(_square), kind, x, y, like=problem)
        problem = _with_loss(problem, x, y)
        return _stacked(problem, kind, x, y, like=problem)


def _chosen_rows(x: Tensor, y: Tensor | None) -> Tensor:
    """Different samples: the first, those of the largest and smallest numbers and classes."""
    flat = x.reshape(len(x), -1)
    rows = [0, len(x) - 1]
    if flat.shape[1]:
        rows += [int(flat.amax(1).argmax()), int(flat.amin(1).argmin())]
    if y is not None and y.dim() == 1 and len(y):
        rows += [int(y.argmax()), int(y.argmin())]
    found = list(dict.fromkeys(rows))
    return torch.tensor((found * 2)[: max(2, min(len(found), SAMPLES))])


def _called(problem: Problem, kind: str, x: Tensor) -> Problem:
    """The problem whose module takes these samples: as they are, or as another type of number."""
    segments = problem.layout.views(problem.init())
    failed: Exception | None = None
    for dtype in _types(x, problem.init().dtype):
        tried = problem.fitted(replace(problem.fit, kind=kind, dtype=dtype))
        try:
            with StreamedDropoutCalls() as calls:
                returned = tried.returned(segments, x)
        except Exception as error:
            failed = failed or error
            continue
        usual = usual_output(returned) if problem.output_name is None else None
        output = chosen_output(returned, problem.output_name)
        fit = replace(tried.fit, functional_dropout=calls.called, usual_output=usual)
        return problem.fitted(replace(fit, squeezes=_squeezes(tried, segments, x, output)))
    if isinstance(failed, InputError):
        raise failed
    raise InputError(
        f"The model {kind} fails on samples of shape {tuple(x.shape[1:])}: "
        f"{first_line(failed or RuntimeError())}"
    ) from failed


def _squeezes(problem: Problem, segments: dict[str, Tensor], x: Tensor, output: Tensor) -> bool:
    """Whether the output of a lone sample comes without the dimension of samples."""
    try:
        with StreamedDropoutCalls():
            lone = chosen_output(problem.returned(segments, x[:1]), problem.output_name)
    except Exception:
        return False
    return lone.shape == output.shape[1:] and lone.shape[:1] != (1,)


def _types(x: Tensor, weights: torch.dtype) -> list[torch.dtype | None]:
    """What samples may be turned into, the likeliest first."""
    types: list[torch.dtype | None] = [None]
    if x.dtype != weights:
        types.append(weights)
    if x.is_floating_point() and bool((x == x.floor()).all()):
        types.append(torch.int64)
    return types


def _refuse_memory(problem: Problem, kind: str, x: Tensor) -> None:
    """InputError where a call leaves something behind, or draws what is not named."""
    w = problem.init()
    name = written_by_call(problem.module, lambda module: _forward(problem, module, x))
    if name is not None:
        raise InputError(
            f"The model {kind} writes its {name} when it is called, which clients trained side by "
            "side cannot share; only nn.BatchNorm* may keep running numbers."
        )
    if not torch.equal(*(problem.logits(w, x).nan_to_num() for _ in range(2))):
        raise InputError(
            f"The model {kind} gives other outputs when it is called again on the same samples. "
            "(Draw random numbers only through nn.Dropout, not in forward itself, and keep "
            "nothing from one call to the next.)"
        )


def _forward(problem: Problem, module: nn.Module, x: Tensor) -> None:
    with StreamedDropoutCalls():
        module(x if problem.fit.dtype is None else x.to(problem.fit.dtype))


def _with_loss(problem: Problem, x: Tensor, y: Tensor) -> Problem:
    """The problem whose loss gives one number a sample, and PyTorch's own number a batch."""
    output = problem.logits(problem.init(), x)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*target size.*")
            if problem.couples:
                problem.criterion.total(output, y, output.new_ones(len(y)))
                return problem
            losses = problem.sample_losses(output, y)
            if losses.dim() == 0:
                problem = problem.fitted(replace(problem.fit, by_sample=True))
                losses = problem.sample_losses(output, y)
            total = problem.criterion.total(output, y, output.new_ones(len(y)))
            own = _own_number(problem, output, y)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"The loss fails on outputs of shape {tuple(output.shape)} and targets of shape "
            f"{tuple(y.shape)}: {_loss_failure(problem, output, y) or first_line(error)}"
        ) from error
    if losses.shape != (len(y),):
        raise InputError(
            f"The loss gives a tensor of shape {tuple(losses.shape)} for {len(y)} samples; it must "
            "give one number for each sample, or one for the batch."
        )
    if own is not None and not torch.allclose(own, total, rtol=1e-4, atol=1e-6):
        raise InputError(
            "The loss of a batch is not the mean of the losses of its samples: give a function "
            "(output, y) -> one loss for each sample."
        )
    return problem


def _loss_failure(problem: Problem, output: Tensor, y: Tensor) -> str | None:
    """Why the user's loss fails, where it is what people often do."""
    if output.shape == (*y.shape, 1):
        return (
            "end the model with nn.Flatten(0), or squeeze its last dimension, so that it gives one "
            "number for each target."
        )
    whole: Any = getattr(problem.criterion, "whole", None)
    try:
        given = whole(output, y)
    except Exception:
        return None
    if not isinstance(given, Tensor):
        return (
            f"it gives a {type(given).__name__}; it must give a tensor, which can be "
            "differentiated (no .item())."
        )
    return None


def _own_number(problem: Problem, output: Tensor, y: Tensor) -> Tensor | None:
    """What the user's loss itself gives for the batch; None where it gives one for each sample."""
    criterion: Any = problem.criterion
    if isinstance(criterion, OneLogitLoss):
        output, y = criterion.logit(output, y)
        criterion = criterion.loss
    if not isinstance(criterion, TorchLoss) or criterion.whole is None:
        return None
    own = criterion.whole(output, y)
    return own.reshape(()) if own.numel() == 1 and not own.isnan().any() else None


def _square(output: Tensor, y: Tensor) -> Tensor:
    return output.flatten(1).square().sum(1) if output.dim() > 1 else output.square()


def _stacked(problem: Problem, kind: str, x: Tensor, y: Tensor, *, like: Problem) -> Problem:
    """`like`, with what gradients of `problem` show: one by one and stacked."""
    w, batch = problem.init(), _padded(problem, x, y)
    try:
        alone = problem.grad(w, batch)
    except Exception as error:
        raise InputError(f"The model {kind} cannot be trained: {first_line(error)}") from error
    try:
        _compare(problem, w, batch, alone)
    except Exception as error:
        return like.fitted(replace(like.fit, alone=reason(error)))
    return like


def _padded(problem: Problem, x: Tensor, y: Tensor) -> Batch:
    """These samples, the last of them as padding."""
    weight = problem.init().new_ones(len(x))
    weight[-1] = 0
    return Batch(x, y, weight, weight.sum(), torch.arange(len(x)), torch.tensor(1))


def _compare(problem: Problem, w: Tensor, batch: Batch, alone: Tensor) -> None:
    """Raise where two stacked clients get other gradients or outputs than one alone."""
    both = [torch.stack([part, part]) for part in (w, *batch)]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*batching rule.*")  # it would be a slow loop
        stacked = vmap(lambda w, *parts: problem.grad(w, Batch(*parts)))(*both)
        outputs = vmap(problem.logits)(both[0], both[1])
        if not problem.couples:
            vmap(problem.sample_losses)(outputs, both[2])
    for mine, single in ((stacked, alone), (outputs, problem.logits(w, batch.x))):
        for row in mine:
            if not torch.allclose(row, single, rtol=1e-3, atol=1e-5, equal_nan=True):
                raise ValueError("stacked clients would get other numbers")
