"""Whether a study's local work suits a method, and the method that does it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from unalike.errors import InputError

from .local_work import LocalWork
from .method import Method
from .schedules import Constant


def with_momentum(method: Method, work: LocalWork) -> Method:
    """The method with the momentum of this work in place of plain local steps; else as it is."""
    if work.momentum is None or _unsuited(method, "local_momentum", work) is not None:
        return method
    named: Any = method
    return replace(named, solver=_momentum(work))


def check_local_work(method: Method, work: LocalWork) -> None:
    """Whether the method can do this work.

    Raises:
        InputError: it cannot; one sentence says why.
    """
    asked = {
        "lr_schedule": not isinstance(work.schedule, Constant),
        "local_momentum": work.momentum is not None,
        "slow_clients": work.slow > 0,
    }
    for setting, wanted in asked.items():
        reason = _unsuited(method, setting, work) if wanted else None
        if reason is not None:
            raise InputError(
                f"{setting} does not suit {method.name}: {reason}; leave one of the two out."
            )


def work_remark(method: Method, work: LocalWork) -> str | None:
    """What a reader must know of how this method takes the study's local work."""
    if work.goes_on and (own := method.own_work()) is not None:
        return f"its work is {own}, whatever the study's local work is."
    return None


def _unsuited(method: Method, setting: str, work: LocalWork) -> str | None:
    reason = method.unsuited().get(setting)
    if reason is not None:
        return reason
    known = {field.name for field in fields(method)}
    if setting == "slow_clients" and (own := method.own_work()) is not None:
        return f"its work is {own}, of which no part can be done"
    rates = set(method.learning_rates)
    if setting == "lr_schedule" and not (rates and rates <= known):
        return "it names no step sizes of its clients (learning_rates)"
    if setting == "local_momentum":
        if "solver" not in known:
            return "it has no setting for its local solver (solver)"
        named: Any = method
        solver = named.solver
        if solver not in ("sgd", _momentum(work)):
            return f"it has solver = {solver!r} of its own"
    return None


def _momentum(work: LocalWork) -> str:
    return f"momentum:{work.momentum!r}"
