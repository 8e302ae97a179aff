"""What the samples of all sites have in common, and which site's do not fit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping

from unalike.data.preprocessing.settings import PreprocessingSettings, check_scale
from unalike.data.reading.label_evidence import LONGEST_NAME, misfit, odd_ones, question
from unalike.errors import InputError, unknown
from unalike.network.protocol.preparation import SampleDescription
from unalike.study.roster import SampleFormat
from unalike.study.settings import Study
from unalike.tasks import AUTO

MOST_COLUMNS = 100_000
"""That a table may have."""
MOST_NUMBERS = 10_000_000
"""That one sample of an array may hold."""


def common_format(
    described: Mapping[int, SampleDescription], study: Study, samples: int
) -> tuple[SampleFormat, dict[int, str]]:
    """What most sites' samples are like, with all classes, and place -> why it does not fit.

    samples: how many all sites hold, 0 where they do not tell.

    Raises:
        InputError: the labels of all sites together ask nothing; one sentence says why.
    """
    reasons: dict[int, str] = {}
    left = dict(described)

    def leave_out(why: Mapping[int, str]) -> None:
        reasons.update(why)
        for place in why:
            del left[place]

    leave_out({i: why for i, one in left.items() if (why := _beyond_bounds(one)) is not None})
    leave_out(_unlike(left, _form, _form_text))
    leave_out(_unlike(left, lambda one: frozenset(one.columns), _columns_text))
    leave_out({i: f"{why}." for i, why in odd_ones({i: d.labels for i, d in left.items()}).items()})
    task = study.task
    if task == AUTO:
        leave_out(_unlike(left, lambda one: one.task, _said_text("--task"), unsaid=AUTO))
        task = next((one.task for one in left.values() if one.task != AUTO), AUTO)
    scale = study.scale
    leave_out(_unlike(left, lambda one: one.scale, _said_text("--scale"), unsaid=AUTO, study=scale))
    kinds = dict(study.columns)
    for name in sorted({name for one in left.values() for name in one.kinds}):

        def kind(one: SampleDescription, name: str = name) -> str:
            return one.kinds.get(name, "")

        said = _said_text(f"--column {name}")
        leave_out(_unlike(left, kind, said, unsaid="", study=kinds.get(name, "")))
        kinds.setdefault(name, next((k for one in left.values() if (k := kind(one))), ""))
    if not left:
        raise InputError(f"No site's samples can be used: {next(iter(reasons.values()))}")
    if scale == AUTO:
        scale = check_scale(next((o.scale for o in left.values() if o.scale != AUTO), AUTO))
    asked = question([one.labels for one in left.values()], task, study.classes, samples)
    asked = asked if study.positive is None else asked.with_positive(study.positive)
    first = next(iter(left.values()))
    for name in (*study.columns, *study.drop):
        if name not in first.columns:
            raise unknown("column", name, first.columns)
    found = SampleFormat(
        shape=first.shape,
        classes=asked.outputs[-1],
        task=asked.name,
        columns=first.columns,
        y_shape=tuple(asked.no_truth().shape[1:]),
        class_names=asked.class_names,
        settings=PreprocessingSettings(
            kinds={name: kind for name, kind in kinds.items() if kind},
            drop=study.drop,
            scale=scale,
        ),
    )
    leave_out({i: why for i, one in left.items() if (why := unlike_the_others(one, found))})
    return found, reasons


def unlike_the_others(samples: SampleDescription, common: SampleFormat) -> str | None:
    """Why these samples cannot be put beside the others': a sentence; None where they can."""
    if why := _beyond_bounds(samples):
        return why
    usual = SampleDescription(columns=common.columns, shape=common.shape, labels=samples.labels)
    if _form(samples) != _form(usual):
        return _form_text(samples, usual)
    if set(samples.columns) != set(common.columns):
        return _columns_text(samples, usual)
    why = misfit(samples.labels, common.question)
    return None if why is None else f"This site's {why}."


def _beyond_bounds(one: SampleDescription) -> str | None:
    if len(one.columns) > MOST_COLUMNS or math.prod(one.shape) > MOST_NUMBERS:
        return (
            f"This site's samples are too large: at most {MOST_COLUMNS:,} columns, or "
            f"{MOST_NUMBERS:,} numbers a sample, are taken."
        )
    if len(set(one.columns)) < len(one.columns):
        return "Two columns of this site have one name."
    if any(len(name) > LONGEST_NAME for name in one.columns):
        return f"A column of this site has a name of more than {LONGEST_NAME} letters."
    return None


def _unlike(
    described: Mapping[int, SampleDescription],
    what: Callable[[SampleDescription], Hashable],
    text: Callable[[SampleDescription, SampleDescription], str],
    *,
    unsaid: Hashable = None,
    study: Hashable = None,
) -> dict[int, str]:
    """Who says something else than the study, or than most: place -> why.

    unsaid: what fits everybody. study: what the study says, where it is not that.
    """
    said = {place: what(one) for place, one in described.items() if what(one) != unsaid}
    if not said:
        return {}
    usual = study if study not in (None, unsaid) else Counter(said.values()).most_common(1)[0][0]
    like = next((one for one in described.values() if what(one) == usual), None)
    return {
        place: text(described[place], like or described[place])
        for place, value in said.items()
        if value != usual
    }


def _form(one: SampleDescription) -> Hashable:
    return bool(one.columns), one.shape


def _form_text(one: SampleDescription, usual: SampleDescription) -> str:
    return f"This site brings {_called(one)}, but the others {_called(usual)}."


def _called(one: SampleDescription) -> str:
    return "a table" if one.columns else f"arrays, samples of shape {list(one.shape)}"


def _columns_text(one: SampleDescription, usual: SampleDescription) -> str:
    lacking = [name for name in usual.columns if name not in one.columns]
    if lacking:
        return f"This site's table lacks the column {lacking[0]!r}, which the others have."
    extra = next(name for name in one.columns if name not in usual.columns)
    return (
        f"This site's table has a column {extra!r}, which the others have not: leave it out, as "
        f"with --drop {extra}."
    )


def _said_text(option: str) -> Callable[[SampleDescription, SampleDescription], str]:
    def text(one: SampleDescription, usual: SampleDescription) -> str:
        return f"This site was joined with another {option} than the study or the other sites have."

    return text
