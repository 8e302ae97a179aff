"""The real data sets, where their files lie in UNALIKE_DATA or beside the checkout."""

import os
from functools import cache
from pathlib import Path

import pytest

from unalike.data import is_here, load

_NAMED = os.environ.get("UNALIKE_DATA")
_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
DATA = _NAMED or (str(_BESIDE) if _BESIDE.is_dir() else None)


def need(name):
    """Skip a test where the files of this data set are not here; fail where their folder is not,
    although it was named."""
    if _NAMED and not Path(_NAMED).is_dir():
        pytest.fail(f"UNALIKE_DATA names {_NAMED}, which is no folder")
    if not is_here(name, DATA):
        pytest.skip(f"the files of {name} are not here: set UNALIKE_DATA to the folder with them")


@cache
def real(name):
    """The arrays of a data set; a test whose files are not here is skipped."""
    need(name)
    return load(name, data_dir=DATA)
