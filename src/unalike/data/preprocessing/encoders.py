"""One encoder a kind of column: what was fitted, and how it turns a column into numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from unalike.data.sources.text import TextComponents
from unalike.errors import InputError

from .cells import Numbers, answers, numbers, texts
from .dates import Order, Unit, since_1970
from .exact_sums import Grid
from .table import Column

Features = npt.NDArray[np.float32]


class _Encoder(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str


class NumberEncoder(_Encoder):
    """A number or date: (value - low - offset) / scale, in double precision until the end."""

    kind: Literal["number", "date"]
    low: int | float
    offset: float  # 0 above low: of the mean or median
    scale: float
    raw: bool = False  # the number itself, as float32
    fill: float  # for a missing one, after scaling
    indicator: bool  # a second column says where it was missing
    whole: bool
    order: Order | None = None
    unit: Unit | None = None
    odd_is_missing: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns that come out."""
        return (self.name, f"{self.name} missing") if self.indicator else (self.name,)

    def read(self, column: Column) -> Numbers:
        """The cells of a column [n], dates in their unit."""
        if self.order is not None and self.unit is not None:
            return since_1970(column, self.order, self.unit)
        return numbers(column)

    def transform(self, column: Column) -> Features:
        """A column [n] as numbers [n, 1 or 2]."""
        found = self.read(column)
        _refuse_odd(column, found, self.kind, allowed=self.odd_is_missing)
        if not np.isfinite(found.values).all():
            raise InputError(f"Column {self.name!r} holds infinite numbers: mend or empty them.")
        values = self._scaled(found.values)
        return _filled(values, found.missing, self.fill, indicator=self.indicator)

    def _scaled(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        if self.raw:
            return values.astype(np.float64)
        if values.dtype.kind == "i" and isinstance(self.low, int):
            away = Grid(self.low, 0, True).away(values).view(np.int64).astype(np.float64)
        else:
            away = values.astype(np.float64) - self.low
        return (away - self.offset) / self.scale


class AnswerEncoder(_Encoder):
    """Yes and no as 1 and 0."""

    kind: Literal["yes/no"] = "yes/no"
    fill: float  # the share of yes among the training samples
    indicator: bool
    odd_is_missing: bool = False

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns that come out."""
        return (self.name, f"{self.name} missing") if self.indicator else (self.name,)

    def transform(self, column: Column) -> Features:
        """A column [n] as numbers [n, 1 or 2]."""
        found = answers(column)
        _refuse_odd(column, found, self.kind, allowed=self.odd_is_missing)
        return _filled(
            found.values.astype(np.float64), found.missing, self.fill, indicator=self.indicator
        )


class CategoryEncoder(_Encoder):
    """One-hot: a column a frequent value, one for all rare ones, one for empty cells."""

    kind: Literal["category"] = "category"
    levels: tuple[str, ...]
    others: bool  # whether rare values, and with them values never seen, have a column
    missing: bool  # whether empty cells have a column

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns that come out."""
        others = (f"{self.name}: others",) if self.others else ()
        missing = (f"{self.name} missing",) if self.missing else ()
        return (*(f"{self.name}={level}" for level in self.levels), *others, *missing)

    def transform(self, column: Column) -> Features:
        """A column [n] as zeros and ones [n, columns]; a value without a column is all zeros."""
        cells = texts(column)
        place = {level: i for i, level in enumerate(self.levels)}
        nowhere = len(self.feature_names)
        elsewhere = len(self.levels) if self.others else nowhere
        empty = len(self.levels) + self.others if self.missing else elsewhere
        places = [place.get(text, elsewhere) for text in cells.different]
        hot = np.array([*places, empty], np.int64)[cells.codes]
        table = np.zeros((len(column), nowhere + 1), np.float32)
        table[np.arange(len(column)), hot] = 1
        return table[:, :nowhere]


class TextEncoder(_Encoder):
    """Free text as TF-IDF components."""

    kind: Literal["text"] = "text"
    fitted: dict[str, Any]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns that come out."""
        return tuple(f"{self.name} component {i + 1}" for i in range(self._components().width))

    def _components(self) -> TextComponents:
        return TextComponents.from_dict(self.fitted)

    def transform(self, column: Column) -> Features:
        """A column [n] as numbers [n, components]."""
        return self._components()(plain_texts(column))


Encoder = Annotated[
    NumberEncoder | AnswerEncoder | CategoryEncoder | TextEncoder, Field(discriminator="kind")
]


def plain_texts(column: Column) -> npt.NDArray[Any]:
    """The cells as text [n], "" where there is none."""
    cells = texts(column)
    return np.array([*cells.different, ""], dtype=object)[cells.codes].astype(str)


def _filled(
    values: npt.NDArray[np.float64], missing: npt.NDArray[np.bool_], fill: float, *, indicator: bool
) -> Features:
    number = np.where(missing, fill, values)
    columns = [number, missing] if indicator else [number]
    return np.stack(columns, axis=1).astype(np.float32)


def _refuse_odd(column: Column, found: Numbers, kind: str, *, allowed: bool) -> None:
    if allowed or not found.odd.any():
        return
    first = int(found.odd.argmax())
    raise InputError(
        f"Column {column.name!r} holds {str(column.values[first])!r}, while it is a {kind} "
        f"column in all training samples ({np.count_nonzero(found.odd)} such cells): mend or empty "
        f"these cells, or train with --column {column.name}={kind}, which counts them as missing."
    )
