"""Data frames as tables: pandas, and anything that speaks Arrow or the interchange protocol."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unalike.data.preprocessing.table import Column, Table
from unalike.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def is_frame(value: Any) -> bool:
    """Whether this is a data frame of any library."""
    kind = type(value)
    if hasattr(kind, "__dataframe__") or hasattr(kind, "collect_schema"):
        return True
    named = hasattr(kind, "columns") or hasattr(kind, "column_names")
    return named and hasattr(kind, "__arrow_c_stream__")


def as_pandas(value: Any) -> pd.DataFrame:
    """A data frame of any library as one of pandas, whole numbers with gaps kept whole.

    Raises:
        InputError: it offers neither Arrow nor the interchange protocol.
    """
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return value
    if hasattr(value, "collect") and not hasattr(value, "__arrow_c_stream__"):
        value = value.collect()
    if hasattr(value, "__arrow_c_stream__"):
        try:
            pyarrow: Any = import_module("pyarrow")
        except ImportError:
            pass
        else:
            return from_arrow(pyarrow.table(value))
    try:
        return pd.api.interchange.from_dataframe(value, allow_copy=True)
    except (TypeError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"This data frame cannot be read: {error}") from None


def from_arrow(table: Any) -> pd.DataFrame:
    """An Arrow table as a data frame, with pandas' own types of whole numbers and text."""
    import pandas as pd

    pa: Any = import_module("pyarrow")

    types: dict[Any, Any] = {
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return table.to_pandas(types_mapper=types.get, ignore_metadata=False)


def frame_table(frame: pd.DataFrame, *, keep_index: str = "") -> tuple[Table, list[str]]:
    """The table of a data frame, and what must be said of it.

    Raises:
        InputError: no rows, or two columns of one name.
    """
    notes: list[str] = []
    index = frame.index
    if index.name is not None and str(index.name) == keep_index:
        frame = frame.reset_index()
    elif index.nlevels > 1 or index.name is not None or index.dtype.kind not in "iu":
        notes.append(
            f"The index of the data frame ({', '.join(map(str, index.names))}) is no feature: "
            "frame.reset_index() makes it one."
        )
    if not len(frame):
        raise InputError("The data frame holds no rows.")
    names = [str(name) for name in frame.columns]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InputError(f"The data frame has two columns called {twice[0]!r}: rename one.")
    columns = [series_column(frame.iloc[:, i], name) for i, name in enumerate(names)]
    return Table.of(columns), notes


def series_column(series: pd.Series[Any], name: str) -> Column:
    """A series as a column: numbers and dates by their type, everything else as it came."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Column(name, np.asarray(series.astype(object), dtype=object))
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Column(name, series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(dtype, pd.PeriodDtype):
        return Column(name, series.dt.to_timestamp().to_numpy())
    if isinstance(dtype, np.dtype):
        return _plain(name, series.to_numpy())
    gaps = np.asarray(series.isna())
    if pd.api.types.is_integer_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        whole = "uint64" if pd.api.types.is_unsigned_integer_dtype(dtype) else "int64"
        return Column(name, series.fillna(0).to_numpy(dtype=whole), gaps if gaps.any() else None)
    if pd.api.types.is_float_dtype(dtype):
        return Column(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return Column(name, series.to_numpy(dtype="datetime64[ns]"))
    values: npt.NDArray[Any] = np.asarray(series.astype(object), dtype=object)
    values = values.copy()
    values[gaps] = None
    return Column(name, values)


def _plain(name: str, values: npt.NDArray[Any]) -> Column:
    if values.dtype.kind == "m":
        return Column(name, values.astype("timedelta64[us]").astype(np.float64) / 1e6)
    if values.dtype.kind == "c":
        raise InputError(f"Column {name!r} holds complex numbers: give their parts as columns.")
    return Column(name, values)
