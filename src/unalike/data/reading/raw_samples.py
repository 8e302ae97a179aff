"""Samples as they were brought, before anybody has said what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.cells import answers, numbers
from unalike.data.preprocessing.settings import PreprocessingSettings, check_scale
from unalike.data.preprocessing.table import Column, Table
from unalike.data.subjects import Subjects
from unalike.errors import InputError
from unalike.tasks import AUTO
from unalike.tasks.natural_order import in_order
from unalike.tasks.survival import Survival
from unalike.tasks.values import whole

from .array_inputs import samples_of
from .array_layout import channels_first
from .inputs import source_of
from .labels import Labels, read_column, read_rows
from .names import names_of
from .pictures import Size
from .roles import Source, column_of, filled, label_columns, labels_of
from .subject_column import subjects_of
from .times import as_times

TIME_AND_EVENT = "time and event"
"""What labels of these two columns are called."""


@dataclass(frozen=True, eq=False)
class RawSamples:
    """n samples with all that came with them; labels are what was written."""

    x: Table | npt.NDArray[Any]  # a table of raw columns, or numbers [n, ...]
    labels: Column | npt.NDArray[Any]  # one value a sample, or several [n, k]
    label: str = "y"  # what they are called in messages
    order: tuple[str, ...] = ()  # the names that whole numbers in them stand for
    implied: str = AUTO  # the task that follows from what columns there are
    client: npt.NDArray[np.str_] | None = None  # [n]
    time: npt.NDArray[Any] | None = None  # [n]
    group: npt.NDArray[np.int64] | None = None  # [n], places in `group_names`
    group_names: tuple[str, ...] = ()
    subjects: Subjects | None = None  # whose each is, where some share one
    settings: PreprocessingSettings = field(default_factory=PreprocessingSettings)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def tokens(self) -> tuple[int, ...]:
        """The shape of one sample of whole numbers; none of any other."""
        return () if isinstance(self.x, Table) or not whole(self.x) else self.x.shape[1:]

    def asked(self, task: str) -> Labels:
        """The labels under a task by name, or under the one that the rule finds.

        Raises:
            InputError: one sentence says what to change.
        """
        task = self.implied if task == AUTO else task
        if isinstance(self.labels, np.ndarray):
            return read_rows(self.labels, self.label, task, self.tokens)
        return read_column(self.labels, self.label, task, order=self.order)

    def of_client(self, name: str) -> RawSamples:
        """The samples of one client, by its name, without that column."""
        if self.client is None:
            return self
        rows = np.flatnonzero(self.client == name)
        return replace(
            self,
            x=self.x[rows],
            labels=self.labels[rows],
            client=None,
            time=None if self.time is None else self.time[rows],
            group=None if self.group is None else self.group[rows],
            subjects=None if self.subjects is None else self.subjects.of(rows),
        )


def read_raw(
    source: Any,
    *,
    label: Any = None,
    event: Any = None,
    client: Any = None,
    time: Any = None,
    group: Any = None,
    subject: Any = None,
    kinds: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    scale: str = "auto",
    resize: int | Size | None = None,
    layout: str = "",
    channels: str = "",
    decimal: str = "",
) -> RawSamples:
    """Samples with labels, clients and times, each found by its role; see `read`.

    Raises:
        InputError: one sentence says what to change.
    """
    if decimal not in ("", ",", "."):
        raise InputError(f'decimal must be "," or ".", not {decimal!r}.')
    settings = PreprocessingSettings(
        kinds=dict(kinds or {}), drop=tuple(drop), scale=check_scale(scale)
    )
    size = (resize, resize) if isinstance(resize, int) else resize
    roles = {
        "label": label,
        "event": event,
        "client": client,
        "time": time,
        "group": group,
        "subject": subject,
    }
    found, roles = source_of(
        source, roles, size, layout=layout, decimal=decimal, drop=settings.drop
    )
    x = found.x if isinstance(found.x, Table) else samples_of(found.x)
    labels, name, used = _labels(found, roles["label"], roles["event"])
    renounced = roles["client"] is None and "client" in settings.drop
    whose = None if renounced else column_of(found, "client", roles["client"])
    when = column_of(found, "time", roles["time"])
    cluster = column_of(found, "group", roles["group"])
    used += [column.name for column in (whose, when, cluster) if column is not None]
    known_subjects = subjects_of(found, roles["subject"], (*used, *settings.kinds))
    used += known_subjects.used
    notes = list(found.notes)
    names = times = groups = None
    group_names: tuple[str, ...] = ()
    if whose is not None:
        names, said = names_of(whose, whose.name)
        notes += said
    if when is not None:
        times, said = as_times(when)
        notes += said
    if cluster is not None:
        group_of, said = names_of(cluster, cluster.name)
        groups, group_names = in_order(group_of)
        notes += said
    if isinstance(x, Table):
        x = x.without([name for name in used if name in x.names])
        if not x.columns:
            raise InputError(
                "No feature is left: every column is a label, client, time, group or subject."
            )
        for column in (*settings.kinds, *settings.drop):
            x.column(column)
    else:
        _refuse_columns(settings)
        if found.channels != "first":
            x, said = channels_first(x, channels)
            notes += said
    if len(x) != len(labels):
        raise InputError(
            f"x and y must have the same length, but x has {len(x)} samples and y "
            f"{len(labels)} labels."
        )
    return RawSamples(
        x=x,
        labels=labels,
        label=name or "y",
        implied=AUTO if event is None else Survival.name,
        order=found.orders.get(name, ()) or found.order,
        client=names,
        time=times,
        group=groups,
        group_names=group_names,
        subjects=known_subjects.subjects,
        settings=settings,
        notes=tuple(notes),
    )


def _labels(
    found: Source, label: Any, event: Any
) -> tuple[Column | npt.NDArray[Any], str, list[str]]:
    """The labels, what they are called, and the columns that they come from."""
    values, name = labels_of(found, label)
    if event is None:
        return values, name, [name, *label_columns(found, label)]
    seen = column_of(found, "event", event)
    if seen is None or isinstance(values, np.ndarray):
        raise InputError(
            f"{name or 'y'} has several columns already, so an event beside it has no meaning: "
            "leave the event column out."
        )
    return _time_and_event(values, seen), TIME_AND_EVENT, [name, seen.name]


def _time_and_event(time: Column, event: Column) -> npt.NDArray[np.float64]:
    """Rows [n, 2] of times and of events that are 1 where they were seen."""
    times = filled(time, numbers(time), "number")
    seen = filled(event, answers(event), "yes or no, 1 or 0")
    if (times < 0).any():
        raise InputError(
            f"Column {time.name!r} holds the time {times.min():g} for sample {times.argmin()}: "
            "times are never below zero."
        )
    return np.stack([times.astype(np.float64), seen.astype(np.float64)], 1)


def _refuse_columns(settings: PreprocessingSettings) -> None:
    for name in (*settings.kinds, *settings.drop):
        raise InputError(
            f"x is an array, which has no column {name!r}: give a data frame or a table."
        )
