"""What numbers that people give may be: finite unless said otherwise, and never "not a number".

Whoever builds a pydantic model of settings takes `FINITE` into its configuration; a function that
takes single numbers calls `checked`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt
from pydantic import AfterValidator, AllowInfNan, ConfigDict, TypeAdapter, ValidationError

from unalike.errors import InputError
from unalike.specification import reason

FINITE = ConfigDict(allow_inf_nan=False)
"""Of a model: no number in it is infinite or not a number."""


def _known(value: float) -> float:
    if math.isnan(value):
        raise ValueError("it must be a number")
    return value


FloatOrInfinity = Annotated[float, AllowInfNan(True), AfterValidator(_known)]
"""Where infinity means something, such as a bound that never binds."""

Count = Annotated[int, Ge(1)]
Seed = Annotated[int, Ge(0)]
Share = Annotated[float, Ge(0), Lt(1)]
Level = Annotated[float, Gt(0), Lt(1)]


def checked(name: str, value: Any, kind: Any) -> Any:
    """The value as this type of number.

    Raises:
        InputError: it is none; the sentence names it.
    """
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    try:
        return TypeAdapter(kind, config=FINITE).validate_python(value)
    except ValidationError as error:
        raise InputError(f"{name} = {value!r}: {reason(error.errors()[0])}.") from None
