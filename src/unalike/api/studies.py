"""A study in its folder: what is known of it, what is left to do, what came out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from unalike.core.buffers import with_buffers
from unalike.data.feature_scale import scale_warning
from unalike.data.federation import Federation
from unalike.data.preprocessing.preprocessing import preprocessing_sentences
from unalike.data.target_scaling import target_sentences
from unalike.errors import InputError
from unalike.report.comparison_page import write_report
from unalike.report.figures import figure_of
from unalike.results.columns import Chosen
from unalike.results.comparison import Comparison, gather, read_environment
from unalike.results.hostile_clients import hostile_remarks
from unalike.results.pairwise import pairwise
from unalike.results.summary import write_summary
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
from unalike.robust import rule_text
from unalike.study.extensions import changed_plugins, require_plugins
from unalike.study.files import UnwritableError, write_atomically
from unalike.study.folder_lock import lock_folder
from unalike.study.inputs import UserInputs, federation_for, problem_for
from unalike.study.jobs import run_all
from unalike.study.local_work import state_remarks, work_remarks
from unalike.study.merge import open_study
from unalike.study.roster import methods_run, read_sites
from unalike.study.run import RunTask
from unalike.study.search_spaces import fixed_sentences
from unalike.study.settings import Study
from unalike.study.shard import WHOLE, Shard
from unalike.study.store import RunStore
from unalike.study.study_folder import LOCK_SECONDS
from unalike.study.training import ProgressCallback, ProgressEvent, finished
from unalike.study.tuning import tuned
from unalike.study.variance_settings import method_of_study, wants_variances
from unalike.trained_models.adaptation import adapt
from unalike.trained_models.run_models import StudyModels
from unalike.trained_models.trained_model import TrainedModel


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

    def __str__(self) -> str:
        """The verdict, and a table of the columns that matter most."""
        table = formatted(self)
        return f"{judge(self)}\n\n{as_text(table)}\n\n{table.caption}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(formatted(self), judge(self).headline)

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


def unfinished(study: Study, folder: Path, shard: Shard = WHOLE) -> list[tuple[str, int]]:
    """The runs (method, seed) of this part of the study that are not done."""
    runs = [(label, seed) for label in methods_run(study, folder) for seed in range(study.seeds)]
    left = []
    for label, seed in shard.part(runs):
        records = RunStore(folder / "runs" / label / f"seed-{seed}").records()
        if not records or not finished(records, study):
            left.append((label, seed))
    return left


def in_order(runs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Runs in the order in which they are begun: something to look at soon.

    All methods of a seed come before the next seed, and FedAvg before the others: Local, for one,
    trains new clients for many epochs before anything of its first round is known.
    """
    return sorted(runs, key=lambda run: (run[1], run[0] != "fedavg"))


def require_inputs(study: Study, folder: Path, inputs: UserInputs) -> None:
    """Whether all is there that the study was given from Python.

    Raises:
        InputError: it is not.
    """
    given = {
        "data": inputs.federation is not None or inputs.dataset is not None,
        "model": inputs.problem is not None,
    }
    missing = [name for name in given if getattr(study, name) == "own" and not given[name]]
    if missing:
        raise InputError(
            f"The study in {folder} used {' and '.join(missing)} given from Python, which its "
            "folder does not hold: go on with it, or write its report anew, there with "
            f"unalike.resume({str(folder)!r}, {', '.join(f'{name}=...' for name in missing)})."
        )


def read_result(folder: str | Path, inputs: UserInputs = UserInputs()) -> Result:  # noqa: B008
    """The comparison as far as it has come, without training anything."""
    study, inputs = open_study(folder), with_remote_clients(Path(folder), inputs)
    require_inputs(study, Path(folder), inputs)
    return _gather(study, Path(folder), inputs, federations_of(study, inputs), [])


def _gather(
    study: Study,
    folder: Path,
    inputs: UserInputs,
    federations: list[Federation],
    said: list[str],
) -> Result:
    remarks = [f"{label}, seed {seed}: not finished." for label, seed in unfinished(study, folder)]
    remarks += [*setting_remarks(study, inputs), *said]
    comparison = gather(study, folder, federations, remarks, read_environment(folder))
    known = {field.name: getattr(comparison, field.name) for field in fields(comparison)}
    return Result(**known, models=StudyModels(study, folder, inputs.problem))


