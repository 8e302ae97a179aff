"""A study over a network, on the server's side: all its runs, one after the other."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from flwr.serverapp import Grid
from numpy.typing import NDArray
from torch import Tensor

from unalike.data.federation import Federation
from unalike.data.skews.temporal_skews import TemporalSkew
from unalike.errors import InputError
from unalike.network.protocol.run_description import (
    RunDescription,
    refuse_simulation,
    settings_for_sites,
)
from unalike.privacy import read_secret, require_accountant, secret_of_run
from unalike.study.data_files import ROLES
from unalike.study.environment import environment
from unalike.study.files import write_atomically
from unalike.study.inputs import UserInputs, deal_study, problem_for
from unalike.study.model_description import describe_run
from unalike.study.roster import OWN, Roster, Site, read_sites
from unalike.study.round_choice import best_round
from unalike.study.run import method_of_run
from unalike.study.settings import BASELINES, Study, read_study
from unalike.study.store import RunStore
from unalike.study.study_folder import prepare_folder
from unalike.study.training import ProgressEvent, finished, train
from unalike.study.variance_settings import wants_variances
from unalike.weighting.weights import objective

from .events import Event, EventHandler, remark
from .model_choice import RemoteModelWriter
from .preparations import preparation_of, tell_preparation
from .preprocessing_fit import fit_preprocessing
from .remote_clients import RemoteClients
from .remote_run import RunSetup
from .requests import Requests, audit_log
from .server_settings import ServerSettings
from .sites import ConnectedSites


def prepare(
    study: Study,
    folder: Path,
    *,
    sites: int = 0,
    overwrite: bool = False,
    on_event: EventHandler = lambda _: None,
) -> Roster:
    """Make the folder of a new study over a network.

    sites: how many are expected; as many as the study has clients if 0.

    Raises:
        InputError: the study cannot be done over a network, or the folder is taken.
    """
    study = _suitable(study, on_event)
    places = _places(study, sites)
    prepare_folder(folder, overwrite=overwrite)
    study.write(folder / "study.toml")
    write_atomically(folder / "environment.json", json.dumps(environment(), indent=2).encode())
    roster = Roster(_token(study), places, dealt=study.data != OWN, folder=folder)
    roster.write()
    return roster


def run_study(grid: Grid, folder: Path, settings: ServerSettings, on_event: EventHandler) -> None:
    """Do what is left of the study in this folder, then write its summary and its report.

    Raises:
        InputError: there are too few sites for too long; the study can be gone on with.
    """
    study = read_study(folder / "study.toml")
    roster = read_sites(folder)
    if roster is None:
        raise InputError(f"{folder} holds no study over a network: begin it with 'unalike serve'.")
    requests = Requests(grid, poll=settings.poll, audit=audit_log(folder))
    sites = ConnectedSites(study, roster, requests, settings, on_event)
    left = [
        (label, seed)
        for seed in range(study.seeds)
        for label in study.labels()
        if settings.baselines or label not in BASELINES or label in study.methods
        if not _is_finished(study, _store(folder, label, seed))
    ]
    if left:
        sites.wait_for_all()
    unsuited: dict[str, InputError] = {}
    for label, seed in left:
        _prepare_samples(sites, roster, seed, on_event)
        try:
            clients = RemoteClients(_run_setup(study, label, seed, roster), sites)
        except InputError as error:
            if label not in unsuited:
                on_event(remark(f"{label} is left out: {error}"))
            unsuited[label] = error
            continue
        _train(study, clients, _store(folder, label, seed), on_event)
    if unsuited and not any((folder / "runs").glob("*/*/metrics.jsonl")):
        raise next(iter(unsuited.values()))
    _write_results(folder)
    on_event({"event": "finished"})


def _write_results(folder: Path) -> None:
    """The table and the page; what they need is loaded now, not before the first round."""
    from unalike.api.result import read_result
    from unalike.results.summary import write_summary

    comparison = read_result(folder)
    write_summary(comparison, folder / "summary.csv")
    comparison.report(folder / "report.html")


def _store(folder: Path, label: str, seed: int) -> RunStore:
    return RunStore(folder / "runs" / label / f"seed-{seed}")


def _is_finished(study: Study, store: RunStore) -> bool:
    records = store.records()
    return bool(records) and finished(records, study)


def _train(study: Study, clients: RemoteClients, store: RunStore, on_event: EventHandler) -> None:
    label, seed = clients.setup.description.label, clients.setup.description.seed
    begun = False

    def on_progress(progress: ProgressEvent) -> None:
        nonlocal begun
        if progress.plan is not None:
            begun = True
            on_event({"event": "plan", "method": label, "seed": seed, "text": progress.plan})
        elif not begun or (progress.recorded and "diverged" not in store.records()[-1]):
            on_event(remark(f"{label}, seed {seed}: {progress.remark}"))
        elif not progress.finished:
            on_event(_round_event(store.records()[-1], study, clients))

    description = describe_run(study, label, seed, clients.federation, clients.setup.problem)
    measured = [record for record in store.records() if "evaluation" in record]
    best = best_round(clients.task, measured)["round"] if measured else 0
    keep = RemoteModelWriter(store.folder, study.keep, description, clients.run, best)
    train(clients, store, study, label, seed, on_progress, keep=keep)


def _round_event(record: dict[str, Any], study: Study, clients: RemoteClients) -> Event:
    event: Event = {
        "event": "round",
        "method": clients.setup.description.label,
        "seed": clients.setup.description.seed,
        "t": record["round"],
        "rounds": study.rounds,
        "answers": record.get("answers", 0),
        "dropped": record.get("dropped", []),
        "rejected": record.get("rejected", []),
        "bytes_down": record.get("bytes_down", 0),
        "bytes_up": record.get("bytes_up", 0),
        "seconds": record.get("train_seconds"),
    }
    evaluation = record.get("evaluation")
    if isinstance(evaluation, dict):
        names = clients.names(np.arange(len(clients.run.places)))
        main = clients.task.main
        scores = zip(names, evaluation["personal"][main.name], strict=True)
        known = {name: value for name, value in scores if not math.isnan(value)}
        event[main.name] = known
        event["measure"] = main.name
        event["texts"] = {name: main.text(value) for name, value in known.items()}
        event["mean"] = main.text(sum(known.values()) / len(known)) if known else ""
        event["hidden"] = evaluation.get("hidden", [])
    for key in ("diverged", "epsilon"):
        if key in record:
            event[key] = record[key]
    return event


def _run_setup(study: Study, label: str, seed: int, roster: Roster) -> RunSetup:
    def federation() -> Federation:
        return deal_study(study, seed) if roster.dealt else roster.federation(seed)

    now = federation()
    problem = problem_for(study, now, UserInputs())
    clients = int((~now.newcomers).sum())
    settings = settings_for_sites(study)
    description = RunDescription(roster.token, settings, label, seed, 0, clients)

    def weights(sizes: NDArray[np.int64]) -> Tensor:
        return objective(study.weights, sizes, seed=seed)

    method = method_of_run(study, label, now, problem)
    secret = 0
    if study.privacy is not None and roster.folder is not None:
        secret = secret_of_run(read_secret(roster.folder / "secret"), roster.token, label, seed)
    w = problem.init(seed)
    return RunSetup(
        method,
        problem,
        w,
        federation,
        weights,
        description,
        None if roster.dealt else partial(preparation_of, roster, str(seed)),
        study.privacy,
        secret,
    )


def _prepare_samples(
    sites: ConnectedSites, roster: Roster, seed: int, on_event: EventHandler
) -> None:
    """Fit the preprocessing of the sites' own samples with this seed, and keep it."""
    if roster.dealt or roster.preprocessing(seed) is not None:
        return
    first = not roster.fitted
    if first and sites.study.privacy is not None:
        on_event(
            remark(
                "What sites tell of their columns for the preprocessing is exact, and epsilon does "
                "not cover it: a site that must not tell it joins with --hide-columns."
            )
        )
    fitted = fit_preprocessing(sites, roster, seed)
    roster.fitted[str(seed)] = fitted.preprocessing.to_dict()
    if fitted.target_scale is not None:
        roster.target_scales[str(seed)] = fitted.target_scale.model_dump(mode="json")
    roster.write()
    if first:
        tell_preparation(roster, str(seed), on_event)


