"""What clients tell of their labels, until it is clear what is asked of everybody's samples.

A client holds some of the classes, and nobody holds all samples. So each tells the names of its
classes, or that its labels are quantities; the question is then the one that follows from all
labels in one place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from unalike.errors import InputError
from unalike.tasks import (
    AUTO,
    ColumnFacts,
    RowFacts,
    Task,
    row_facts,
    task_named,
    task_of_column,
    task_of_rows,
)
from unalike.tasks.natural_order import in_natural_order
from unalike.tasks.values import values_of

from .label_checks import refuse_half_numbers
from .labels import check_different, class_names_of, numbers_of, typed
from .raw_samples import RawSamples

MOST_CLASSES = 10_000
"""Classes, labels or tokens that a federation takes."""
LONGEST_NAME = 200
"""Letters of a class's name, or of a column's."""
SHOWN = 5


class LabelEvidence(BaseModel):
    """What one client tells of its labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field(max_length=LONGEST_NAME)  # what they are called
    rows: RowFacts | None = None  # of several values a sample
    outputs: NonNegativeInt = 1  # of several values a sample: labels, targets or tokens
    names: tuple[str, ...] = ()  # the classes held; none of quantities, nor where all know them
    numbers: bool = False  # all are numbers
    parted: bool = False  # some of them are not whole
    typed: bool = False  # whole numbers by type, the usual way to write classes


def evidence_of_labels(
    raw: RawSamples, task: str, classes: Sequence[str] | None = None
) -> LabelEvidence:
    """What a client tells of its labels under a task by name, or under "auto".

    classes: their names in everybody's order, where somebody has said them; then none is told.

    Raises:
        InputError: labels that do not suit the task, or classes that a federation does not take.
    """
    what = raw.label
    if isinstance(raw.labels, np.ndarray):
        facts = row_facts(values_of(raw.labels, what), raw.tokens)
        outputs = raw.asked(task).task.outputs[-1]
        return LabelEvidence(label=what, rows=facts, outputs=outputs, numbers=True)
    numbers = numbers_of(raw.labels)
    if task == AUTO and numbers is None and not raw.order and classes is None:
        refuse_half_numbers(raw.labels, what)
    parted = numbers is not None and bool((numbers != np.floor(numbers)).any())
    if not _classes_asked(task, parted):
        raw.asked(task)
        return LabelEvidence(label=what, numbers=True, parted=parted)
    held = in_natural_order(dict.fromkeys(class_names_of(raw.labels, what)[0].tolist()))
    strange = [name for name in held if classes is not None and name not in classes]
    if strange:
        raise InputError(
            f"This site holds the class {strange[0]!r}, but the study's classes are "
            f"{_listed(classes or ())}."
        )
    evidence = LabelEvidence(
        label=what,
        names=tuple(held) if classes is None else (),
        numbers=numbers is not None,
        typed=typed(raw.labels),
    )
    if why := beyond_bounds(evidence):
        raise InputError(f"This site's labels cannot be used: {why}.")
    return evidence


def _classes_asked(task: str, parted: bool) -> bool:
    return not parted if task == AUTO else task_named(task).holds_classes


def beyond_bounds(evidence: LabelEvidence) -> str | None:
    """Why what a client tells is not even looked at: half a sentence; None where it is."""
    count = max(len(evidence.names), evidence.outputs)
    if count > MOST_CLASSES:
        return f"{evidence.label} has {count:,} classes, and at most {MOST_CLASSES:,} are taken"
    if any(len(name) > LONGEST_NAME for name in evidence.names):
        return f"{evidence.label} has a class whose name is longer than {LONGEST_NAME} letters"
    return None


def question(
    told: Sequence[LabelEvidence], task: str, classes: Sequence[str] | None, samples: int
) -> Task:
    """What is asked of the samples of all clients that have told this.

    task: by name, or "auto". classes: their names, where somebody has said them. samples: how many
    there are in all, 0 where nobody knows.

    Raises:
        InputError: one sentence says what to change.
    """
    what = told[0].label
    rows = [one.rows for one in told if one.rows is not None]
    if rows:
        outputs = max(one.outputs for one in told)
        kind = task_of_rows(RowFacts.together(rows), what)[0] if task == AUTO else task
        named = tuple(classes or ())
        return task_named(kind).of(
            outputs, (rows[0].columns,), named if len(named) == outputs else ()
        )
    names = list(classes or in_natural_order({name for one in told for name in one.names}))
    numbers = all(one.numbers for one in told)
    parted = numbers and any(one.parted for one in told)
    chosen = task != AUTO
    if not chosen:
        as_numbers = numbers and (parted or classes is None)
        facts = ColumnFacts(samples, tuple(names), as_numbers, whole=not parted)
        task = task_of_column(facts, what)[0]
    if not task_named(task).holds_classes:
        return task_named(task).of(1)
    if classes is None:
        check_different(names, what, samples=samples, chosen=chosen)
        if len(names) > MOST_CLASSES:
            raise InputError(
                f"All sites together have {len(names):,} classes in {what}, and at most "
                f"{MOST_CLASSES:,} are taken."
            )
    return task_named(task).of(len(names), (), tuple(names))


def odd_ones(told: Mapping[int, LabelEvidence]) -> dict[int, str]:
    """Who has labels of another form than most: client -> why, half a sentence."""
    reasons = {who: why for who, one in told.items() if (why := beyond_bounds(one)) is not None}
    forms = {
        who: None if one.rows is None else one.rows.columns
        for who, one in told.items()
        if who not in reasons
    }
    usual = Counter(forms.values()).most_common(1)[0][0] if forms else None
    for who, columns in forms.items():
        if columns != usual:
            reasons[who] = f"{_values(columns)} a sample, unlike the others' {_values(usual)}"
    fitting = {who: one for who, one in told.items() if who not in reasons}
    if not all(one.numbers for one in fitting.values()):
        for who, one in fitting.items():
            if one.parted:
                reasons[who] = f"{one.label} holds quantities, but other sites' labels are classes"
    return reasons


def misfit(told: LabelEvidence, asked: Task) -> str | None:
    """Why a client's labels are no answers to what is asked: None where they are."""
    if why := beyond_bounds(told):
        return why
    if told.rows is not None:
        if told.outputs > asked.outputs[-1]:
            return f"{told.label} has {told.outputs} outputs, but the study {asked.outputs[-1]}"
        return None
    if not asked.holds_classes:
        return None if told.numbers else f"{told.label} holds classes, but quantities are asked for"
    if told.parted:
        return f"{told.label} holds quantities, but classes are asked for"
    strange = [name for name in told.names if name not in asked.class_names]
    if strange:
        return (
            f"{told.label} holds the class {strange[0]!r}, but the study's classes are "
            f"{_listed(asked.class_names)}"
        )
    return None


def answers_of(raw: RawSamples, asked: Task) -> npt.NDArray[Any]:
    """A client's labels as the task that is asked of everybody has them: [n, ...].

    Raises:
        InputError: labels that are no answers.
    """
    if isinstance(raw.labels, np.ndarray) or not asked.holds_classes:
        return asked.scaled(raw.asked(asked.name).y)
    names = class_names_of(raw.labels, raw.label)[0]
    place = {name: i for i, name in enumerate(asked.class_names)}
    for name in dict.fromkeys(names.tolist()):
        if name not in place:
            raise InputError(
                f"This site holds the class {name!r}, but the study's classes are "
                f"{_listed(asked.class_names)}."
            )
    return np.array([place[name] for name in names.tolist()], np.int64)


def _values(columns: int | None) -> str:
    return "one label" if columns is None else f"{columns} values"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:SHOWN]))
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
