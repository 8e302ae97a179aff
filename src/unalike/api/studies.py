"""A study in its folder: what is known of it, and what is left to do."""

from __future__ import annotations

from pathlib import Path

from unalike.core.buffers import with_buffers
from unalike.data.feature_scale import scale_warning
from unalike.data.federation import Federation
from unalike.data.preprocessing.preprocessing import preprocessing_sentences
from unalike.data.target_scaling import target_sentences
from unalike.errors import InputError
from unalike.results.hostile_clients import hostile_remarks
from unalike.robust import rule_text
from unalike.study.extensions import changed_plugins
from unalike.study.inputs import UserInputs, federation_for, problem_for
from unalike.study.local_work import state_remarks, work_remarks
from unalike.study.roster import methods_run, read_sites
from unalike.study.search_spaces import fixed_sentences
from unalike.study.settings import Study
from unalike.study.shard import WHOLE, Shard
from unalike.study.store import RunStore
from unalike.study.training import finished
from unalike.study.variance_settings import method_of_study, wants_variances


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
