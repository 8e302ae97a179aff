"""What was fitted, whichever form the samples have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from .array_fit import fit_arrays
from .array_preprocessing import ArrayPreprocessing
from .settings import PreprocessingSettings
from .table import Table
from .table_fit import fit_tables
from .table_preprocessing import TablePreprocessing

Preprocessing = TablePreprocessing | ArrayPreprocessing


def fit(
    samples: Mapping[str, Table] | Mapping[str, npt.NDArray[Any]], settings: PreprocessingSettings
) -> Preprocessing:
    """Fit on the training samples of each client, by its name.

    Raises:
        InputError: one sentence says what has to change.
    """
    tables = {name: held for name, held in samples.items() if isinstance(held, Table)}
    if tables:
        return fit_tables(tables, settings)
    arrays = {name: held for name, held in samples.items() if not isinstance(held, Table)}
    return fit_arrays(arrays, settings.scale)


def preprocessing_sentences(fitted: Any) -> list[str]:
    """What a reader must know of it; nothing where samples came as numbers already."""
    return fitted.sentences() if isinstance(fitted, Preprocessing) else []


def from_dict(plain: dict[str, Any]) -> Preprocessing:
    """What `to_dict` of either form gave."""
    if plain.get("input") == "array":
        return ArrayPreprocessing.from_dict(plain)
    return TablePreprocessing.from_dict(plain)
