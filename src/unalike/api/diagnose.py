"""Saying how unlike clients are, from their samples or from what they told of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from unalike.data.federation import Federation
from unalike.diagnosis import Diagnosis, Samples
from unalike.diagnosis import diagnose as diagnose_samples
from unalike.diagnosis.diagnose_summaries import Summaries, diagnose_summaries
from unalike.errors import InputError
from unalike.report.diagnosis_page import write_diagnosis, write_page

from .data_argument import resolve_clients


@dataclass(frozen=True, eq=False)
class DiagnosisResult(Diagnosis):
    """A diagnosis that can be printed and written."""

    data: str  # what was looked at

    def report(self, path: str | Path) -> Path:
        """Write the report: one self-contained HTML file."""
        return write_page(self, Path(path), self.data)


def diagnose(
    data: str | Path | Federation | Samples | tuple[Any, ...] = "digits",
    *,
    client_column: str | None = None,
    label_column: str | None = None,
    time_column: str | None = None,
    label: int | None = None,
    shuffles: int = 200,
    level: float = 0.05,
    seed: int = 0,
    optimise: bool = True,
    out: str | Path | None = None,
    **settings: Any,
) -> DiagnosisResult:
    """Say how unlike clients are, in which way, and whether that is more than chance.

        >>> result = diagnose("digits", alpha=0.1, clients=5, optimise=False)
        >>> result.found
        ('label', 'quantity')
        >>> result.table().columns.tolist()[:4]
        ['kind', 'measure', 'value', 'chance']

    Args:
        data: the name of a data set, your own .npz, .csv or .parquet file or folder of pictures,
            a `Federation`, or arrays (x, y, client) or (x, y, client, time).
        client_column: of your own file, the column that names the client; "client" if not given.
        label_column: of your own file, the column of classes; "y" if not given.
        time_column: of your own file, when each sample was taken.
        label: where a sample can have many labels, the number of the one to look at.
        shuffles: how many times membership is shuffled for each kind of skew.
        level: how often at most chance alone may raise any alarm.
        seed: decides the deal, the shuffles, projections and folds.
        optimise: whether to measure what the clients do to optimisation, which takes longest.
        out: folder for diagnosis.json and diagnosis.html; nothing is written if not given.
        settings: of a named data set, how it is dealt: any field of `Study`, such as alpha=0.1.

    Raises:
        InputError: one sentence says what to change.
    """
    columns = {
        "client_column": client_column,
        "label_column": label_column,
        "time_column": time_column,
    }
    held: Any = data
    if isinstance(data, (str, Path)):
        given = {key: value for key, value in columns.items() if value is not None}
        held = resolve_clients(str(data), seed=seed, columns=given, settings=settings)
    elif settings or any(columns.values()):
        option = next(iter([*settings, *(key for key in columns if columns[key])]))
        raise InputError(f"{option} is for named data sets and files, not for data from Python.")
    found = diagnose_samples(
        held, label=label, shuffles=shuffles, level=level, seed=seed, optimise=optimise
    )
    name = Path(data).name if isinstance(data, (str, Path)) else "own data"
    return _as_result(found, name, out)


def diagnose_from_summaries(
    summaries: Summaries,
    *,
    data: str = "told by clients",
    shuffles: int = 200,
    level: float = 0.05,
    seed: int = 0,
    out: str | Path | None = None,
) -> DiagnosisResult:
    """The same from what clients told of samples that stay with them.

    Raises:
        InputError: one sentence says what to change.
    """
    found = diagnose_summaries(summaries, shuffles=shuffles, level=level, seed=seed)
    return _as_result(found, data, out)


def _as_result(found: Diagnosis, name: str, out: str | Path | None) -> DiagnosisResult:
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    result = DiagnosisResult(**parts, data=name)
    if out is not None:
        write_diagnosis(result, Path(out), name)
    return result
