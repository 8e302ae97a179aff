"""What privacy is asked for, from a study file, the command line or Python."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unalike.errors import InputError, unknown
from unalike.functional.settings_types import FINITE, FloatOrInfinity
from unalike.specification import parse_specification, reason

KINDS = ("central", "local")
EXAMPLE = "central:clip=1,noise=1.1"
HOW = f"write KIND:clip=C,noise=SIGMA, as in {EXAMPLE}"


class Privacy(BaseModel):
    """Clipping and Gaussian noise, and the delta at which epsilon is told."""

    model_config = ConfigDict(**FINITE, extra="forbid", frozen=True, ser_json_inf_nan="strings")

    kind: Annotated[
        Literal["central", "local"], Field(description="who adds the noise: the server, or each")
    ]
    clip: Annotated[
        FloatOrInfinity, Gt(0), Field(description="C, the largest L2 norm of an answer")
    ]
    noise: Annotated[
        float, Ge(0), Field(description="sigma, standard deviation of the noise in units of C")
    ]
    delta: Annotated[float, Gt(0), Lt(1), Field(description="delta of the guarantee")] = 1e-5

    def sentence(self) -> str:
        """What is done, and what it cannot promise."""
        text = f"privacy: every answer is cut to length {self.clip:g}"
        if self.noise == 0:
            return f"{text} and no noise is added, so epsilon is infinite: nothing is promised."
        local = self.kind == "local"
        adder, to = ("each client", "its own") if local else ("the server", "their sum")
        return (
            f"{text}, and {adder} adds noise of standard deviation {self.clip * self.noise:g} to "
            f"{to}. In a simulation the noise follows from the seed: this shows what privacy "
            "costs, and makes no model safe to give away."
        )


def parse_privacy(given: Any) -> Privacy | None:
    """The settings in any form in which they may be written; None for none.

    Raises:
        InputError: an unknown kind or setting, or a value that makes no sense.
    """
    if given is None or isinstance(given, Privacy):
        return given
    values = parse_specification(given, "privacy", EXAMPLE) if isinstance(given, str) else given
    if not isinstance(values, Mapping):
        raise InputError(f"privacy = {given!r}: {HOW}.")
    kind = values.get("kind")
    if kind not in KINDS:
        raise unknown("kind of privacy", str(kind), KINDS)
    try:
        found = Privacy.model_validate(dict(values))
    except ValidationError as error:
        wrong = error.errors()
        first = next((one for one in wrong if one["type"] == "extra_forbidden"), wrong[0])
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise unknown("setting of privacy", name, Privacy.model_fields) from None
        if first["type"] == "missing":
            raise InputError(f"Privacy {kind} needs {name}: {HOW}.") from None
        raise InputError(f"Privacy {kind}: {name} = {first['input']!r}: {reason(first)}.") from None
    if found.noise > 0 and math.isinf(found.clip):
        raise InputError(
            f"Privacy {kind}: noise = {found.noise:g} is in units of clip, which is infinite: give "
            "a finite clip, or noise = 0."
        )
    return found
