"""What came out of a study: to print, to draw, to write, and the models to take away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.report.comparison_page import write_report
from unalike.report.figures import figure_of
from unalike.results.columns import Chosen
from unalike.results.comparison import Comparison, gather, read_environment
from unalike.results.pairwise import pairwise
from unalike.results.table import as_frame
from unalike.results.table_formats import (
    BANDS,
    as_html,
    as_latex,
    as_markdown,
    as_text,
    formatted,
    shown_columns,
)
from unalike.results.trials import trials_table
from unalike.results.verdict import judge
from unalike.study.files import write_atomically
from unalike.study.inputs import UserInputs
from unalike.study.merge import open_study
from unalike.study.settings import Study
from unalike.trained_models.adaptation import adapt
from unalike.trained_models.run_models import StudyModels
from unalike.trained_models.trained_model import TrainedModel

from .studies import (
    federations_of,
    require_inputs,
    setting_remarks,
    unfinished,
    with_remote_clients,
)


@dataclass(frozen=True, repr=False)
class Result(Comparison):
    """A comparison that can be printed, drawn and written, and whose models can be taken away."""

    models: StudyModels | None = None  # what its runs have kept

    def model(
        self, method: str, client: str | None = None, *, when: str = "best", seed: int = 0
    ) -> TrainedModel:
        """The model of a client that trained, or everybody's if no client is named.

        when: after the round that validation chose ("best"), or after the "last" one.

        Raises:
            InputError: there is no such method, client or round, or it was not kept.
        """
        return self._models.model(method, client, when=when, seed=seed)

    def adapt(
        self,
        method: str,
        x: Any,
        y: Any = None,
        *,
        when: str = "best",
        seed: int = 0,
        client: str = "new-client",
    ) -> TrainedModel:
        """The model of a client that never trained, by the method's own adaptation.

        Args:
            method: the method whose adaptation it is.
            x: its raw rows: a data frame, an array [n, ...] or a file.
            y: one answer a row, or the name of its column.
            when: from what the "best" round by validation, or the "last", would send it.
            seed: the run.
            client: how the model is called.

        Raises:
            InputError: nothing was kept, or these are not samples as the model was trained on.
        """
        return adapt(self._models, method, x, y, when=when, seed=seed, client=client)

    @property
    def _models(self) -> StudyModels:
        if self.models is None:
            raise InputError("This comparison was made by hand and has no models.")
        return self.models

    @property
    def headline(self) -> str:
        """Who leads, and whether that is decided, in one sentence."""
        return judge(self).headline

    def __str__(self) -> str:
        """The verdict, and a table of the columns that matter most."""
        table = formatted(self)
        return f"{judge(self)}\n\n{as_text(table)}\n\n{table.caption}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(formatted(self), self.headline)

    def table(self, *, full: bool = False) -> pd.DataFrame:
        """One row per method, the best first; `full` with every column that there is.

        Shares are in [0, 1]; `<measure>_low` and `<measure>_high` are the ends of the
        95 % interval over seeds.
        """
        values = as_frame(self)
        if full:
            return values
        keys = [column.key for column in shown_columns(self, values, full=False)]
        ends = [f"{key}{end}" for key in keys if key in BANDS for end in ("_low", "_high")]
        return values[[name for name in values if name in ("title", *keys, *ends)]]

    def to_latex(
        self, path: str | Path | None = None, *, full: bool = False, chosen: Chosen = "best"
    ) -> str:
        """The table for a paper, with booktabs' rules: intervals over seeds, bold by paired ones.

        The caption states measure, seeds, choice of round and tuning.
        """
        return _written(as_latex(formatted(self, full=full, chosen=chosen)), path)

    def to_markdown(
        self, path: str | Path | None = None, *, full: bool = False, chosen: Chosen = "best"
    ) -> str:
        """The table in Markdown, with its caption."""
        return _written(as_markdown(formatted(self, full=full, chosen=chosen)), path)

    def to_csv(self, path: str | Path | None = None, *, chosen: Chosen = "best") -> str:
        """Every number of the table, unrounded, a line for each method."""
        return _written(as_frame(self, chosen).to_csv(lineterminator="\n"), path)

    def pairwise(self, chosen: Chosen = "best") -> pd.DataFrame:
        """Every method against every other: who is better, by how much, and how sure that is.

        p is that of the t test paired over seeds, p_holm is corrected for the number of pairs
        (Holm, 1979): below 0.05, a pair is told apart in spite of how many there are.
        """
        return pairwise(self, chosen)

    def trials(self) -> pd.DataFrame:
        """Every trial of the search, a row each, the best of its method first.

        Scores are those on validation samples after the last rung that the trial came to.

        Raises:
            InputError: nothing was tuned.
        """
        return trials_table(self)

    def plot(self, kind: str = "curves", view: str | int = 0) -> go.Figure:
        """A figure of the report, as Plotly's.

            >>> result.plot("gains").write_image("gains.pdf")  # needs the extra `figures`

        kind: "curves", "spread", "gains", "holdings", "cost" or "drift"; of a tuned comparison
            also "search" and "sensitivity".
        view: which of its views, by label or place, as in plot("curves", "Global").

        Raises:
            InputError: there is no such figure or view, or this comparison has no data for it.
        """
        return figure_of(self, kind, view)

    def report(self, path: str | Path) -> Path:
        """Write the report: one self-contained HTML file."""
        return write_report(self, Path(path))


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        write_atomically(Path(path), text.encode())
    return text


def read_result(folder: str | Path, inputs: UserInputs = UserInputs()) -> Result:  # noqa: B008
    """The comparison as far as it has come, without training anything."""
    study, inputs = open_study(folder), with_remote_clients(Path(folder), inputs)
    require_inputs(study, Path(folder), inputs)
    return gathered(study, Path(folder), inputs, federations_of(study, inputs), [])


def gathered(
    study: Study,
    folder: Path,
    inputs: UserInputs,
    federations: list[Federation],
    said: Sequence[str],
) -> Result:
    """The comparison of all runs that are done; said: what they had to say beside their results."""
    remarks = [f"{label}, seed {seed}: not finished." for label, seed in unfinished(study, folder)]
    remarks += [*setting_remarks(study, inputs), *said]
    comparison = gather(study, folder, federations, remarks, read_environment(folder))
    known = {field.name: getattr(comparison, field.name) for field in fields(comparison)}
    return Result(**known, models=StudyModels(study, folder, inputs.problem))
