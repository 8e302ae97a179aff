"""Schedules: by what the step size of clients is multiplied in a round.

    constant      1
    step          rate ^ floor((t - 1) / every)
    exponential   rate ^ (t - 1)
    cosine        floor + (1 - floor) (1 + cos(pi (t - 1) / T)) / 2
    inverse       1 / (1 + decay (t - 1)) ^ power

in round t = 1, ..., T. All begin at 1, the step size that a method's settings name.

Source  cosine: Loshchilov and Hutter, ICLR 2017 (arXiv:1608.03983), without restarts; inverse: the
        decay under which Li et al., ICLR 2020 (arXiv:1907.02189), prove that FedAvg converges
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field

from unalike.functional.settings_types import FINITE

LEAST = 1e-12
"""No factor is smaller: some methods divide by their step size."""


class Schedule(BaseModel):
    """What the step size does from round to round."""

    model_config = ConfigDict(**FINITE, extra="forbid", frozen=True)

    kind: str

    def factor(self, t: int, rounds: int) -> float:
        """By what the step size is multiplied in round t of so many, counted from 1."""
        return max(LEAST, self._factor(max(1, t) - 1, rounds))

    def _factor(self, before: int, rounds: int) -> float:
        """`factor`, after so many rounds."""
        raise NotImplementedError


class Constant(Schedule):
    """The same in all rounds."""

    kind: Literal["constant"] = "constant"

    def _factor(self, before: int, rounds: int) -> float:
        return 1.0


class StepDecay(Schedule):
    """Cut every so many rounds."""

    kind: Literal["step"] = "step"
    every: Annotated[int, Ge(1), Field(description="rounds between two cuts")]
    rate: Annotated[float, Gt(0), Le(1), Field(description="by which a cut multiplies")] = 0.1

    def _factor(self, before: int, rounds: int) -> float:
        return float(self.rate ** (before // self.every))


class Exponential(Schedule):
    """Smaller by the same factor in every round."""

    kind: Literal["exponential"] = "exponential"
    rate: Annotated[float, Gt(0), Le(1), Field(description="by which each round multiplies")]

    def _factor(self, before: int, rounds: int) -> float:
        return float(self.rate**before)


class Cosine(Schedule):
    """Half a period of the cosine over all rounds."""

    kind: Literal["cosine"] = "cosine"
    floor: Annotated[float, Ge(0), Le(1), Field(description="where it would end")] = 0.0

    def _factor(self, before: int, rounds: int) -> float:
        half = (1 + math.cos(math.pi * min(before, rounds) / max(1, rounds))) / 2
        return self.floor + (1 - self.floor) * half


class Inverse(Schedule):
    """1 / t, or a power of it."""

    kind: Literal["inverse"] = "inverse"
    decay: Annotated[float, Ge(0), Field(description="how fast; 1 gives 1 / t")] = 1.0
    power: Annotated[float, Gt(0), Field(description="0.5 gives 1 / sqrt(t)")] = 1.0

    def _factor(self, before: int, rounds: int) -> float:
        return float((1 + self.decay * before) ** -self.power)


CONSTANT = Constant()

SCHEDULES: dict[str, type[Schedule]] = {
    cls.model_fields["kind"].default: cls
    for cls in (Constant, StepDecay, Exponential, Cosine, Inverse)
}
