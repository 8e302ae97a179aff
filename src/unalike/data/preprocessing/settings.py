"""What a user may say about preprocessing."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from unalike.errors import unknown

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
