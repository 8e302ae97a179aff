"""Adding seeds to a finished study: so many, or as many as it takes to decide.

What is there is kept; only the new seeds are trained, with the study's own settings. Results were
looked at before more seeds were asked for, which the study remembers (`looks`): from then on it is
judged at the level that alpha spending leaves (see `results/alpha_spending.py`).
"""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from torch import nn

from unalike.core import Problem
from unalike.engines.machine import one_thread
from unalike.errors import InputError, unknown
from unalike.results.alpha_spending import spent
from unalike.results.comparison import read_environment
from unalike.results.evidence import Question
from unalike.results.evidence_sentences import p_text
from unalike.results.ranking import Ranking
from unalike.results.table import seed_count
from unalike.results.units import listed
from unalike.study.backends import workers
from unalike.study.folder_lock import lock_folder
from unalike.study.inputs import UserInputs
from unalike.study.merge import open_study
from unalike.study.roster import read_sites
from unalike.study.search_spaces import check_tuning
from unalike.study.settings import Study
from unalike.study.study_folder import LOCK_SECONDS, STUDY
from unalike.study.training import ProgressCallback, ProgressEvent
from unalike.study.trial import check_study
from unalike.study.truth_table import write_truth
from unalike.tracking import tracked

from .finish import finish_study
from .given_again import inputs_given_again
from .result import Result, read_result
from .studies import federations_of, unfinished

MOST_SEEDS = 30
"""Until decided, where nobody says how many at most."""

Until = Literal["decided"]


def continue_study(
    folder: str | Path,
    *,
    seeds: int | None = None,
    until: Until | None = None,
    data: Any = None,
    client: Any = None,
    label: Any = None,
    model: nn.Module | Problem | None = None,
    loss: Any = None,
    output: str | int | None = None,
    jobs: int | None = None,
    backend: str | None = None,
    track: str = "",
    tell: ProgressCallback = lambda _: None,
) -> Result:
    """Add seeds to a finished study; the runs that it has are kept as they are.

        >>> result = continue_study("runs/mine", seeds=10)  # doctest: +SKIP

    Args:
        folder: of the study.
        seeds: how many it is to have in all. With `until` the most that it may get, 30 if not
            given.
        until: "decided" looks at the results after each half as many seeds more, and ends where
            the leader is told apart from all other methods, Local among them. All looks together
            err in at most 5 % of studies whose methods are equal.
        data, client, label, model, loss, output: as in `compare`, where the study was given them
            from Python.
        jobs, backend, track, tell: as in `compare`.

    Raises:
        InputError: one sentence says what to change; the study stays as it was.
    """
    home = Path(folder)
    study = _continuable(home)
    inputs = inputs_given_again(
        study,
        home,
        data=data,
        client=client,
        label=label,
        model=model,
        loss=loss,
        output=output,
    )
    goal = _goal(study, home, seeds, until)

    def extended(study: Study) -> Result:
        with tracked(track, study, home, tell) as listen, workers(backend, jobs) as found:
            federations = federations_of(study, inputs)
            return finish_study(study, home, inputs, federations, listen, jobs=found.count)

    if until is None:
        return extended(_with_seeds(study, home, inputs, goal))
    while True:
        result = extended(study) if unfinished(study, home) else read_result(home, inputs)
        questions = questions_at_a_look(result)
        decided = bool(questions) and all(question.decided for question in questions)
        tell(ProgressEvent("", 0, 0, remark=_look(study, questions, goal)))
        if study.seeds >= goal or decided:
            return result
        study = _with_seeds(study, home, inputs, next_look(study.seeds, goal))


def next_look(seeds: int, most: int) -> int:
    """How many seeds there are at the next look: half as many more, and at least two."""
    return min(most, max(seeds + 2, math.ceil(1.5 * seeds)))


def questions_at_a_look(result: Result) -> tuple[Question, ...]:
    """What is asked of a study to which seeds may be added: the first look spends as others do."""
    ranking = Ranking(result, "best")
    if ranking.looks:
        return ranking.questions
    return ranking.questions_at(spent(seed_count(ranking.wide)))


def _continuable(folder: Path) -> Study:
    """The study in this folder.

    Raises:
        InputError: there is none, or no seeds can be added to it here.
    """
    study = open_study(folder)
    if read_sites(folder) is not None:
        raise InputError(
            f"The sites of the study in {folder} are on other machines, and each of its seeds was "
            "agreed with them: begin a study of more seeds with 'unalike serve'."
        )
    if study.tuning is not None and not study.tuning.done:
        raise InputError(
            f"The search of the study in {folder} is not done: 'unalike resume {folder}' first."
        )
    made_by = read_environment(folder).get("unalike", "")
    ours = version("unalike")
    if made_by != ours:
        raise InputError(
            f"The study in {folder} was made by unalike {made_by} and this is {ours}, whose "
            "seeds might differ by more than chance: take that version, or begin the study anew "
            f"with 'unalike compare {folder / STUDY} --out ...'."
        )
    return study


def _goal(study: Study, folder: Path, seeds: int | None, until: str | None) -> int:
    """How many seeds the study is to have, or may get.

    Raises:
        InputError: nothing was said, or they are fewer than there are.
    """
    if until is not None and until not in get_args(Until):
        raise unknown("end of a study, until =", until, get_args(Until))
    if seeds is None and until is None:
        raise InputError(
            "Say how many seeds the study is to have, such as --seeds 10, or --until decided."
        )
    goal = MOST_SEEDS if seeds is None else seeds
    if goal < study.seeds:
        raise InputError(
            f"The study in {folder} has {study.seeds:,} seeds already, more than "
            f"{'--seeds ' if seeds is not None else 'the usual most of '}{goal:,}: seeds counts "
            "all that it is to have."
        )
    return goal


def _with_seeds(study: Study, folder: Path, inputs: UserInputs, seeds: int) -> Study:
    """The study with so many seeds, as its folder then has it.

    Raises:
        InputError: the data cannot be dealt with one of them; nothing is written.
    """
    if seeds == study.seeds:
        return study
    check_tuning(
        study.tuning,
        labels=study.labels(),
        settings=study.settings,
        validation=study.validation,
        seeds=seeds,
    )
    looks = (*study.looks, study.seeds)
    longer = study.model_copy(update={"seeds": seeds, "looks": looks})
    federations = federations_of(longer, inputs)
    for federation in federations[study.seeds :]:
        federation.check_training_samples()
    with one_thread():
        check_study(longer, federations)
    with lock_folder(folder, LOCK_SECONDS):
        if open_study(folder).as_toml() != study.as_toml():
            raise InputError(f"Another process has changed the study in {folder}: try again.")
        longer.write(folder / STUDY)
        write_truth(federations, folder / "truth.csv")
    return longer


def _look(study: Study, questions: tuple[Question, ...], goal: int) -> str:
    """What this look has found, in a sentence."""
    left = [question for question in questions if not question.decided]
    text = f"{study.seeds:,} seed{'s' if study.seeds != 1 else ''}: "
    if questions and not left:
        return text + f"decided at p < {p_text(questions[0].level)}."
    ps = [f"p = {p_text(one.p)} against {one.rival}" for one in left if not math.isnan(one.p)]
    text += "not decided" + (f" ({listed(ps)}, needed p < {p_text(left[0].level)})" if ps else "")
    end = study.seeds >= goal
    if any(question.lacks_samples for question in left):
        text += "; more seeds would hardly decide it, since all draw on the same samples"
    return f"{text}; at most {goal:,} seeds{' were to be taken' if end else ''}."
