"""How a table becomes numbers, once it is fitted: a value that travels with a model."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from unalike.errors import InputError, unknown

from .column_plan import ColumnPlan
from .dates import span
from .encoders import CategoryEncoder, Encoder, NumberEncoder
from .settings import Scale
from .table import Table


class ColumnRow(NamedTuple):
    """One row of the table of columns."""

    column: str
    kind: str
    reason: str
    missing: str
    becomes: str


class TablePreprocessing(BaseModel):
    """What was fitted, column by column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Literal["table"] = "table"
    plan: tuple[ColumnPlan, ...]
    encoders: tuple[Encoder, ...]
    scale: Scale

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the numbers that come out: [d]."""
        return tuple(name for encoder in self.encoders for name in encoder.feature_names)

    def transform(self, table: Table) -> npt.NDArray[np.float32]:
        """Rows [n] as numbers [n, d]; columns that were not there when it was fitted are ignored.

        Raises:
            InputError: a column is missing, or a cell is of another kind than those fitted on.
        """
        parts = []
        for encoder in self.encoders:
            if encoder.name not in table.names:
                error = unknown("column", encoder.name, table.names)
                raise InputError(f"These samples have no column {encoder.name!r}. {error}")
            parts.append(encoder.transform(table.column(encoder.name)))
        return np.concatenate(parts, axis=1)

    __call__ = transform

    def to_dict(self) -> dict[str, Any]:
        """As plain values that JSON holds without loss."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> TablePreprocessing:
        """What `to_dict` gave."""
        return cls.model_validate(plain)

    def columns(self) -> list[ColumnRow]:
        """The table of columns: kind, reason, missing, and what becomes of each."""
        fitted = {encoder.name: encoder for encoder in self.encoders}
        return [
            ColumnRow(
                plan.name,
                plan.kind,
                plan.reason,
                f"{plan.missing} of {plan.rows}" if plan.missing else "",
                _becomes(plan, fitted.get(plan.name), self.scale),
            )
            for plan in self.plan
        ]

    def sentences(self) -> list[str]:
        """What a reader must know: what was left out, changed, guessed or lost."""
        said = [
            f"Column {plan.name!r} is left out: {plan.reason}"
            + ("." if plan.chosen else f" ({plan.name}=number or =category keeps it).")
            for plan in self.plan
            if not plan.kept
        ]
        for plan, encoder in self._kept():
            if isinstance(encoder, NumberEncoder):
                said += _said_of_numbers(plan, encoder)
            if plan.kind == "text":
                said.append(
                    f"Column {plan.name!r} holds free text: its words were learned from the texts "
                    "themselves, which a federation over a network cannot do."
                )
            if plan.names_clients:
                said.append(
                    f"Column {plan.name!r} has one value within each client: it can tell a model "
                    f"which client a sample is from; drop={plan.name!r} leaves it out."
                )
            if plan.odd:
                said.append(
                    f"{plan.odd} cells of column {plan.name!r} are no {plan.kind} and count as "
                    "missing."
                )
        if self.scale == "none" and any(plan.kind == "number" for plan, _ in self._kept()):
            said.append("Numbers are not scaled (scale = none).")
        return said

    def range_sentences(self, table: Table) -> list[str]:
        """Which numbers and dates lie outside of the training range by more than its width."""
        said = []
        for plan, encoder in self._kept():
            if not isinstance(encoder, NumberEncoder):
                continue
            found = encoder.read(table.column(plan.name))
            held = found.values[~found.missing].astype(np.float64)
            width = float(plan.high) - float(plan.low)
            far = int(np.count_nonzero((held < plan.low - width) | (held > plan.high + width)))
            if far:
                here, seen = _range(held.min(), held.max(), plan), _range(plan.low, plan.high, plan)
                said.append(
                    f"Column {plan.name!r} runs {here} here, but {seen} in training ({far} of "
                    f"{len(held)} cells lie far outside): check its unit."
                )
        return said

    def _kept(self) -> list[tuple[ColumnPlan, Encoder]]:
        return list(zip((p for p in self.plan if p.kept), self.encoders, strict=True))


def _becomes(plan: ColumnPlan, encoder: Encoder | None, scale: Scale) -> str:
    if encoder is None:
        return "left out"
    if isinstance(encoder, CategoryEncoder):
        others = ", rare ones together" if encoder.others else ""
        missing = ", empty ones apart" if encoder.missing else ""
        return f"{len(encoder.feature_names)} columns, one-hot{others}{missing}"
    if plan.kind == "text":
        return f"{len(encoder.feature_names)} TF-IDF components (not from sums: simulation only)"
    with_indicator = ", missing ones imputed, with an indicator" if _imputed(encoder) else ""
    if not isinstance(encoder, NumberEncoder):
        return f"1 or 0{with_indicator}"
    scaled = {"none": "as it is", "robust": "minus median, over quartile range"}.get(
        scale, "minus mean, over standard deviation"
    )
    if plan.unit is not None:
        first, last = span(plan.low, plan.high, plan.unit)
        scaled = "days from the mean" if scale == "none" else f"time, {scaled}"
        return f"{scaled} ({first} to {last}){with_indicator}"
    return scaled + with_indicator


def _range(low: float, high: float, plan: ColumnPlan) -> str:
    if plan.unit is not None and plan.order != "epoch":
        first, last = span(low, high, plan.unit)
        return f"from {first} to {last}"
    return f"from {low:g} to {high:g}"


def _imputed(encoder: Encoder) -> bool:
    return not isinstance(encoder, CategoryEncoder) and len(encoder.feature_names) == 2


def _said_of_numbers(plan: ColumnPlan, encoder: NumberEncoder) -> list[str]:
    said = []
    if plan.unit is not None:
        first, last = span(plan.low, plan.high, plan.unit)
        said.append(
            f"Column {plan.name!r} is a date ({plan.reason}), from {first} to {last}: it becomes "
            "one number."
        )
    apart = _told_apart(plan, encoder)
    if apart > 1:
        what = f"{apart:,.0f} {plan.unit}" if plan.unit else f"{apart:,.0f}"
        said.append(
            f"Column {plan.name!r} spans so much that values nearer than {what} become equal in "
            "single precision."
        )
    return said


def _told_apart(plan: ColumnPlan, encoder: NumberEncoder) -> float:
    """How far two whole values at the far end must lie apart to stay two in float32."""
    if not plan.whole or encoder.raw or plan.days:
        return 0.0
    farthest = max(encoder.offset, float(plan.high - plan.low) - encoder.offset) / encoder.scale
    return float(np.spacing(np.float32(farthest))) * encoder.scale
