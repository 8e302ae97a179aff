"""The kind of a column, by rule, from what the clients tell of it; each with its reason."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from unalike.errors import InputError, unknown

from .column_plan import KINDS, ColumnPlan, Kind, dated, fits, left_out, planned, since_epoch
from .dates import Order, epoch_unit
from .evidence import ColumnEvidence

REPEATS = "its name and its many values tell people or things apart"
PARTED = "; rows of the same one can stand in training and in test without --subject-column {}"
ALIASES: dict[str, tuple[Kind, Order | None]] = {
    **{kind: (kind, None) for kind in KINDS},
    "yes-no": ("yes/no", None),
    "date-ymd": ("date", "ymd"),
    "date-dmy": ("date", "dmy"),
    "date-mdy": ("date", "mdy"),
}

MOSTLY = 0.9
"""From this share of different values on, a column tells samples apart rather than describes."""
FEW = 10
"""With fewer filled cells, different values alone are no sign of an identifier."""
SENTENCE = 4
"""Texts of this many words on average are free text."""
_ID_NAME = re.compile(
    r"(?:^|[\s_.-])(?:id|ids|uuid|guid|key|index|idx|mrn|barcode|rowid|row|nr|no|serial|unnamed.*)$"
    r"|^unnamed|^__index|(?<=[a-z])(?:ID|Id|Key|Index)$|(?:nummer|number)$",
)
_PERSON_NAME = re.compile(
    r"(?i:^(?:patient|subject|participant|person|proband)"
    r"[a-z]*[\s_.-]*(?:id|nr|no|num|nummer|number|code)$)"
    r"|(?i:^(?:case|fall|user|customer|member)[a-z]*[\s_.-]*(?:id|nr|nummer|code)$)"
)
_THING_NAME = re.compile(r"(?:^|[\s_.-])(?:id|uuid|guid|mrn)$|(?<=[a-z])I[dD]$")
_COUNTED_NAME = re.compile(
    r"(?i:^(?:case|fall|user|customer|member)[a-z]*[\s_.-]*(?:no|num|number)$)"
)
"""Of people that are numbered, or of how many there are."""
REPEATED = 0.1
"""From this share of different values on, a column named as an identifier of things is one."""
CHANCE = 7.0
"""Numbers drawn at random would all differ with a probability below exp(-CHANCE)."""
_TIME_NAME = re.compile(
    r"time|date|stamp|epoch|year|month|week|day|hour|minute|age|visit|cycle|step|^t$|taken|created"
    r"|_at$|since"
)


def names_subjects(name: str, *, person: bool = False) -> bool:
    """Whether a column of this name tells people or things apart; or people alone."""
    patterns = [_PERSON_NAME] if person else [_PERSON_NAME, _THING_NAME]
    return any(pattern.search(name) or pattern.search(name.lower()) for pattern in patterns)


def plan_columns(
    evidence: Sequence[ColumnEvidence], kinds: Mapping[str, str], drop: Sequence[str] = ()
) -> tuple[ColumnPlan, ...]:
    """The plan of every column, from what the clients together told.

    Raises:
        InputError: a column that can be read in two ways, or a kind that it cannot be.
    """
    names = [column.name for column in evidence]
    for name in (*kinds, *drop):
        if name not in names:
            raise unknown("column", name, names)
    plans = []
    for column in evidence:
        if column.name in drop:
            plans.append(left_out(column, "identifier", "you said so", chosen=True))
        elif column.name in kinds:
            plans.append(_chosen(column, kinds[column.name]))
        else:
            plans.append(_by_rule(column))
    if not any(plan.kept for plan in plans):
        said = "; ".join(f"{plan.name!r}: {plan.reason}" for plan in plans)
        raise InputError(f"No column is left to learn from ({said}).")
    return tuple(plans)


def _by_rule(column: ColumnEvidence) -> ColumnPlan:
    if not column.filled:
        return left_out(column, "category", "it holds nothing")
    if column.levels is not None and len(column.levels) == 1 and not column.empty:
        only = next(iter(column.levels))
        return left_out(column, "category", f"every training sample holds {only!r}")
    if column.answers == column.filled:
        return planned(column, "yes/no", "only yes and no, true and false, or 1 and 0")
    date = _date_by_rule(column)
    if date is not None:
        return date
    if column.numbers == column.filled and not column.codes:
        return _number_by_rule(column)
    if column.codes and column.whole == column.present:
        return _text_by_rule(column, "numbers with leading zeros are names")
    _refuse_half_numbers(column)
    return _text_by_rule(column, "")


def _date_by_rule(column: ColumnEvidence) -> ColumnPlan | None:
    full = [order for order, dates in column.dates.items() if dates.count == column.filled]
    if not full:
        return None
    if "ymd" in full:
        return dated(column, "ymd", "year, month and day")
    if len(full) > 1:
        raise InputError(
            f"The dates in column {column.name!r} can be read in two ways, since no day is above "
            f"12: say {column.name}=date-dmy if the day comes first, or {column.name}=date-mdy if "
            "the month does."
        )
    first = "day" if full[0] == "dmy" else "month"
    return dated(column, full[0], f"dates whose {first} comes first")


def _number_by_rule(column: ColumnEvidence) -> ColumnPlan:
    _refuse_infinite(column)
    whole = column.whole == column.numbers
    identifies = bool(_ID_NAME.search(column.name)) or bool(_ID_NAME.search(column.name.lower()))
    if whole and identifies and _mostly_different(column, 1):
        return left_out(
            column, "identifier", "its name and its many different numbers tell samples apart"
        )
    repeated = _repeated(column)
    if whole and repeated is not None:
        return repeated
    timed = bool(_TIME_NAME.search(column.name.lower()))
    if whole and column.low is not None and column.high is not None:
        unit = epoch_unit(int(column.low), int(column.high))
        if unit is not None and (unit != "s" or timed):
            return since_epoch(column, unit)
        if column.increasing and not timed and _counts_rows(column):
            return left_out(column, "identifier", "it counts the rows, as a saved row index does")
        if not timed and _numbers_rows(column):
            return left_out(
                column, "identifier", "its whole numbers all differ and fill a range, as ids do"
            )
    if column.inexact and not fits(column):
        raise InputError(
            f"Column {column.name!r} holds whole numbers beyond 2^53 with {column.inexact} that "
            f"would lose digits as numbers: say {column.name}=category if they are names, or drop "
            "it."
        )
    return planned(column, "number", "whole numbers" if whole else "numbers")


def _refuse_infinite(column: ColumnEvidence) -> None:
    if column.infinite:
        raise InputError(
            f"Column {column.name!r} holds infinite or too large numbers in {column.infinite} of "
            f"{column.rows} training samples: mend them, empty them, or drop the column."
        )
    if column.low is not None and column.high is not None:
        spread = float(column.high) / 2 - float(column.low) / 2
        if spread > sys.float_info.max / 2:
            raise InputError(
                f"Column {column.name!r} reaches from {column.low:g} to {column.high:g}, too far "
                "for any scale: mend these numbers, or drop the column."
            )


def _counts_rows(column: ColumnEvidence) -> bool:
    """Whether rising whole numbers start near 0 and leave few out, at ten samples or more."""
    low, high = int(column.low or 0), int(column.high or 0)
    return column.rows >= FEW and 0 <= low <= column.rows and high - low < 3 * column.rows


def _numbers_rows(column: ColumnEvidence) -> bool:
    """Whether whole numbers all differ that lie so near that quantities would come back."""
    span = int(column.high or 0) - int(column.low or 0) + 1
    differ = column.least_distinct == column.numbers <= span < 3 * column.rows
    return differ and column.numbers**2 > 2 * CHANCE * span


def _repeated(column: ColumnEvidence) -> ColumnPlan | None:
    """A column left out that is named as an identifier of which one comes back in several rows."""
    counted = bool(_COUNTED_NAME.search(column.name))
    if not counted and not names_subjects(column.name):
        return None
    least = FEW if names_subjects(column.name, person=True) else max(FEW, REPEATED * column.present)
    if column.least_distinct <= least:
        return None
    parted = PARTED.format(column.name) if counted else ""
    return left_out(column, "identifier", REPEATS + parted)


def _text_by_rule(column: ColumnEvidence, why: str) -> ColumnPlan:
    words = column.words / column.present
    if words >= SENTENCE and column.least_distinct > FEW:
        return planned(column, "text", f"{words:.0f} words a cell on average")
    identifies = bool(_ID_NAME.search(column.name)) or bool(_ID_NAME.search(column.name.lower()))
    if _mostly_different(column, 2 if identifies else FEW):
        return left_out(
            column,
            "identifier",
            f"{why}, nearly all different"
            if why
            else "texts that are nearly all different tell samples apart",
        )
    repeated = _repeated(column)
    if repeated is not None:
        return repeated
    if column.levels is None:
        return planned(column, "category", why or "texts that come back, many different ones")
    return planned(column, "category", why or f"{len(column.levels)} different texts")


def _mostly_different(column: ColumnEvidence, at_least: int) -> bool:
    return column.present >= at_least and column.least_distinct >= MOSTLY * column.present


def _refuse_half_numbers(column: ColumnEvidence) -> None:
    """Columns that are nearly numbers: neither reading is taken in silence."""
    others = column.filled - column.numbers
    if column.units and column.units + column.numbers == column.filled:
        with_what = f", such as {column.example!r}" if column.example else ""
        raise InputError(
            f"Column {column.name!r} holds numbers with something beside them{with_what} "
            f"(a unit, a currency, a bound) in {column.units} training samples: leave the number "
            f"alone there, or say {column.name}=category, or drop it."
        )
    if 2 * column.numbers >= column.filled and others:
        shown = f" such as {column.example!r}" if column.example else ""
        raise InputError(
            f"Column {column.name!r} holds numbers in {column.numbers} training samples and "
            f"something else{shown} in {others}: say {column.name}=number to count those as "
            f"missing, or {column.name}=category."
        )


def _chosen(column: ColumnEvidence, wish: str) -> ColumnPlan:
    if wish not in ALIASES:
        raise unknown(f"kind of column {column.name!r}", wish, ALIASES)
    kind, order = ALIASES[wish]
    reason = "you said so"
    if kind == "identifier":
        return left_out(column, kind, reason, chosen=True)
    if not column.present:
        raise InputError(f"Column {column.name!r} cannot be {wish}: it holds nothing.")
    if kind == "date":
        return _chosen_date(column, order)
    if kind == "number":
        _refuse_infinite(column)
        if column.low is None:
            raise InputError(f"Column {column.name!r} cannot be a number: it holds none.")
    if kind == "yes/no" and not column.answers:
        raise InputError(
            f"Column {column.name!r} cannot be yes/no: it holds no yes, no, true, false, 1 or 0; "
            f"say {column.name}=category."
        )
    return planned(column, kind, reason, chosen=True)


def _chosen_date(column: ColumnEvidence, order: Order | None) -> ColumnPlan:
    if order is None:
        by_rule = _date_by_rule(column)
        if by_rule is not None:
            return by_rule.model_copy(update={"reason": "you said so", "chosen": True})
        if column.low is not None and column.whole == column.filled and column.high is not None:
            unit = epoch_unit(int(column.low), int(column.high))
            if unit is not None:
                return since_epoch(column, unit, chosen=True)
        by_count = sorted(column.dates, key=lambda name: column.dates[name].count)
        order = by_count[-1] if by_count else None
    if order is None or order not in column.dates:
        raise InputError(f"Column {column.name!r} cannot be a date: it holds none that is known.")
    return dated(column, order, "you said so", chosen=True)
