"""Saying which method fits, with evidence."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge
from torch import nn

from unalike.advice.advice_result import Advice
from unalike.advice.pipeline import RacePreview, run_advice
from unalike.core import Problem
from unalike.errors import InputError
from unalike.functional.settings_types import Count, Seed, checked
from unalike.study.inputs import federation_for, problem_from_module
from unalike.study.settings import make_study
from unalike.study.training import ProgressCallback
from unalike.study.trial import check_study

from .data_argument import resolve_data
from .model_argument import model_name


def advise(
    data: Any = "digits",
    *,
    client: Any = None,
    label: Any = None,
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
    jobs: int | None = None,
    announce: Callable[[RacePreview], None] = lambda _: None,
    tell: ProgressCallback = lambda _: None,
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
        data: the name of a data set, the path of your own file or folder, a `Federation`, or
            samples in any form that `compare` takes.
        client, label: whose each sample is and the classes, as in `compare`.
        client_column: the column that names the client; "client" if not given.
        label_column: the column of classes; "y" if not given.
        model: the name of a network, a `torch.nn.Module`, or a `Problem`.
        methods: who may race, in place of what the rules propose; the references always do.
        rounds: of every run in the end.
        folds: into which the known samples of each client are cut.
        seeds: of the final test.
        budget: the most gradients of single samples that the race may compute.
        seed: of the deal, the diagnosis and the folds.
        out: folder of the advice; an interrupted one goes on from there.
        overwrite: begin anew where the folder holds other advice.
        jobs: runs at the same time; what `joblib.parallel_config` says if not given, else one.
        announce: called with diagnosis, shortlist and price before the race starts.
        tell: called after every round of every run.
        settings: any other field of `Study`, such as local_epochs=2 or alpha=0.1.

    Raises:
        InputError: one sentence says what to change.
    """
    for name in ("settings", "methods", "evaluate_every"):
        if name in settings:
            raise InputError(f"{name} cannot be given here: a race sets it itself.")
    folds = checked("folds", folds, Annotated[int, Ge(2)])
    budget = checked("budget", budget, Count | None)
    seed = checked("seed", seed, Seed)
    columns = {"client_column": client_column, "label_column": label_column}
    values, inputs = resolve_data(
        data, {**settings, **columns}, client=client, label=label, model=model
    )
    own_model = {"model": model_name(model)}
    study = make_study({**values, "rounds": rounds, "seeds": seeds, **own_model})
    federation = federation_for(study, inputs, seed)
    study = study.model_copy(update={"keep": "none", "data": "own", "split": "natural", "skew": ()})
    check_study(study, [federation])
    problem = model if isinstance(model, Problem) else None
    if isinstance(model, nn.Module):
        problem = problem_from_module(model, federation, study)
    asked = methods.split(",") if isinstance(methods, str) else methods
    given = {"methods": asked, "folds": folds, "budget": budget, "seed": seed}
    with ExitStack() as stack:
        if out is None:
            out = stack.enter_context(tempfile.TemporaryDirectory(prefix="unalike-"))
        return run_advice(
            study,
            federation,
            problem,
            given,
            Path(out),
            overwrite=overwrite,
            jobs=jobs,
            announce=announce,
            tell=tell,
        )
