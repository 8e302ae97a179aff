"""The tidy table of a study as a file: `summary.csv`."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pandas as pd

from unalike.errors import InputError
from unalike.study.files import write_atomically

from .comparison import Comparison


def write_summary(comparison: Comparison, path: Path) -> None:
    """The tidy table as CSV; numbers in full, texts in quotes.

    Raises:
        UnwritableError: it cannot be written.
    """
    text = comparison.frame.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    write_atomically(path, text.encode())


def read_summary(path: str | Path) -> pd.DataFrame:
    """The tidy table of a study, from its `summary.csv`; names are text and never change.

    With pandas alone, "007" becomes 7, a client called NA becomes a missing value, and before
    pandas 3 numbers lose their last digit.

    Raises:
        InputError: there is no such file.
    """
    try:
        return pd.read_csv(
            path,
            dtype={"method": str, "client": str, "metric": str},
            keep_default_na=False,
            converters={"value": lambda text: float(text) if text else math.nan},
        )
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
