"""From clients to advice: diagnose, shortlist, race, choose, test once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.data.sources import SOURCES
from unalike.diagnosis import Diagnosis, diagnose
from unalike.engines.machine import cores
from unalike.errors import InputError, unknown
from unalike.study.jobs import Tell
from unalike.study.run import Own, problem_for, problem_of
from unalike.study.settings import Study, make_study
from unalike.study.store import prepare_folder, write_atomically

from .advice_page import write_advice
from .advice_result import Advice
from .candidates import CANDIDATES, REFERENCES
from .clients import DEALING, federation_of
from .folds import Known, known
from .heats import Schedule, schedule
from .measured import measure, tested
from .method_choice import choose, entry_of, steadiest
from .race import Contestant, Race
from .rules import Proposal, shortlist

SHUFFLES = 100


class Brief(NamedTuple):
    """What is known before anything is trained."""

    diagnosis: Diagnosis
    shortlist: tuple[Proposal, ...]
    unfit: dict[str, str]
    plan: Schedule


def advise(
    data: str | Path | Federation = "digits",
    *,
    client_column: str | None = None,
    label_column: str | None = None,
    model: str | nn.Module | Problem = "auto",
    methods: str | Sequence[str] | None = None,
    rounds: int = 30,
    folds: int = 5,
    seeds: int = 3,
    budget: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    jobs: int = 1,
    announce: Callable[[Brief], None] = lambda _: None,
    tell: Tell = lambda _: None,
    **settings: Any,
) -> Advice:
    """Say which method fits these clients, with evidence.

        >>> advice = advise("digits", model="logistic", clients=5, rounds=2, folds=2, seeds=1,
        ...                 methods="fedprox")
        >>> advice.method in ("local", "fedavg", "finetuning", "fedprox")
        True

    The race knows training and validation samples only. Test samples are looked at once, after
    the choice.

    Args:
        data: the name of a data set, your own .npz, .csv or .parquet file or folder of pictures,
            or a `Federation`.
        client_column: of your own file, the column that names the client; "client" if not given.
        label_column: of your own file, the column of classes; "y" if not given.
        model: the name of a network, a `torch.nn.Module`, or a `Problem`.
        methods: who may race, in place of what the rules propose; the references always do.
        rounds: of every run in the end.
        folds: into which the known samples of each client are cut.
        seeds: of the final test.
        budget: the most gradients of single samples that the race may compute.
        seed: of the deal, the diagnosis and the folds.
        out: folder of the advice; an interrupted one goes on from there.
        overwrite: begin anew where the folder holds other advice.
        jobs: runs at the same time, each in a process of its own.
        announce: called with diagnosis, shortlist and price before the race starts.
        tell: called after every round of every run.
        settings: any other field of `Study`, such as local_epochs=2 or alpha=0.1.

    Raises:
        InputError: one sentence says what to change.
    """
    for name in ("settings", "methods", "evaluate_every"):
        if name in settings:
            raise InputError(f"{name} cannot be given here: a race sets it itself.")
    if folds < 2:
        raise InputError(f"There must be at least 2 folds, not {folds}.")
    named = isinstance(data, str) and data in SOURCES
    study = make_study(
        {
            **{name: value for name, value in settings.items() if named or name not in DEALING},
            "rounds": rounds,
            "seeds": seeds,
            "data": data if named else "own",
            "model": model if isinstance(model, str) else "own",
        }
    )
    columns = {"client_column": client_column, "label_column": label_column}
    federation = federation_of(
        data,
        study,
        columns={name: value for name, value in columns.items() if value is not None},
        settings=settings,
        seed=seed,
    )
    study = study.model_copy(update={"data": "own", "split": "natural", "skew": ()})
    problem = model if isinstance(model, Problem) else None
    if isinstance(model, nn.Module):
        problem = problem_of(model, federation, study)
    asked = methods.split(",") if isinstance(methods, str) else methods
    given = {"methods": asked, "folds": folds, "budget": budget, "seed": seed}
    if out is None:
        with tempfile.TemporaryDirectory(prefix="unalike-") as folder:
            return _advise(
                study, federation, problem, given, Path(folder), overwrite, jobs, announce, tell
            )
    return _advise(study, federation, problem, given, Path(out), overwrite, jobs, announce, tell)


def _advise(
    study: Study,
    federation: Federation,
    problem: Problem | None,
    given: dict[str, Any],
    folder: Path,
    overwrite: bool,
    jobs: int,
    announce: Callable[[Brief], None],
    tell: Tell,
) -> Advice:
    held = known(federation, given["seed"])
    brief = _briefed(study, federation, problem, given, held)
    settings = {**study.model_dump(exclude={"methods", "settings"}), **given}
    _open(folder, {**settings, "samples": held.digest}, overwrite)
    announce(brief)
    free = max(1, cores() // max(1, jobs))
    race = Race(
        held, study, problem, given["folds"], folder / "race", jobs=jobs, cores=free, tell=tell
    )
    final = race.run(brief.plan)
    choice = choose(final, alike=not brief.diagnosis.found)
    chosen: dict[str, Contestant] = {
        name: steadiest(final, entry_of(final, name)).contestant for name in ("fedavg", "local")
    }
    chosen[choice.advised.method] = choice.advised
    measured = measure(
        tested(study, list(chosen.values())),
        federation,
        problem,
        choice.advised.method,
        folder / "test",
        jobs=jobs,
        cores=free,
        tell=tell,
    )
    advice = Advice(
        *brief, tuple(race.stages), sum(race.spent.values()), choice, measured, settings
    )
    write_advice(advice, folder)
    return advice


def _briefed(
    study: Study,
    federation: Federation,
    problem: Problem | None,
    given: dict[str, Any],
    held: Known,
) -> Brief:
    diagnosis = diagnose(federation, shuffles=SHUFFLES, seed=given["seed"], optimise=False)
    proposals = shortlist(diagnosis)
    if given["methods"] is not None:
        proposals = _asked(given["methods"], proposals)
    model = problem_for(study, federation, Own(federation, problem))
    unfit = {
        proposal.method: reason
        for proposal in proposals
        if (reason := CANDIDATES[proposal.method].unfit(model)) is not None
    }
    smallest = len(held.names)
    names = [proposal.method for proposal in proposals if proposal.method not in unfit]
    if smallest < max(CANDIDATES["ifca"].values) and "ifca" in names:
        unfit["ifca"] = f"{smallest} clients are too few for several models."
        names.remove("ifca")
    epochs = study.local_epochs * (held.held.sizes.sum() - held.held.sizes.sum() // given["folds"])
    plan = schedule(
        names,
        rounds=study.rounds,
        folds=given["folds"],
        samples=int(epochs),
        budget=given["budget"],
    )
    return Brief(diagnosis, proposals, unfit, plan)


def _asked(names: Sequence[str], proposals: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """The methods a user wants, after the references; with the rules' reasons where they agree."""
    known_reasons = {proposal.method: proposal for proposal in proposals}
    wanted = dict.fromkeys([*REFERENCES, *(name.strip() for name in names if name.strip())])
    for name in wanted:
        if name not in CANDIDATES:
            raise unknown("candidate", name, CANDIDATES)
    return tuple(
        known_reasons.get(name, Proposal(name, ("asked for",), ("the user",))) for name in wanted
    )


def _open(folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Make the folder ready, or find in it the same race to go on with."""
    path = folder / "race.json"
    text = json.dumps(
        {**settings, "unalike": version("unalike"), "candidates": repr(CANDIDATES)},
        indent=1,
        default=str,
    )
    try:
        if not path.exists() and folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder} is not empty and holds no race; give --out another.")
        if overwrite:
            _clear(folder)
        elif path.exists() and path.read_text("utf-8") != text:
            raise InputError(
                f"{folder} holds a race with other settings or data: give --out another folder, or "
                "--overwrite it."
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None


def _clear(folder: Path) -> None:
    """Remove what a race left in its folder, and nothing else."""
    for part in ("race", "test"):
        if (folder / part / "study.toml").exists():
            prepare_folder(folder / part, overwrite=True)
    for name in ("advice.json", "advice.html", "race.json"):
        (folder / name).unlink(missing_ok=True)
