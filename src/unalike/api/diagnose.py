"""Saying how unlike clients are, from their samples or from what they told of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unalike.data.dataset import Dataset
from unalike.data.federation import Federation
from unalike.data.preprocessing.preprocessing import preprocessing_sentences
from unalike.diagnosis.diagnose import diagnose as diagnose_samples
from unalike.diagnosis.diagnose_summaries import Summaries, diagnose_summaries
from unalike.diagnosis.diagnosis_result import Diagnosis
from unalike.diagnosis.samples import Samples
from unalike.errors import InputError
from unalike.report.diagnosis_page import write_diagnosis, write_page
from unalike.study.data_files import is_file, read_file
from unalike.study.inputs import federation_for
from unalike.study.settings import make_study

from .data_argument import resolve_data

if TYPE_CHECKING:
    import pandas as pd

LEGEND = "Chance: the same samples shuffled over the clients. * decides whether a kind is found."


@dataclass(frozen=True, eq=False)
class DiagnosisResult(Diagnosis):
    """A diagnosis that can be printed and written."""

    data: str  # what was looked at

    def __str__(self) -> str:
        """The headline, and one row a measure."""
        numbers = self._shown().to_string(index=False, float_format="{:.3g}".format, na_rep="-")
        return f"{self.headline}\n\n{numbers}\n\n{LEGEND}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        numbers = self._shown().to_html(index=False, float_format="{:.3g}".format, na_rep="")
        return f"<p><b>{escape(self.headline)}</b></p>{numbers}<p><small>{LEGEND}</small></p>"

    def _shown(self) -> pd.DataFrame:
        """The table for readers: each kind once, with what was found of it."""
        rows = self.table()
        found = rows.found.eq(True)
        rows["kind"] = rows.kind.where(~found, rows.kind + ": found")
        rows["kind"] = rows.kind.where(~rows.kind.duplicated(), "")
        rows["measure"] = rows.measure.where(~rows.decides, rows.measure + " *")
        return rows[["kind", "measure", "value", "chance", "p"]]

    def report(self, path: str | Path) -> Path:
        """Write the report: one self-contained HTML file."""
        return write_page(self, Path(path), self.data)


def diagnose(
    data: Any = "digits",
    *,
    client: Any = None,
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
        data: the name of a data set, the path of your own file or folder, a data frame, arrays
            (x, y, client) or (x, y, client, time), a `Federation`, or any other form of samples
            that `compare` takes.
        client: whose each sample is, one name a sample, where `data` does not say it.
        client_column: the column that names the client; "client" if not given.
        label_column: the column of classes; "y" if not given.
        time_column: the column that says when each sample was taken.
        label: where a sample can have many labels, the number of the one to look at.
        shuffles: how many times membership is shuffled for each kind of skew.
        level: how often at most chance alone may raise any alarm.
        seed: decides the deal, the shuffles, projections and folds.
        optimise: whether to measure what the clients do to optimisation, which takes longest.
        out: folder for diagnosis.json and diagnosis.html; nothing is written if not given.
        settings: how samples are read and dealt: any field of `Study`, such as alpha=0.1, or
            columns={"age": "number"}.

    Raises:
        InputError: one sentence says what to change.
    """
    columns = {"client_column": client_column, "label_column": label_column}
    if isinstance(data, Samples):
        held: Any = data
    else:
        held = _samples_of(data, {**settings, **columns}, client, time_column, seed)
    found = diagnose_samples(
        held, label=label, shuffles=shuffles, level=level, seed=seed, optimise=optimise
    )
    name = Path(data).name if isinstance(data, (str, Path)) else "own data"
    if not isinstance(held, Samples):
        said = (*held.notes, *preprocessing_sentences(held.preprocessing))
        found = replace(found, remarks=(*said, *found.remarks))
    return _as_result(found, name, out)


def _samples_of(
    data: Any, settings: dict[str, Any], client: Any, time_column: str | None, seed: int
) -> Federation | Dataset:
    """All samples where they say whose they are, else the clients that they are dealt to."""
    values, inputs = resolve_data(data, settings, client=client, time=time_column)
    study = make_study(values)
    dataset = inputs.dataset
    if dataset is None and is_file(study.data):
        dataset = read_file(study.data, values, time_column=time_column)
    if dataset is not None and dataset.client is not None and study.split == "natural":
        return dataset
    if time_column is not None:
        raise InputError("--time-column is for your own samples, in a column beside the rest.")
    return federation_for(study, inputs, seed)


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
