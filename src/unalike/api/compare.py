"""Comparing methods side by side: all runs of a study, one after the other or several at once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from unalike.core import Problem
from unalike.core.buffers import with_buffers
from unalike.data.federation import Federation
from unalike.engines.memory import require_memory
from unalike.engines.trial import try_round
from unalike.errors import InputError
from unalike.privacy import require_accountant
from unalike.study.inputs import UserInputs, federation_for, problem_for, problem_from_module
from unalike.study.jobs import ProgressCallback
from unalike.study.prequential import refuse_state_per_sample, with_window_evaluations
from unalike.study.run import memory_of_run, method_of_run
from unalike.study.settings import BASELINES, Study, make_study
from unalike.study.store import prepare_folder, write_atomically
from unalike.study.training import ProgressEvent
from unalike.study.truth_table import write_truth

from .data_argument import resolve_data
from .studies import Result, environment, federations_of, finish_study, setting_remarks


def compare(
    data: Any = "digits",
    *,
    client: Any = None,
    label: Any = None,
    model: str | nn.Module | Problem = "auto",
    loss: Any = None,
    output: str | int | None = None,
    methods: str | Sequence[str] = "all",
    out: str | Path | None = None,
    overwrite: bool = False,
    jobs: int = 1,
    tell: ProgressCallback = lambda _: None,
    **settings: Any,
) -> Result:
    """Train methods side by side on one federation and say who wins and who loses.

        >>> result = compare("digits", methods="fedavg,fedprox", rounds=5, seeds=1)
        >>> result.frame.columns.tolist()
        ['method', 'seed', 'client', 'metric', 'value']

    Args:
        data: the name of a data set; the path of a file or folder of your own; a data frame,
            arrays (x, y) or (x, y, client), a `torch.utils.data.Dataset` or a Hugging Face
            `datasets.Dataset`, all dealt anew with each seed; or your own `Federation`, the same
            one for every seed.
        client: whose each sample is: a column's name, or one name a sample.
        label: the classes: a column's name, or one value a sample.
        model: the name of a network, a `torch.nn.Module`, or a `Problem`.
        loss: of a module; cross-entropy, or its binary form for many labels, if not given.
        output: which of several things that a module returns is its output, by key or place.
        methods: names, as a list or separated by commas; "all" for every one.
        out: folder of the study, kept for `resume`; a temporary one if not given.
        overwrite: replace a study that `out` already holds.
        jobs: runs at the same time, each in a process of its own.
        tell: called after every round of every run.
        settings: any other field of `Study`, such as rounds=50, seeds=3 or skew=["rotation"];
            hyper-parameters as settings={"fedprox": {"mu": 1.0}}.

    Raises:
        InputError: one sentence says what to change.
    """
    names = methods if isinstance(methods, str) else tuple(methods)
    values, inputs = resolve_data(data, settings, client=client, label=label)
    own_model = {"model": model if isinstance(model, str) else "own"}
    study = make_study({"methods": names, **values, **own_model})
    if isinstance(model, Problem):
        inputs = replace(inputs, problem=model)
    elif isinstance(model, nn.Module):
        some = federation_for(study, inputs, 0)
        inputs = replace(inputs, problem=problem_from_module(model, some, study, loss, output))
    if out is None:
        with tempfile.TemporaryDirectory(prefix="unalike-") as folder:
            return run_study(study, Path(folder), inputs=inputs, jobs=jobs, tell=tell)
    return run_study(study, Path(out), inputs=inputs, overwrite=overwrite, jobs=jobs, tell=tell)


def run_study(
    study: Study,
    folder: Path,
    *,
    inputs: UserInputs = UserInputs(),  # noqa: B008
    overwrite: bool = False,
    jobs: int = 1,
    announce: Callable[[Federation], None] = lambda _: None,
    tell: ProgressCallback = lambda _: None,
) -> Result:
    """Run a new study into this folder.

    announce: called with the clients of the first seed before anything is trained.
    """
    federations = federations_of(study, inputs)
    study = runnable_study(study, federations[0], inputs, tell)
    announce(federations[0])
    prepare_folder(folder, overwrite=overwrite)
    study.write(folder / "study.toml")
    write_atomically(folder / "environment.json", json.dumps(environment(), indent=2).encode())
    write_truth(federations, folder / "truth.csv")
    return finish_study(study, folder, inputs, federations, jobs, tell)


def runnable_study(
    study: Study, federation: Federation, inputs: UserInputs, tell: ProgressCallback
) -> Study:
    """Refuse what cannot work before anything is written; "all" leaves such methods out, aloud."""
    problem = problem_for(study, federation, inputs)
    if study.compile and problem.fit.alone is not None:
        raise InputError(
            f"--compile is for models whose clients can be stacked, and {problem.fit.kind} cannot "
            f"be ({problem.fit.alone}): leave it out."
        )
    study = with_window_evaluations(study, federation)
    if study.classes is not None:
        raise InputError(
            "classes are named for sites of a federation ('unalike serve'), whose samples are "
            "elsewhere: leave them out."
        )
    if study.privacy is not None:
        require_accountant()
    kept = []
    for label in study.labels():
        try:
            method = with_buffers(method_of_run(study, label, federation, problem), problem)
            refuse_state_per_sample(method, problem, federation)
            needed = memory_of_run(study, label, federation, problem)
            require_memory(needed, f"{label} on {federation.clients:,} clients")
            if problem.fit.first_order is not None:
                try_round(study.method(label), problem, federation)
        except InputError as error:
            if "all" not in study.methods or label in (*study.methods, *BASELINES):
                raise
            tell(ProgressEvent("", 0, 0, remark=f"{label} is left out: {error}"))
            continue
        kept.append(label)
    added = [] if "all" in study.methods else set(BASELINES) - set(study.methods)
    for label in sorted(added):
        tell(
            ProgressEvent("", 0, 0, remark=f"{label} is run as well: harm is measured against it.")
        )
    study = study.model_copy(update={"methods": tuple(kept)})
    for remark in setting_remarks(study, inputs):
        tell(ProgressEvent("", 0, 0, remark=remark))
    return study
