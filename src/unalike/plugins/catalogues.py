"""The catalogues that things are registered in, each as one mapping from names to entries."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from unalike.data.skews.registry import KINDS
from unalike.data.sources import SOURCES
from unalike.data.splits import SPLITS
from unalike.methods import METHODS
from unalike.models import MODELS
from unalike.tasks import TASKS, Measure, Task


class OwnMeasures(MutableMapping[str, Measure]):
    """Measures of users, by TASK/NAME."""

    def __getitem__(self, key: str) -> Measure:
        task, _, name = key.partition("/")
        for measure in Task.own.get(task, ()):
            if measure.name == name:
                return measure
        raise KeyError(key)

    def __setitem__(self, key: str, measure: Measure) -> None:
        task = key.partition("/")[0]
        known = {one.name: one for one in Task.own.get(task, ())}
        Task.own[task] = tuple({**known, measure.name: measure}.values())

    def __delitem__(self, key: str) -> None:
        task, _, name = key.partition("/")
        Task.own[task] = tuple(one for one in Task.own.get(task, ()) if one.name != name)

    def __iter__(self) -> Iterator[str]:
        return (f"{task}/{one.name}" for task, own in Task.own.items() for one in own)

    def __len__(self) -> int:
        return sum(map(len, Task.own.values()))


CATALOGUES: dict[str, MutableMapping[str, Any]] = {
    "method": METHODS,
    "model": MODELS,
    "data": SOURCES,
    "split": SPLITS,
    "skew": KINDS,
    "measure": OwnMeasures(),
    "task": TASKS,
}
"""By kind."""

GROUPS: dict[str, str] = {
    "method": "unalike.methods",
    "model": "unalike.models",
    "data": "unalike.data",
    "split": "unalike.splits",
    "skew": "unalike.skews",
    "measure": "unalike.measures",
    "task": "unalike.tasks",
}
"""The entry points by which packages bring things of each kind."""

STANDARD = {kind: frozenset(catalogue) for kind, catalogue in CATALOGUES.items()}
"""The names that come with unalike."""
