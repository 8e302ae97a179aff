"""Names of clients come back from `summary.csv` as they were, whatever they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unalike import Federation, InputError, compare, read_summary
from unalike.results.summary import write_summary

NAMES = (
    *("", " ", "007", "07", "7", "1.0", "1e5", "NA", "None", "null", "nan", "True"),
    *("a,b", 'say "hi"', "two\nlines", "a\r\nb", "\r", "tab\t", "'", "#1", "Zürich", "東京", "-"),
)


def test_odd_names_come_back(tmp_path: Path) -> None:
    y = np.tile([0, 1], 10 * len(NAMES))
    client = np.repeat(np.asarray(NAMES, dtype=object), 20)
    federation = Federation.from_arrays(np.eye(2)[y], y, client)
    federation = replace(federation, names=tuple(NAMES))
    folder = tmp_path / "study"
    result = compare(federation, model="logistic", methods="fedavg", rounds=1, seeds=1, out=folder)
    read = read_summary(folder / "summary.csv")
    assert set(read["client"]) == {"all", *NAMES}
    pd.testing.assert_frame_equal(read, result.frame, check_exact=True, check_dtype=False)
    plain = pd.read_csv(folder / "summary.csv", dtype=str, keep_default_na=False)
    assert plain["client"].tolist() == result.frame["client"].tolist()


def test_no_summary(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_summary(tmp_path / "summary.csv")


def test_a_number_that_is_not_known_stays_so(tmp_path: Path) -> None:
    y = np.tile([0, 1], 20)
    federation = Federation.from_arrays(np.eye(2)[y], y, np.repeat(["a", "b"], 20))
    result = compare(federation, model="logistic", methods="fedavg", rounds=1, seeds=1)
    frame = result.frame.copy()
    frame.loc[0, "value"] = np.nan
    write_summary(replace(result, frame=frame), tmp_path / "summary.csv")
    assert np.isnan(read_summary(tmp_path / "summary.csv")["value"][0])
