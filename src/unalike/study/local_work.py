"""The settings of local work, as people write them."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from unalike.core import Method
from unalike.core.local_work import LocalWork
from unalike.core.schedules import SCHEDULES, Schedule
from unalike.core.work_check import work_remark
from unalike.errors import InputError
from unalike.specification import parse_specification, specification_of, validate_kind


def parse_schedule(given: Any) -> Schedule:
    """The schedule in a text such as "step:every=20,rate=0.5".

    Raises:
        InputError: an unknown schedule or setting, or a value that makes no sense.
    """
    if isinstance(given, Schedule):
        return given
    if not isinstance(given, str):
        raise InputError(
            f"lr_schedule = {given!r}: give the name of a schedule, such as "
            "'exponential:rate=0.99'."
        )
    plain = parse_specification(given, "step-size schedule", "exponential:rate=0.99")
    return validate_kind(SCHEDULES, plain, "step-size schedule")


def _short(epochs: float) -> int | float:
    """A whole number of epochs as one."""
    return int(epochs) if epochs == int(epochs) else epochs


Epochs = Annotated[
    float,
    Gt(0),
    AfterValidator(_short),
    Field(description="local epochs in a round; of a fraction, batches go on over rounds"),
]
Steps = Annotated[
    int | None,
    Ge(1),
    Field(description="local steps in a round in place of epochs; batches go on over rounds"),
]
StepSizes = Annotated[
    Annotated[Schedule, PlainSerializer(specification_of)],
    BeforeValidator(parse_schedule),
    WithJsonSchema({"type": "string", "examples": ["exponential:rate=0.99"]}),
    Field(description="what clients' step sizes do over rounds: constant, step, exponential, ..."),
]
Momentum = Annotated[
    float | None,
    Ge(0),
    Lt(1),
    Field(description="of all local steps; its buffers last from round to round"),
]
Slow = Annotated[
    float, Ge(0), Lt(1), Field(description="chance that a client does a part of its work only")
]


def check_amount(work: LocalWork, *, epochs_given: bool) -> None:
    """Whether the amount of work is said once, and can be parted where clients are slow.

    Raises:
        InputError: it is not.
    """
    if work.steps is not None and epochs_given:
        raise InputError(
            f"local_steps = {work.steps} beside local_epochs = {work.epochs}: say how much clients "
            "do in a round once."
        )
    if work.slow > 0 and not work.goes_on and work.passes < 2:
        raise InputError(
            f"slow_clients = {work.slow:g} lets clients do a part of their local epochs, and one "
            "epoch has no parts: give local_epochs of 2 or more, or local_steps."
        )


def work_remarks(method: Method, label: str, work: LocalWork) -> list[str]:
    """What a reader must know of a method under this local work."""
    found = work_remark(method, work)
    return [] if found is None else [f"{label}: {found}"]


def state_remarks(work: LocalWork, numbers: int) -> list[str]:
    """What clients keep between rounds because of this work; numbers: of a model."""
    if work.momentum is not None:
        return [
            f"local_momentum = {work.momentum:g}: every client keeps momentum from round to round, "
            f"{numbers:,} numbers for each of its local solvers, so that no method is without "
            "state; nothing more is sent."
        ]
    if work.goes_on:
        return ["local work goes on over rounds: every client keeps a count of its steps."]
    return []
