"""What a trial of a module on some samples has shown of how it is to be called."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from unalike.functional.module import first_line
from unalike.functional.outputs import OutputName


@dataclass(frozen=True)
class ModuleFit:
    """How a module is called; as it stands here, for a module that takes what it gets.

    `model_check.prepare` finds it out.
    """

    kind: str = ""  # the module's class
    alone: str | None = None  # why clients cannot be stacked; None where they can
    dtype: torch.dtype | None = None  # what samples are turned into for the module
    one_logit: tuple[int, ...] | None = None  # the shape of a lone logit of yes, () or (1,)
    squeezes: bool = False  # whether the output of a lone sample has lost that dimension
    functional_dropout: bool = False  # whether it calls `functional.dropout`
    usual_output: OutputName = None  # which of several outputs was taken, without being asked
    by_sample: bool = False  # whether the loss gives one number a batch

    def remarks(self) -> list[str]:
        """What people should know of it."""
        said = []
        if self.usual_output is not None:
            said.append(
                f"model: {self.kind} gives several outputs, of which {self.usual_output!r} is "
                "taken; another one is chosen with output=."
            )
        if self.one_logit is not None:
            said.append(
                f"model: {self.kind} has one output, taken as the logit of class 1 against class 0."
            )
        if self.alone is not None:
            said.append(
                f"model: {self.kind} cannot be stacked ({self.alone}); clients are trained one by "
                "one."
            )
        return said


def lacks_memory(error: Exception) -> bool:
    """Whether PyTorch could not get the memory that it asked for."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def reason(error: Exception) -> str:
    """Why PyTorch cannot do with a module what was asked for, in a few words."""
    message = str(error)
    if "item()" in message or "data-dependent" in message:
        return "Python looks at values"
    if any(sign in message for sign in ("inplace", "in-place", "output with shape")):
        return "it writes in place over what clients share"
    if "setup_context" in message or "generate_vmap_rule" in message:
        return "an autograd.Function has no rule for it"
    missing = re.search(r"[Bb]atching rule (?:not implemented )?for (\S+?)\.? ", message)
    if missing:
        return f"PyTorch has no stacked form of {missing[1].removesuffix('.')}"
    return first_line(error).removesuffix(".")
