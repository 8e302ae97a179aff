"""Whether a problem's module can be trained here, found out before anything is trained."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad, vmap

from unalike.errors import InputError
from unalike.functional.module import first_line
from unalike.functional.torch_random import own_random_state

from .problem import Problem


def check_model(problem: Problem, x: Tensor, classes: int | None = None) -> None:
    """Try the problem's module on samples x [B, ...]; a problem without one passes.

    classes: how many numbers it must give for each sample; None if that is not known.

    Raises:
        InputError: in one sentence, why the module does not fit, or cannot be trained here.
    """
    module = getattr(problem, "module", None)
    if module is None:
        return
    kind = type(module).__name__
    x = torch.cat([x, x])[:2]
    w = problem.init()
    before = {name: tensor.clone() for name, tensor in problem.constants.items()}
    try:
        with own_random_state(), torch.no_grad():
            output = problem.logits(w, x)
    except Exception as error:
        raise InputError(
            f"The model {kind} fails on samples of shape {tuple(x.shape[1:])}: {first_line(error)}"
        ) from error
    if not isinstance(output, Tensor):
        raise InputError(
            f"The model {kind} gives a {type(output).__name__}; it must give one tensor with a "
            "row for each sample."
        )
    if output.dim() == 0 or len(output) != len(x):
        raise InputError(
            f"The model {kind} gives a tensor of shape {tuple(output.shape)} for {len(x)} samples; "
            "its first dimension must be the samples."
        )
    if classes is not None and output.shape[1:] != (classes,):
        raise InputError(
            f"The model {kind} gives {_numbers(output)} per sample but the data have {classes} "
            "classes."
        )
    changed = [n for n, tensor in problem.constants.items() if not torch.equal(tensor, before[n])]
    if changed:
        for name in changed:
            problem.constants[name].copy_(before[name])
        raise InputError(
            f"The model {kind} writes its buffer {changed[0]!r} when it is called, which clients "
            "trained side by side cannot share; only nn.BatchNorm* may keep running numbers."
        )
    _try_stacked(problem, kind, w, x)


def _try_stacked(problem: Problem, kind: str, w: Tensor, x: Tensor) -> None:
    def total(w: Tensor, x: Tensor) -> Tensor:
        return problem.logits(w, x).square().sum()

    try:
        with own_random_state():
            vmap(grad(total))(torch.stack([w, w]), torch.stack([x, x]))
    except Exception as error:
        raise InputError(
            f"The model {kind} cannot be trained for many clients side by side: "
            f"{first_line(error)} {_advice(str(error))}"
        ) from error


def _advice(message: str) -> str:
    if "random" in message:
        return "(Draw random numbers only through nn.Dropout, not in forward itself.)"
    if any(sign in message for sign in ("inplace", "in-place", "output with shape")):
        return "(Replace in-place operations such as += or relu_ by ones that return a new tensor.)"
    if "item()" in message or "data-dependent" in message:
        return "(Replace Python branches on values by torch.where.)"
    return "(torch.func must be able to map it: see the page on models.)"


def _numbers(output: Tensor) -> str:
    shape = tuple(output.shape[1:])
    return f"{shape[0]} numbers" if len(shape) == 1 else f"numbers of shape {shape}"
