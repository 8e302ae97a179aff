"""Which entries count as absent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from unalike.errors import InputError
from unalike.tasks.values import values_of

PRESENT: dict[str, Any] = {
    "whole": np.array([1, 2]),
    "yes or no": np.array([True, False]),
    "numbers": np.array([0.5, np.inf]),
    "words": np.array(["a", "nan"]),
    "dates": np.array(["2020-01-01", "2021-01-01"], "datetime64[D]"),
    "mixed": np.array(["a", 1], object),
}
ABSENT: dict[str, Any] = {
    "numbers": np.array([0.5, np.nan], np.float32),
    "complex": np.array([1j, complex(0, np.nan)]),
    "dates": np.array(["2020-01-01", "NaT"], "datetime64[D]"),
    "spans": np.array([1, "NaT"], "timedelta64[s]"),
    "nobody": np.array(["a", None], object),
    "mixed": np.array(["a", float("nan")], object),
    "pandas": np.array(["a", pd.NA], object),
}


@pytest.mark.parametrize("kind", PRESENT)
def test_what_is_there_is_kept(kind: str) -> None:
    assert not pd.isna(PRESENT[kind]).any()
    assert values_of(PRESENT[kind], "y").tolist() == PRESENT[kind].tolist()


@pytest.mark.parametrize("kind", ABSENT)
def test_what_pandas_calls_absent_is_refused(kind: str) -> None:
    assert pd.isna(ABSENT[kind]).tolist() == [False, True]
    with pytest.raises(InputError, match="1 of 2 samples, first for sample 1"):
        values_of(ABSENT[kind], "y")
