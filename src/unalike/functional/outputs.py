"""Which part of what a module returns is its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from unalike.errors import InputError

OutputName = str | int | None
"""A key, an attribute or a place in what a module returns; None for the usual one."""

USUAL = "logits"


def usual_output(returned: Any) -> OutputName:
    """Where the output of a module stands that returns this; None for a lone tensor.

    Of a mapping or an object the entry `logits`, else the first one.
    """
    if isinstance(returned, Tensor):
        return None
    if isinstance(returned, Mapping) and returned:
        return USUAL if USUAL in returned else next(iter(returned))
    if hasattr(returned, USUAL):
        return USUAL
    return 0


def chosen_output(returned: Any, name: OutputName) -> Tensor:
    """The output in what a module returns.

    Raises:
        InputError: there is none of this name, or it is no tensor.
    """
    if name is None:
        name = usual_output(returned)
        if name is None:
            return returned
    found = _entry(returned, name)
    if not isinstance(found, Tensor):
        what = f"a {type(returned).__name__} whose entry {name!r} is "
        what += "missing" if found is None else f"a {type(found).__name__}"
        raise InputError(
            f"The model gives {what}; it must give one tensor with a row for each sample: say "
            f"which one with output=, of {_names(returned)}."
        )
    return found


def with_sample_dimension(output: Tensor, samples: int) -> Tensor:
    """The output [B, ...] of a module that squeezes: of a lone sample, that dimension is gone."""
    if samples == 1 and (output.dim() == 0 or len(output) != 1):
        return output[None]
    return output


def _entry(returned: Any, name: str | int) -> Any:
    if isinstance(returned, Mapping):
        return returned.get(name)
    if isinstance(name, str):
        return getattr(returned, name, None)
    if isinstance(returned, Sequence) and -len(returned) <= name < len(returned):
        return returned[name]
    return None


def _names(returned: Any) -> str:
    if isinstance(returned, Mapping):
        return ", ".join(map(repr, returned)) or "none"
    if isinstance(returned, Sequence):
        return ", ".join(map(str, range(len(returned)))) or "none"
    return f"the attributes of a {type(returned).__name__}"
