"""Arrays by name in a numpy file."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError


def read_npz(place: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile) as error:
        said = str(error)
        if "pickle" in said.lower():
            said = "it holds Python objects; save text with .astype(str) and numbers as numbers"
        raise InputError(f"{place} cannot be read as npz: {said}.") from None