def _suitable(study: Study, on_event: EventHandler) -> Study:
    """The study without what has no meaning over a network."""
    refuse_simulation(study)
    if study.official_test:
        raise InputError(
            "official_test = true judges models on samples that no site holds: leave it out for a "
            "study over a network."
        )
    if study.privacy is not None:
        require_accountant()
    for label in study.labels():
        if wants_variances(study.method(label)):
            raise InputError(
                f"{label}: lam_rule = 'variance-components' sums over clients that are all here, "
                "and a network has no question for these sums: take lam_rule = 'sum' and the lam "
                "that a simulation, or a mixed model, has found."
            )
    if study.data == OWN:
        for name in (*ROLES, "layout", "channels", "decimal", "resize"):
            if getattr(study, name) is not None:
                raise InputError(
                    f"{name} says how a file is read, and each site reads its own: leave it out "
                    "of the study and say it to 'unalike join'."
                )
    for skew in study.skew:
        if study.data == OWN:
            raise InputError(
                f"The skew {skew.kind} is for a data set that the study deals, not for the sites' "
                "own samples: leave it out."
            )
        if isinstance(skew, TemporalSkew):
            raise InputError(
                f"The skew {skew.kind} changes over time what clients hold, which a study over a "
                "network does not judge: leave it out."
            )
    labels = study.labels() if "all" in study.methods else list(study.methods)
    pooled = [label for label in labels if study.method(label).pooled]
    kept = [label for label in labels if label not in pooled]
    why = "it needs the samples of all sites in one place, which a network is there to avoid."
    if not kept:
        raise InputError(f"{pooled[0]} cannot be run over a network: {why}")
    for label in pooled:
        on_event(remark(f"{label} is left out: {why}"))
    return study.model_copy(update={"methods": tuple(kept)})


def _places(study: Study, sites: int) -> list[Site | None]:
    if study.data == OWN:
        if sites < 1:
            raise InputError("Say how many sites are expected: their samples are their own.")
        return [None] * sites
    names = deal_study(study, 0).names
    if sites not in (0, len(names)):
        raise InputError(
            f"The study deals {study.data!r} to {len(names)} clients, so as many sites are needed, "
            f"not {sites}: set clients = {sites}, or leave the number of sites out."
        )
    return [Site(name, "") for name in names]


def _token(study: Study) -> str:
    settings = json.dumps(settings_for_sites(study), sort_keys=True).encode()
    return f"{hashlib.blake2b(settings, digest_size=6).hexdigest()}-{secrets.token_hex(4)}"
