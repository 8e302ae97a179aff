"""Every task by name, and measures of users beside the standard ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unalike.errors import InputError, unknown

from .binary import Binary
from .classes import Classes
from .counts import Counts
from .labels import Labels
from .measure import NUMBER, Measure, Unit
from .regression import Regression
from .sequence import Sequence
from .survival import Survival
from .task import Task

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (Classes, Binary, Labels, Counts, Regression, Survival, Sequence)
}

AUTO = "auto"


def task_named(name: str) -> type[Task]:
    """A task by name.

    Raises:
        InputError: there is none; the nearest name is given.
    """
    if name not in TASKS:
        raise unknown("task", name, [*TASKS, AUTO])
    return TASKS[name]


def register_measure(
    task: str,
    name: str,
    how: Callable[[Any, Any], float],
    *,
    higher_is_better: bool,
    title: str | None = None,
    unit: Unit = NUMBER,
    bounds: tuple[float, float] = (float("-inf"), float("inf")),
) -> Measure:
    """A measure of one's own for a task, beside the standard ones.

    how: (output [n, ...], truth [n, ...]) -> number, of one group of samples; NaN where it has no
        value there. Groups that are added up have the mean over their samples.

    Raises:
        InputError: an unknown task, or a name that is taken.
    """
    measure = own_measure(
        task, name, how, higher_is_better=higher_is_better, title=title, unit=unit, bounds=bounds
    )
    if name in (known.name for known in Task.own.get(task, ())):
        raise _taken(task, name)
    Task.own[task] = (*Task.own.get(task, ()), measure)
    return measure


def own_measure(
    task: str,
    name: str,
    how: Callable[[Any, Any], float],
    *,
    higher_is_better: bool,
    title: str | None = None,
    unit: Unit = NUMBER,
    bounds: tuple[float, float] = (float("-inf"), float("inf")),
) -> Measure:
    """The measure that `register_measure` registers.

    Raises:
        InputError: an unknown task, or the name of a standard measure.
    """
    standard = (measure.name for measure in task_named(task).standard_measures)
    if name in (*standard, "loss"):
        raise _taken(task, name)
    return Measure(
        name,
        title or name.replace("_", " "),
        higher_is_better,
        how,
        unit,
        bounds,
        "the mean over samples of each group's own value",
        meaning="A measure of the user's own.",
        of_samples=True,
    )


def _taken(task: str, name: str) -> InputError:
    return InputError(f"The task {task!r} has a measure {name!r} already: choose another name.")
