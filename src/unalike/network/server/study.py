"""A study over a network, on the server's side: all its runs, one after the other."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from flwr.serverapp import Grid
from numpy.typing import NDArray
from torch import Tensor

from unalike.api.studies import environment, read_result
from unalike.data.federation import Federation
from unalike.data.skews.temporal_skews import TemporalSkew
from unalike.errors import InputError
from unalike.network.protocol.run_config import Run, told
from unalike.privacy import read_secret, require_accountant, with_privacy
from unalike.results.comparison import write_summary
from unalike.study.inputs import UserInputs, deal_study, problem_for
from unalike.study.roster import OWN, Roster, Site, read_sites
from unalike.study.settings import BASELINES, Study, read_study
from unalike.study.store import RunStore, prepare_folder, write_atomically
from unalike.study.training import ProgressEvent, finished, train
from unalike.weighting.weights import objective

from .remote_clients import FlowerClients, Setting
from .requests import Post
from .sites import Attendance, Tell, Terms


def prepare(
    study: Study,
    folder: Path,
    *,
    sites: int = 0,
    overwrite: bool = False,
    tell: Tell = lambda _: None,
) -> Roster:
    """Make the folder of a new study over a network.

    sites: how many are expected; as many as the study has clients if 0.

    Raises:
        InputError: the study cannot be done over a network, or the folder is taken.
    """
    study = _suited(study, tell)
    places = _places(study, sites)
    prepare_folder(folder, overwrite=overwrite)
    study.write(folder / "study.toml")
    write_atomically(folder / "environment.json", json.dumps(environment(), indent=2).encode())
    roster = Roster(_token(study), places, dealt=study.data != OWN, folder=folder)
    roster.write()
    return roster


def conduct(grid: Grid, folder: Path, terms: Terms, tell: Tell) -> None:
    """Do what is left of the study in this folder, then write its summary and its report.

    Raises:
        InputError: there are too few sites for too long; the study can be gone on with.
    """
    study = read_study(folder / "study.toml")
    roster = read_sites(folder)
    if roster is None:
        raise InputError(f"{folder} holds no study over a network: begin it with 'unalike serve'.")
    attendance = Attendance(study, roster, Post(grid, poll=terms.poll), terms, tell)
    left = [
        (label, seed)
        for seed in range(study.seeds)
        for label in study.labels()
        if terms.baselines or label not in BASELINES or label in study.methods
        if not _is_finished(study, _store(folder, label, seed))
    ]
    if left:
        attendance.gather()
    unsuited: dict[str, InputError] = {}
    for label, seed in left:
        try:
            setting = _setting(study, label, seed, roster)
            clients = FlowerClients(setting, attendance)
        except InputError as error:
            if label not in unsuited:
                tell({"event": "remark", "text": f"{label} is left out: {error}"})
            unsuited[label] = error
            continue
        _run(study, clients, _store(folder, label, seed), tell)
    if unsuited and not any((folder / "runs").glob("*/*/metrics.jsonl")):
        raise next(iter(unsuited.values()))
    comparison = read_result(folder)
    write_summary(comparison, folder / "summary.csv")
    comparison.report(folder / "report.html")
    tell({"event": "finished"})


def _store(folder: Path, label: str, seed: int) -> RunStore:
    return RunStore(folder / "runs" / label / f"seed-{seed}")


def _is_finished(study: Study, store: RunStore) -> bool:
    known = store.records()
    return bool(known) and finished(known, study)


def _run(study: Study, clients: FlowerClients, store: RunStore, tell: Tell) -> None:
    label, seed = clients.setting.run.label, clients.setting.run.seed
    begun = False

    def listen(progress: ProgressEvent) -> None:
        nonlocal begun
        if progress.plan is not None:
            begun = True
            tell({"event": "plan", "method": label, "seed": seed, "text": progress.plan})
        elif not begun:
            tell({"event": "remark", "text": f"{label}, seed {seed}: {progress.remark}"})
        elif not progress.finished:
            tell(_round(store.records()[-1], study, clients))

    train(clients, store, study, label, seed, listen)


def _round(record: dict[str, Any], study: Study, clients: FlowerClients) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event": "round",
        "method": clients.setting.run.label,
        "seed": clients.setting.run.seed,
        "t": record["round"],
        "rounds": study.rounds,
        "answers": record.get("answers", 0),
        "dropped": record.get("dropped", []),
        "rejected": record.get("rejected", []),
        "bytes_down": record.get("bytes_down", 0),
        "bytes_up": record.get("bytes_up", 0),
        "seconds": record.get("train_seconds"),
    }
    measured = record.get("evaluation")
    if isinstance(measured, dict):
        names = clients.names(np.arange(len(clients.places)))
        found = measured["personal"]["accuracy"]
        event["accuracy"] = {
            name: value for name, value in zip(names, found, strict=True) if not math.isnan(value)
        }
        event["hidden"] = measured.get("hidden", [])
    for key in ("diverged", "epsilon"):
        if key in record:
            event[key] = record[key]
    return event


def _setting(study: Study, label: str, seed: int, roster: Roster) -> Setting:
    def federation() -> Federation:
        return deal_study(study, seed) if roster.dealt else roster.federation()

    held = federation()
    problem = problem_for(study, held, UserInputs())
    clients = int((~held.newcomers).sum())
    run = Run(roster.token, told(study), label, seed, 0, clients, held.classes)

    def weights(sizes: NDArray[np.int64]) -> Tensor:
        return objective(study.weights, sizes, seed=seed)

    method = with_privacy(study.method(label), study.privacy, problem)
    secret = 0
    if study.privacy is not None and roster.folder is not None:
        secret = read_secret(roster.folder / "secret")
    w = problem.init(seed)
    return Setting(method, problem, w, federation, weights, run, study.privacy, secret)


def _suited(study: Study, tell: Tell) -> Study:
    """The study without what has no meaning over a network."""
    if study.official_test:
        raise InputError(
            "official_test = true judges models on samples that no site holds: leave it out for a "
            "study over a network."
        )
    if study.privacy is not None:
        require_accountant()
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
    asked = study.labels() if "all" in study.methods else list(study.methods)
    everything = [label for label in asked if study.method(label).pooled]
    kept = [label for label in asked if label not in everything]
    why = "it needs the samples of all sites in one place, which a network is there to avoid."
    if not kept:
        raise InputError(f"{everything[0]} cannot be run over a network: {why}")
    for label in everything:
        tell({"event": "remark", "text": f"{label} is left out: {why}"})
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
    settings = json.dumps(told(study), sort_keys=True).encode()
    return f"{hashlib.blake2b(settings, digest_size=6).hexdigest()}-{secrets.token_hex(4)}"
