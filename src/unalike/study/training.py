"""The rounds of a run: train, measure, keep; wherever the clients are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from unalike.attacks import HostileAnswers
from unalike.core import Cohort, Method
from unalike.engines.machine import peak_memory
from unalike.errors import DivergedError, InputError
from unalike.measures.dissimilarity import cancellation, client_drift
from unalike.privacy import Account, Ledger, Release
from unalike.rounds import LIKELY_CAUSE, Clients, Round, rounds
from unalike.tasks import Task
from unalike.tuning.halving import reached
from unalike.weighting.sampling import draw

from .kept_models import ModelWriter, RoundModels
from .round_choice import best_round, better
from .settings import Study
from .store import Checkpoint, RunStore


@dataclass(frozen=True)
class ProgressEvent:
    """Said after every round."""

    label: str
    seed: int
    t: int  # rounds done
    validation: str | None = None  # the main measure of personal models on validation samples
    remark: str | None = None
    plan: str | None = None  # how the work is spread over the machine, said once
    runs: int | None = None  # how many there are to do, said at the start
    finished: bool = False
    epsilon: float | None = None  # spent so far, where there is privacy
    numbers: dict[str, float] = field(default_factory=dict)
    """What was measured in round `t`, by the names of the report's curves."""
    recorded: bool = False  # whether what is remarked follows from the run's records as well
    trials: tuple[int, int] | None = None  # runs of a search that are done, and all of them


ProgressCallback = Callable[[ProgressEvent], None]


class Evaluation(NamedTuple):
    """What was measured after a round, and the models that it was measured with."""

    record: dict[str, Any]  # as plain values for the run's store
    models: Callable[[], RoundModels]  # made when they are asked for


class RunClients(Protocol):
    """The method and the clients of a run, to be trained and evaluated."""

    @property
    def method(self) -> Method: ...
    @property
    def task(self) -> Task:
        """What is asked of a sample: it says by what a round is chosen."""
        ...

    @property
    def clients(self) -> Clients: ...
    @property
    def every_checkpoint(self) -> bool:
        """Whether no checkpoint may be skipped, because clients keep their states themselves."""
        ...

    @property
    def secret(self) -> int:
        """What noise and cohorts depend on besides the seed where there is privacy; 0 if known."""
        ...

    @property
    def states(self) -> Any:
        """What a checkpoint keeps of the clients: a tree."""
        ...

    @property
    def newcomers(self) -> bool:
        """Whether there are clients that never train."""
        ...

    def init_server(self) -> Any: ...
    def begin(self, server: Any, saved: Checkpoint | None) -> str:
        """Get ready, from a checkpoint where there is one; says how the work is spread."""
        ...

    def names(self, ids: NDArray[np.int64]) -> list[str]: ...
    def evaluate(self, server: Any, t: int, cohort: Cohort) -> Evaluation: ...
    def evaluate_new(self, server: Any, t: int) -> dict[str, Any]: ...


def train(
    run: RunClients,
    store: RunStore,
    study: Study,
    label: str,
    seed: int,
    tell: ProgressCallback,
    *,
    attack: HostileAnswers | None = None,
    keep: ModelWriter | None = None,
    allowances: Sequence[int] = (),
) -> None:
    """Do what is left of a run; with `attack` hostile clients send other answers.

    keep: takes the models of rounds that lead on validation, and of the last.
    allowances: gradients of single samples. When one of them is spent everything is measured, and
        when the last is, the run pauses.

    Raises:
        InputError: the run was begun in another precision; nothing is written.
    """
    method = run.method
    server, done = run.init_server(), 0
    saved = store.load(server, run.states)
    if saved is not None:
        _require_same_precision(saved, study, store)
        server, done = saved.server, saved.t
    store.truncate(done)
    for remark in store.remarks:
        tell(ProgressEvent(label, seed, done, remark=remark))
    plan = run.begin(server, saved)
    tell(ProgressEvent(label, seed, done, plan=plan))
    clients, hidden = run.clients, seed ^ run.secret
    cohort = study.cohort_size(clients.population.size)
    central = study.privacy is not None and study.privacy.kind == "central"
    loop = rounds(
        method,
        clients,
        server,
        cohort=cohort,
        seed=hidden,
        dropout=0.0 if method.pooled else study.dropout,
        scheme=study.sampling,
        release=Release(study.privacy, cohort, hidden) if study.privacy and central else None,
        attack=attack,
        work=study.work,
        first=done + 1,
    )
    ledger = _ledger(study, clients, cohort, hidden, store.records())
    evaluated = [r for r in store.records() if "evaluation" in r]
    best = best_round(run.task, evaluated)["evaluation"] if evaluated else None
    t, rejected = done, any("rejected" in r for r in store.records())
    spent = [r["gradients"] for r in store.records()]
    try:
        for t in range(done + 1, study.rounds + 1):
            started = time.perf_counter()
            outcome = next(loop)
            record = _record(method, outcome, run)
            record["train_seconds"] = time.perf_counter() - started
            if ledger is not None:
                everybody = (outcome.cohort.ids.cpu().numpy(), outcome.dropped, outcome.rejected)
                ledger.note(np.concatenate(everybody), sent=outcome.bytes_up > 0)
                record["epsilon"] = ledger.epsilon
            spent.append(outcome.gradients)
            ends = [reached(spent, allowance) == t for allowance in allowances]
            last = t == study.rounds or (bool(ends) and ends[-1])
            if last or t in study.evaluated_rounds() or any(ends):
                measured, models = run.evaluate(outcome.server, t, outcome.cohort)
                leads = better(run.task, measured, best)
                if run.newcomers and (leads or last):
                    measured["new"] = run.evaluate_new(outcome.server, t)
                if keep is not None and (leads or last):
                    keep.write(models, t, leads=leads, last=last)
                record["evaluation"] = measured
                best = measured if leads else best
            if last and (notes := method.notes(outcome.server)):
                record["notes"] = f"{label}, seed {seed}: {notes}"
            record["peak_memory_bytes"] = peak_memory()
            store.append(record)
            if run.every_checkpoint or last or store.due:
                store.checkpoint(Checkpoint(t, outcome.server, run.states, plan, study.precision))
            said = _validation(run.task, record), None if rejected else _rejections(record)
            rejected = rejected or "rejected" in record
            epsilon, numbers = record.get("epsilon"), round_numbers(run.task, record)
            tell(ProgressEvent(label, seed, t, *said, epsilon=epsilon, numbers=numbers))
            if unsolved := record.get("evaluation", {}).get("unsolved"):
                tell(ProgressEvent(label, seed, t, remark=unsolved, recorded=True))
            if last:
                break
        if best is not None and "one_answer" in best:
            tell(ProgressEvent(label, seed, t, remark=one_answer_text(best), recorded=True))
    except DivergedError as error:
        if keep is not None:
            keep.end(t, diverged=True)
        store.append({"round": t, "diverged": f"{error}"})
        text = f"{error} The other methods go on."
        tell(ProgressEvent(label, seed, t, remark=text, recorded=True))
    tell(ProgressEvent(label, seed, study.rounds, finished=True))