def federations_of(study: Study, inputs: UserInputs) -> list[Federation]:
    """Who holds what, for each seed."""
    return [federation_for(study, inputs, seed) for seed in range(study.seeds)]


def with_remote_clients(folder: Path, inputs: UserInputs) -> UserInputs:
    """What is known of samples on other machines, where the study was done over a network."""
    roster = read_sites(folder)
    if roster is None or roster.dealt or inputs.federation is not None:
        return inputs
    return UserInputs(roster.federation(), inputs.problem)


def _untested(federation: Federation) -> list[str]:
    """Who cannot be judged, and that averages over clients are without them."""
    without = [
        name for name, size in zip(federation.names, federation.test.sizes, strict=True) if not size
    ]
    if not without or len(without) == federation.clients:
        return []
    return [
        f"{len(without)} of {federation.clients} clients, such as {without[0]!r}, have no test "
        "samples: averages over clients, and who is below Local, are over the others."
    ]


def setting_remarks(study: Study, inputs: UserInputs) -> list[str]:
    """What a reader must know of these settings."""
    federation = federation_for(study, inputs, 0)
    problem = problem_for(study, federation, inputs)
    remarks = [
        *fixed_sentences(study.tuning, study.labels(), study.settings),
        *federation.notes,
        *preprocessing_sentences(federation.preprocessing),
        *federation.task.notes(),
        *target_sentences(federation.task),
        *federation.skews,
        *_untested(federation),
    ]
    remarks += [f"{sentence}." for sentence in changed_plugins(study)]
    remarks += [warning] if (warning := scale_warning(federation)) is not None else []
    remarks += [f"model: {problem.describe()}."] if problem.batch_norm_layers else []
    remarks += problem.fit.remarks()
    remarks += [study.privacy.sentence()] if study.privacy is not None else []
    if study.precision != "float32":
        remarks.append(
            f"precision = {study.precision!r}: clients train with convolutions and products of "
            "numbers rounded to bfloat16, so results are not those of float32. All else, and "
            "whatever is measured, is float32."
        )
    if study.robust is not None:
        remarks.append(f"robust = {rule_text(study.robust)!r}: the server {study.robust.meaning}.")
    if study.attack is not None:
        remarks += hostile_remarks(study.attack, federations_of(study, inputs))
    remarks += state_remarks(study.work, problem.init().numel())
    for label in study.labels():
        plain = method_of_study(study, label, federation)
        if wants_variances(study.method(label)):
            lam = getattr(plain, "lam", None)
            remarks.append(f"{label}: lam = {lam:.4g} by variance components, with seed 0.")
        method = with_buffers(plain, problem)
        remarks += work_remarks(method, label, study.work)
        lines = (method.vacuous(problem), method.describe(problem))
        remarks += [f"{label}: {line}" for line in lines if line is not None]
    return remarks


def finish_study(
    study: Study,
    folder: Path,
    inputs: UserInputs,
    federations: list[Federation],
    tell: ProgressCallback,
    *,
    jobs: int | None = None,
    shard: Shard = WHOLE,
) -> Result:
    """Do what is left of this part, then gather all that is there in the summary and the report.

    A study that is to be tuned is tuned first.

    Raises:
        InputError: a file cannot be written; what is done is kept.
        WorkerError: processes died of some runs; the others are done.
    """
    said: list[str] = []
    if study.tuning is not None and not study.tuning.done:
        require_plugins(study)
        study = tuned(study, folder, inputs, federations[0], tell, jobs)

    def listen(progress: ProgressEvent) -> None:
        if progress.remark and not progress.recorded:
            said.append(f"{progress.label}, seed {progress.seed}: {progress.remark}")
        tell(progress)

    left = unfinished(study, folder, shard)
    if left:
        require_plugins(study)
    tasks = [RunTask(study, label, seed, folder, inputs) for label, seed in in_order(left)]
    tell(ProgressEvent("", 0, 0, runs=len(tasks)))
    try:
        run_all(tasks, jobs, listen)
        with lock_folder(folder, LOCK_SECONDS):
            comparison = _gather(study, folder, inputs, federations, said)
            write_summary(comparison, folder / "summary.csv")
            comparison.report(folder / "report.html")
    except UnwritableError as error:
        raise InputError(
            f"{error} What is done is kept: make room, or make it writable, and go on with "
            f"'unalike resume {folder}'."
        ) from None
    return comparison
