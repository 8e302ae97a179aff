"""What a user may say about preprocessing."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from unalike.errors import InputError, unknown

Scale = Literal["auto", "standard", "robust", "none"]
SCALES: tuple[Scale, ...] = get_args(Scale)


class PreprocessingSettings(BaseModel):
    """How columns are read and scaled, wherever nothing is left to rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: dict[str, str] = {}  # of columns: "number", "category", "yes/no", "date", "text", ...
    drop: tuple[str, ...] = ()
    scale: Scale = "auto"


def check_scale(scale: str) -> Scale:
    """A way to scale, by its name.

    Raises:
        InputError: there is none of this name.
    """
    for known in SCALES:
        if scale == known:
            return known
    raise unknown("scale", scale, SCALES)


def named_kind(text: str) -> tuple[str, str]:
    """A column and its kind, from NAME=KIND.

    Raises:
        InputError: it is written otherwise.
    """
    name, equals, kind = text.rpartition("=")
    if not (equals and name and kind):
        raise InputError(f"--column {text!r}: write NAME=KIND, as in --column age=number.")
    return name.strip(), kind.strip()
