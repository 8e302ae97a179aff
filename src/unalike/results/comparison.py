"""From the stores of a study to one tidy table, its curves, and what a reader needs besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unalike.attacks import hostile_in
from unalike.data.federation import Federation
from unalike.functional.streams import generator
from unalike.measures.qoi import quality_of_improvement
from unalike.measures.spread import harmed_share, spread
from unalike.methods import METHODS
from unalike.methods.header import header
from unalike.study.prequential import window_scores
from unalike.study.roster import methods_run, read_sites
from unalike.study.round_choice import best_round
from unalike.study.sample_scores import NAME
from unalike.study.settings import Study
from unalike.study.store import RunStore
from unalike.study.training import one_answer_text
from unalike.study.tuning import read_search
from unalike.tasks import Task
from unalike.tuning.search_record import SearchRecord

from .baseline import baseline_score
from .hidden_clients import hidden_clients, hidden_remarks
from .hostile_clients import without_hostile
from .privacy_spent import privacy_remarks
from .shared_samples import SharedSamples, compared_samples

MOST_LISTED = 10_000
"""Clients up to whom the table has a row for each and each measure; of more, it has so many."""
COLUMNS = ["method", "seed", "client", "metric", "value"]
ALL = "all"
ROUNDS = ("last", "best")
"""Those that speak for a run: the last that was evaluated, and the best by validation."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """A finished comparison."""

    settings: dict[str, Any]  # the study as resolved
    frame: pd.DataFrame  # tidy: method, seed, client, metric, value
    curves: pd.DataFrame  # method, seed, round, metric, value
    names: tuple[str, ...]  # N clients
    newcomers: NDArray[np.bool_]  # [N] whether each never trains
    task: Task  # what was asked; its main measure is what methods are ranked by
    label_counts: NDArray[np.int64]  # [N, classes or other kinds of samples], of the first seed
    titles: dict[str, str]  # printed name of each method
    environment: dict[str, str]  # versions, machine and command
    remarks: list[str]  # what must be said aloud
    over_network: bool = False  # whether the clients are sites on other machines
    hidden: tuple[str, ...] = ()  # clients that do not tell how well models do
    label_names: tuple[str, ...] = ()  # of the kinds of samples, where they have any
    baseline: float = float("nan")  # main measure of a guess that does not look at x
    tuning: SearchRecord | None = None  # what was tried of each method; None where nothing was
    samples: Mapping[str, SharedSamples] = field(
        default_factory=lambda: {when: SharedSamples() for when in ROUNDS}
    )
    """How well each test sample is predicted, after each of the rounds in `ROUNDS`."""


class _RunRecords:
    """All records of a study, by method and seed, without what hostile clients measured."""

    def __init__(self, study: Study, folder: Path, federations: list[Federation]) -> None:
        self.study, self.task = study, federations[0].task
        self.main = self.task.main
        self.federations = federations
        hostile = [hostile_in(federation)[~federation.newcomers] for federation in federations]
        self.records = {
            (label, seed): without_hostile(
                RunStore(folder / "runs" / label / f"seed-{seed}").records(), hostile[seed]
            )
            for label in methods_run(study, folder)
            for seed in range(study.seeds)
        }

    def samples(self, when: str) -> SharedSamples:
        """The scores of test samples where records have them."""
        honest = [~hostile_in(one)[~one.newcomers] for one in self.federations]
        tested = [compared_samples(*pair) for pair in zip(self.federations, honest, strict=True)]
        speaking = {run: self.at(*run, when) for run in self.records}
        scores = {
            run: record["evaluation"][NAME]
            for run, record in speaking.items()
            if record is not None and NAME in record["evaluation"]
        }
        return SharedSamples(tested, scores)

    def evaluated(self, label: str, seed: int) -> list[dict[str, Any]]:
        """The records of the rounds after which everything was measured."""
        return [r for r in self.records.get((label, seed), []) if "evaluation" in r]

    def at(self, label: str, seed: int, when: str) -> dict[str, Any] | None:
        """The record of the last evaluated round, or of the best by validation."""
        known = self.evaluated(label, seed)
        if not known:
            return None
        return known[-1] if when == "last" else best_round(self.task, known)


@np.errstate(over="ignore", invalid="ignore")  # scores of a model that diverged are infinite
def gather(
    study: Study,
    folder: Path,
    federations: list[Federation],
    remarks: list[str],
    environment: dict[str, str],
) -> Comparison:
    """Read all stores of a study; federations [seeds] tell whose value is whose."""
    first = federations[0]
    runs = _RunRecords(study, folder, federations)
    rows: list[tuple[str, int, str, str, float]] = []
    curves: list[tuple[str, int, int, str, float]] = []
    remarks_found = list(remarks)
    if first.clients > MOST_LISTED:
        remarks_found.append(
            f"The table lists {MOST_LISTED:,} of the {first.clients:,} clients, drawn at random; "
            "all averages and shares are over all of them."
        )
    for (label, seed), records in runs.records.items():
        for client, metric, value in _summary(runs, label, seed, federations[seed]):
            rows.append((label, seed, client, metric, value))
        for t, metric, value in _curves(runs, records, federations[seed]):
            curves.append((label, seed, t, metric, value))
        said = [record["diverged"] for record in records if "diverged" in record]
        speaking = runs.at(label, seed, "best")
        if speaking is not None and "one_answer" in speaking["evaluation"]:
            said.append(one_answer_text(speaking["evaluation"]))
        said += [
            r["evaluation"]["unsolved"] for r in records if "unsolved" in r.get("evaluation", ())
        ]
        where = f"{label}, seed {seed}: "
        remarks_found += [where + text.removeprefix(f"{label}: ") for text in said]
        remarks_found += [record["notes"] for record in records if "notes" in record]
    titles = {label: _title(study, label) for label in methods_run(study, folder)}
    remarks_found += privacy_remarks(study.privacy, runs.records, titles)
    if study.privacy is not None and study.tuning is not None:
        remarks_found.append(
            "Epsilon is that of each reported run alone: what the trials of the search have spent "
            "on the same clients is not in it."
        )
    frame = pd.DataFrame(rows, columns=COLUMNS)
    guesses = np.array([baseline_score(federation) for federation in federations])
    hidden = hidden_clients(chain.from_iterable(runs.records.values()))
    main = first.task.main
    told = [f"{family}_{main.name}_mean_last" for family in ("personalised", "new")]
    means = frame[frame["metric"].isin(told)]
    remarks_found += hidden_remarks(hidden, first.clients, means["value"], main.title)
    return Comparison(
        settings=study.as_toml(),
        frame=frame,
        curves=pd.DataFrame(curves, columns=["method", "seed", "round", "metric", "value"]),
        names=first.names,
        newcomers=first.newcomers,
        task=first.task,
        label_counts=first.label_counts,
        titles=titles,
        environment=environment,
        remarks=list(dict.fromkeys(remarks_found)),
        over_network=read_sites(folder) is not None,
        hidden=hidden,
        label_names=first.strata.names,
        baseline=float(np.nanmean(guesses)) if np.isfinite(guesses).any() else float("nan"),
        tuning=read_search(folder),
        samples={when: runs.samples(when) for when in ROUNDS},
    )


def read_environment(folder: Path) -> dict[str, str]:
    """What the study was run on."""
    return dict(json.loads((folder / "environment.json").read_text("utf-8")))


def _title(study: Study, label: str) -> str:
    base = study.settings.get(label, {}).get("method", label)
    title = header(METHODS[base]).title
    return title if base == label else f"{title} ({label})"


def _summary(
    runs: _RunRecords, label: str, seed: int, federation: Federation
) -> list[tuple[str, str, float]]:
    rows: list[tuple[str, str, float]] = []
    for when in ROUNDS:
        record = runs.at(label, seed, when)
        if record is not None:
            rows += _measured(runs, record["evaluation"], seed, federation, when)
            if when == "best":
                rows.append((ALL, "best_round", float(record["round"])))
    records = runs.records[label, seed]
    training = np.flatnonzero(~federation.newcomers)
    for name, values in window_scores(records, runs.main).items():
        rows.append((ALL, f"{name}_mean", _mean(values)))
        rows += _per_client(name, values, training, federation)
    trained = [record for record in records if "diverged" not in record]
    totals = {
        "rounds": len(trained),
        "bytes_down": sum(r["bytes_down"] for r in trained),
        "bytes_up": sum(r["bytes_up"] for r in trained),
        "gradient_evaluations": sum(r["gradients"] for r in trained),
        "rejected_uploads": sum(len(r.get("rejected", ())) for r in trained),
        "dropped_answers": sum(len(r.get("dropped", ())) for r in trained),
        "train_seconds": sum(r["train_seconds"] for r in trained),
        "peak_memory_bytes": max((r["peak_memory_bytes"] for r in trained), default=0),
    }
    rows += [(ALL, name, float(value)) for name, value in totals.items()]
    if runs.study.privacy is not None and trained:
        rows.append((ALL, "epsilon", trained[-1]["epsilon"]))
        rows.append((ALL, "delta", runs.study.privacy.delta))
    rows += [(ALL, "diverged_round", float(r["round"])) for r in records if "diverged" in r]
    return rows


def _measured(
    runs: _RunRecords, evaluation: dict[str, Any], seed: int, federation: Federation, when: str
) -> list[tuple[str, str, float]]:
    training = np.flatnonzero(~federation.newcomers)
    new = np.flatnonzero(federation.newcomers)
    main = runs.main
    rows = _scores(runs, "personalised", evaluation["personal"], training, federation, when)
    for name in (*(measure.name for measure in runs.task.measures), "loss"):
        if "global" in evaluation:
            rows.append((ALL, f"global_{name}_{when}", evaluation["global"][name]))
    if "cluster_agreement" in evaluation:
        rows.append((ALL, f"cluster_agreement_{when}", evaluation["cluster_agreement"]))
    if "new" in evaluation:
        rows += _scores(runs, "new", evaluation["new"], new, federation, when)
    personal = np.asarray(evaluation["personal"][main.name])
    alone = _reference(runs, "local", seed, when)
    if alone is None:
        return rows
    gain = main.gain(personal, alone)
    rows.append((ALL, f"harmed_share_{when}", harmed_share(gain)))
    rows.append((ALL, f"gain_over_local_mean_{when}", _mean(gain)))
    rows += _per_client(f"gain_over_local_{when}", gain, training, federation)
    shared = _reference(runs, "fedavg", seed, when)  # FedAvg's personal model is the global one
    if shared is not None:
        qoi = quality_of_improvement(
            personal, shared, alone, higher_is_better=main.higher_is_better
        )
        rows.append((ALL, f"qoi_mean_{when}", _mean(qoi)))
        rows += _per_client(f"qoi_{when}", qoi, training, federation)
    return rows


def _scores(
    runs: _RunRecords,
    family: str,
    values: dict[str, Any],
    clients: NDArray[np.int64],
    federation: Federation,
    when: str,
) -> list[tuple[str, str, float]]:
    rows: list[tuple[str, str, float]] = []
    sizes = federation.test.sizes[clients]
    for measure in runs.task.measures:
        column = np.asarray(values[measure.name], dtype=np.float64)
        over_clients = spread(column, sizes, higher_is_better=measure.higher_is_better)
        for statistic, value in over_clients._asdict().items():
            rows.append((ALL, f"{family}_{measure.name}_{statistic}_{when}", value))
        rows += _per_client(f"{family}_{measure.name}_{when}", column, clients, federation)
    return rows


def _per_client(
    metric: str, values: Floats, clients: NDArray[np.int64], federation: Federation
) -> list[tuple[str, str, float]]:
    places = listed_clients(len(clients))
    return [
        (federation.names[client], metric, value)
        for client, value in zip(
            clients[places].tolist(), values[places].astype(np.float64).tolist(), strict=True
        )
    ]


def listed_clients(clients: int) -> NDArray[np.int64]:
    """Places of those among so many clients that the table lists, the same in every run."""
    if clients <= MOST_LISTED:
        return np.arange(clients)
    return np.sort(generator(0, "table").choice(clients, MOST_LISTED, replace=False))


def _reference(runs: _RunRecords, label: str, seed: int, when: str) -> Floats | None:
    record = runs.at(label, seed, when) if (label, seed) in runs.records else None
    if record is None:
        return None
    return np.asarray(record["evaluation"]["personal"][runs.main.name])


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _curves(
    runs: _RunRecords, records: list[dict[str, Any]], federation: Federation
) -> list[tuple[int, str, float]]:
    main = runs.main
    rows: list[tuple[int, str, float]] = []
    training = np.flatnonzero(~federation.newcomers)
    new = np.flatnonzero(federation.newcomers)
    bytes_total, seconds = 0.0, 0.0
    for record in records:
        if "diverged" in record:
            continue
        t = record["round"]
        bytes_total += record["bytes_down"] + record["bytes_up"]
        seconds += record["train_seconds"]
        rows += [
            (t, name, float(record[name]))
            for name in ("client_drift", "cancellation", "epsilon")
            if name in record
        ]
        if "evaluation" not in record:
            continue
        evaluation = record["evaluation"]
        values = {
            f"personalised_{main.name}_mean": _spread_mean(
                evaluation["personal"][main.name], training, federation
            ),
            f"validation_{main.name}": evaluation["validation"][main.name],
            "bytes_total": bytes_total,
            "train_seconds": seconds,
        }
        if "global" in evaluation:
            values[f"global_{main.name}"] = evaluation["global"][main.name]
        if "new" in evaluation:
            values[f"new_{main.name}_mean"] = _spread_mean(
                evaluation["new"][main.name], new, federation
            )
        if "stream" in evaluation:
            values |= {
                f"{name}_mean": _mean(column)
                for name, column in window_scores([record], main).items()
            }
        if "gradient_dissimilarity" in evaluation:
            values["gradient_dissimilarity"] = evaluation["gradient_dissimilarity"]
        rows += [(t, name, float(value)) for name, value in values.items()]
    return rows


def _spread_mean(values: list[float], clients: NDArray[np.int64], federation: Federation) -> float:
    column = np.asarray(values, dtype=np.float64)
    return spread(column, federation.test.sizes[clients]).mean