def _require_same_precision(saved: Checkpoint, study: Study, store: RunStore) -> None:
    """Whether the rounds up to a checkpoint were trained as the study says.

    Raises:
        InputError: they were not.
    """
    if saved.precision != study.precision:
        raise InputError(
            f"The run in {store.folder} was trained in {saved.precision} up to round {saved.t}, "
            f"and its study says precision = {study.precision!r}: write {saved.precision} there "
            "again, or begin another study with --out."
        )


def _ledger(
    study: Study, clients: Clients, cohort: int, seed: int, known: list[dict[str, Any]]
) -> Ledger | None:
    """What the rounds that are known have spent; None without privacy."""
    if study.privacy is None:
        return None
    population = clients.population
    ledger = Ledger(Account(study.privacy, population.size, cohort))
    for record in known:
        drawn = draw(study.sampling, population.weights, cohort, seed=seed, t=record["round"])
        ledger.note(drawn.ids, sent=record.get("bytes_up", 0) > 0)
    return ledger


def finished(records: list[dict[str, Any]], study: Study, allowances: Sequence[int] = ()) -> bool:
    """Whether a run with these records has nothing left to do; allowances as in `train`."""
    if records[-1]["round"] >= study.rounds or "diverged" in records[-1]:
        return True
    spent = [record["gradients"] for record in records]
    return bool(allowances) and reached(spent, allowances[-1]) is not None


def _record(method: Method, outcome: Round, run: RunClients) -> dict[str, Any]:
    record: dict[str, Any] = {
        "round": outcome.t,
        "answers": len(outcome.cohort.ids),
        "bytes_down": 0 if method.pooled else outcome.bytes_down,
        "bytes_up": 0 if method.pooled else outcome.bytes_up,
        "gradients": outcome.gradients,
    }
    for key, ids in (("dropped", outcome.dropped), ("rejected", outcome.rejected)):
        if len(ids):
            record[key] = run.names(ids)
    moved = method.displacement(outcome.ups) if outcome.ups is not None else None
    if moved is not None and len(moved):
        record["client_drift"] = client_drift(moved, outcome.cohort.weights)
        record["cancellation"] = cancellation(moved, outcome.cohort.weights)
    return record


def round_numbers(task: Task, record: dict[str, Any]) -> dict[str, float]:
    """What a record measured, without what is not known: see `ProgressEvent.numbers`."""
    plain = ("bytes_down", "bytes_up", "gradients", "train_seconds", "client_drift", "epsilon")
    found = {name: float(record[name]) for name in plain if name in record}
    name, evaluation = task.main.name, record.get("evaluation", {})
    for family, key in (("global", "global"), ("validation", "validation")):
        if key in evaluation:
            found[f"{family}_{name}"] = float(evaluation[key][name])
    for family, key in (("personalised", "personal"), ("new", "new")):
        if key in evaluation:
            values = np.asarray(evaluation[key][name], dtype=np.float64)
            known = values[np.isfinite(values)]
            found[f"{family}_{name}_mean"] = float(known.mean()) if len(known) else np.nan
    return {key: value for key, value in found.items() if np.isfinite(value)}


def _validation(task: Task, record: dict[str, Any]) -> str | None:
    if "evaluation" not in record:
        return None
    return task.main.text(record["evaluation"]["validation"][task.main.name])


def _rejections(record: dict[str, Any]) -> str | None:
    if "rejected" not in record:
        return None
    names = ", ".join(record["rejected"])
    return (
        f"round {record['round']}: answers of {names} cannot be used: their "
        f"numbers are not finite. {LIKELY_CAUSE} Later rounds are counted, not said."
    )


def one_answer_text(evaluation: dict[str, Any]) -> str:
    """That a model has learned nothing, where it gives one answer to everybody."""
    return (
        f"all test samples get one answer, {evaluation['one_answer']}, although they are several "
        "things: the model has learned nothing. Likely causes are a step size too large or too "
        "small, unscaled features, or too few rounds."
    )
