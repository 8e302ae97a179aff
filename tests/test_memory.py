"""The memory that is foretold of a run, beside the peak of a process that does it."""

from __future__ import annotations

import sys

import pytest
from benchmarks.memory import CASES, Case, measured

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="peaks are forgotten on Linux alone"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method}-{case.clients}")
def test_the_peak_of_a_process_is_foretold_within_a_fifth(case: Case) -> None:
    (found,) = measured([case])
    assert found.ratio == pytest.approx(1, abs=0.2), found
