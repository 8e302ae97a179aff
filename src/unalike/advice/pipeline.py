"""The steps from clients to advice: diagnose, shortlist, race, choose, test once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.diagnosis.diagnose import diagnose
from unalike.diagnosis.diagnosis_result import Diagnosis
from unalike.errors import InputError, unknown
from unalike.study.files import write_atomically
from unalike.study.inputs import UserInputs, problem_for
from unalike.study.settings import Study
from unalike.study.study_folder import prepare_folder
from unalike.study.training import ProgressCallback
from unalike.study.trial import try_method

from .advice_page import write_advice
from .advice_result import Advice
from .candidates import CANDIDATES, REFERENCES
from .final_test import final_study, run_final_test
from .folds import KnownSamples, known_samples
from .heats import RaceSchedule, schedule_race
from .method_choice import best_entry, choose, least_loss
from .race import Contestant, Race
from .rules import Proposal, shortlist

SHUFFLES = 100


class RacePreview(NamedTuple):
    """What is known before anything is trained."""

    diagnosis: Diagnosis
    shortlist: tuple[Proposal, ...]
    unfit: dict[str, str]
    plan: RaceSchedule


def run_advice(
    study: Study,
    federation: Federation,
    problem: Problem | None,
    given: dict[str, Any],
    folder: Path,
    *,
    overwrite: bool,
    jobs: int | None,
    announce: Callable[[RacePreview], None],
    tell: ProgressCallback,
) -> Advice:
    """The advice for the clients of a federation, kept in a folder with all its runs.

    study: rounds, seeds, model and training of every run; its methods and settings are not read.
    given: `methods` that the user asked for, or None; `folds`, `budget` and `seed` of the race.

    Raises:
        InputError: one sentence says what to change.
    """
    samples = known_samples(federation, given["seed"])
    preview = _preview(study, federation, problem, given, samples)
    settings = {**study.model_dump(exclude={"methods", "settings"}), **given}
    _open_folder(folder, {**settings, "samples": samples.digest}, overwrite)
    announce(preview)
    race = Race(samples, study, problem, given["folds"], folder / "race", jobs=jobs, tell=tell)
    final = race.run(preview.plan)
    choice = choose(final, federation.task.main, given["folds"], alike=not preview.diagnosis.found)
    chosen: dict[str, Contestant] = {
        name: least_loss(
            final.entries, best_entry(final.entries, name), federation.task.main
        ).contestant
        for name in ("fedavg", "local")
    }
    chosen[choice.advised.method] = choice.advised
    measured = run_final_test(
        final_study(study, list(chosen.values())),
        federation,
        problem,
        choice.advised.method,
        folder / "test",
        jobs=jobs,
        tell=tell,
    )
    advice = Advice(
        *preview, tuple(race.stages), sum(race.spent.values()), choice, measured, settings
    )
    write_advice(advice, folder)
    return advice


def _preview(
    study: Study,
    federation: Federation,
    problem: Problem | None,
    given: dict[str, Any],
    samples: KnownSamples,
) -> RacePreview:
    diagnosis = diagnose(federation, shuffles=SHUFFLES, seed=given["seed"], optimise=False)
    proposals = shortlist(diagnosis)
    if given["methods"] is not None:
        proposals = _named_proposals(given["methods"], proposals)
    model = problem_for(study, federation, UserInputs(federation, problem))
    unfit = {
        proposal.method: reason
        for proposal in proposals
        if (reason := _unfit(proposal.method, study, model, federation)) is not None
    }
    smallest = len(samples.names)
    names = [proposal.method for proposal in proposals if proposal.method not in unfit]
    if smallest < max(CANDIDATES["ifca"].values) and "ifca" in names:
        unfit["ifca"] = f"{smallest} clients are too few for several models."
        names.remove("ifca")
    sizes = samples.lists.sizes
    seen = study.work.samples_per_round(sizes, study.batch_size)
    seen *= 1 - (sizes.sum() // given["folds"]) / sizes.sum()
    plan = schedule_race(
        names,
        rounds=study.rounds,
        folds=given["folds"],
        samples=round(seen),
        budget=given["budget"],
    )
    return RacePreview(diagnosis, proposals, unfit, plan)


def _unfit(name: str, study: Study, model: Problem, federation: Federation) -> str | None:
    """Why a candidate makes no sense for this model, or cannot train on these clients."""
    candidate = CANDIDATES[name]
    if (reason := candidate.unfit(model)) is not None:
        return reason
    try:
        try_method(study, candidate.build(candidate.settings()[0]), model, federation)
    except InputError as error:
        return str(error)
    return None


def _named_proposals(names: Sequence[str], proposals: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """The methods a user wants, after the references; with the rules' reasons where they agree."""
    known_reasons = {proposal.method: proposal for proposal in proposals}
    wanted = dict.fromkeys([*REFERENCES, *(name.strip() for name in names if name.strip())])
    for name in wanted:
        if name not in CANDIDATES:
            raise unknown("candidate", name, CANDIDATES)
    return tuple(
        known_reasons.get(name, Proposal(name, ("asked for",), ("the user",))) for name in wanted
    )


def _open_folder(folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
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
            _clear_folder(folder)
        elif path.exists() and path.read_text("utf-8") != text:
            raise InputError(
                f"{folder} holds a race with other settings or data: give --out another folder, or "
                "--overwrite it."
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None


def _clear_folder(folder: Path) -> None:
    """Remove what a race left in its folder, and nothing else."""
    for part in ("race", "test"):
        if (folder / part / "study.toml").exists():
            prepare_folder(folder / part, overwrite=True)
    for name in ("advice.json", "advice.html", "race.json"):
        (folder / name).unlink(missing_ok=True)
