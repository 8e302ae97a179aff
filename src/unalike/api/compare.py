"""Comparing methods side by side: all runs of a study, one after the other or several at once."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from unalike.core import Method, Problem
from unalike.core.buffers import with_buffers
from unalike.data.federation import Federation
from unalike.engines.machine import device_named, held_memory, one_thread
from unalike.engines.memory import require_memory
from unalike.engines.precision import require_precision
from unalike.errors import InputError
from unalike.privacy import require_accountant
from unalike.results.units import duration, size
from unalike.study.backends import workers
from unalike.study.environment import environment
from unalike.study.extensions import require_plugins
from unalike.study.forecast import forecast, is_long
from unalike.study.inputs import UserInputs, federation_for, problem_for, problem_from_module
from unalike.study.kept_size import with_kept_models
from unalike.study.prequential import refuse_state_per_sample, with_window_evaluations
from unalike.study.run import memory_of_run, method_of_run
from unalike.study.settings import BASELINES, Study, make_study
from unalike.study.shard import WHOLE, Shard, parse_shard
from unalike.study.study_folder import begin_study
from unalike.study.training import ProgressCallback, ProgressEvent
from unalike.study.trial import check_study, try_method
from unalike.study.truth_table import write_truth
from unalike.study.worker import pack
from unalike.tracking import tracked
from unalike.tracking.tracker import check_trackers

from .data_argument import resolve_data
from .finish import finish_study
from .method_argument import methods_and_settings
from .model_argument import model_name
from .studies import federations_of, setting_remarks

if TYPE_CHECKING:
    from .result import Result


def compare(
    data: Any = "digits",
    *,
    client: Any = None,
    label: Any = None,
    model: str | nn.Module | Problem = "auto",
    loss: Any = None,
    output: str | int | None = None,
    methods: str | Sequence[str | Method | type[Method]] = "all",
    tune: int | Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    shard: str | None = None,
    jobs: int | None = None,
    backend: str | None = None,
    track: str = "",
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
        loss: of the task by name, such as "huber"; of a module also a loss of PyTorch's or any
            function (output, y) -> losses [B]. The usual loss of the task if not given.
        output: which of several things that a module returns is its output, by key or place.
        methods: names, as a list or separated by commas; "all" for every one. A list may also
            hold methods of your own, such as MyMethod(lr=0.05) or its class.
        tune: how many settings to try of each method before the runs that are reported, or a table
            such as {"trials": 16, "sampler": "tpe"}. They are judged on validation samples; what
            `settings` gives stays as it is.
        out: folder of the study, kept for `resume`; if not given a temporary one, which lasts as
            long as the result.
        overwrite: replace a study that `out` already holds.
        shard: "2/3" does the second of three parts of the runs; the parts may share `out`, or
            have folders of their own for `resume`.
        jobs: runs at the same time; what `joblib.parallel_config` says if not given, else one.
        backend: where runs are done: "loky" (processes), "threading", "dask:ADDRESS" or "ray";
            what `joblib.parallel_config` says if not given.
        track: "tensorboard", "mlflow" or "wandb", or several with commas; they write into `out`.
        tell: called after every round of every run, with a `ProgressEvent`.
        settings: any other field of `Study`, such as rounds=50, seeds=3 or skew=["rotation"];
            hyper-parameters as settings={"fedprox": {"mu": 1.0}}.

    Raises:
        InputError: one sentence says what to change.
    """
    names, given = methods_and_settings(methods, settings.pop("settings", {}))
    part = parse_shard(shard)
    if part != WHOLE and out is None:
        raise InputError(f"shard={shard!r} needs out=..., a folder in which the part is kept.")
    if tune is not None:
        settings["tuning"] = tune
    if check_trackers(track) and out is None:
        raise InputError(f"track={track!r} needs out=..., a folder in which it writes.")
    values, inputs = resolve_data(data, settings, client=client, label=label, model=model)
    own_model = {"model": model_name(model)}
    if isinstance(loss, str):
        values["loss"] = loss
    study = make_study({"methods": names, **values, "settings": given, **own_model})
    if isinstance(model, Problem):
        inputs = replace(inputs, problem=model)
    elif isinstance(model, nn.Module):
        some = federation_for(study, inputs, 0)
        inputs = replace(inputs, problem=problem_from_module(model, some, study, loss, output))
    if out is None:
        return _in_temporary_folder(study, inputs, jobs=jobs, backend=backend, tell=tell)
    return run_study(
        study,
        Path(out),
        inputs=inputs,
        overwrite=overwrite,
        shard=part,
        jobs=jobs,
        backend=backend,
        track=track,
        tell=tell,
    )


def _in_temporary_folder(study: Study, inputs: UserInputs, **how: Any) -> Result:
    """Run the study in a folder that is removed with its result, whose models lie there."""
    folder = Path(tempfile.mkdtemp(prefix="unalike-"))
    try:
        result = run_study(study, folder, inputs=inputs, **how)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for path in folder.glob("runs/*/*/checkpoint.*"):
        path.unlink()
    weakref.finalize(result.models, shutil.rmtree, folder, ignore_errors=True)
    return result


def run_study(
    study: Study,
    folder: Path,
    *,
    inputs: UserInputs = UserInputs(),  # noqa: B008
    overwrite: bool = False,
    shard: Shard = WHOLE,
    jobs: int | None = None,
    backend: str | None = None,
    track: str = "",
    announce: Callable[[Federation], None] = lambda _: None,
    tell: ProgressCallback = lambda _: None,
) -> Result:
    """Run a new study, or a part of one, into this folder.

    announce: called with the clients of the first seed before anything is trained.

    Raises:
        InputError: one sentence says what to change; nothing is written.
    """
    if overwrite and shard != WHOLE:
        raise InputError(
            f"--overwrite with --shard {shard} would remove what the other parts have done: remove "
            f"{folder} yourself, or give --out another folder."
        )
    if study.tuning is not None and not study.tuning.done and shard != WHOLE:
        raise InputError(
            f"--tune with --shard {shard}: the parts of a study share one search. Tune without "
            "--shard; the study.toml in its folder then holds the chosen settings."
        )
    check_trackers(track)
    federations = federations_of(study, inputs)
    for federation in federations:
        federation.check_training_samples()
    with one_thread():
        study = runnable_study(study, federations, inputs, tell)
        study = with_kept_models(
            study,
            folder,
            federations[0],
            problem_for(study, federations[0], inputs),
            lambda sentence: tell(ProgressEvent("", 0, 0, remark=sentence)),
        )
    announce(federations[0])
    with workers(backend, jobs) as found:
        found.require_apart(study)
        if found.count > 1:
            pack(UserInputs(problem=inputs.problem))
        for sentence in foretold(study, federations[0], inputs, found.count):
            tell(ProgressEvent("", 0, 0, remark=sentence))
        begin_study(study, folder, environment(), overwrite=overwrite, shared=shard != WHOLE)
        write_truth(federations, folder / "truth.csv")
        with tracked(track, study, folder, tell) as listen:
            return finish_study(
                study, folder, inputs, federations, listen, jobs=found.count, shard=shard
            )


def foretold(
    study: Study, federation: Federation, inputs: UserInputs, jobs: int
) -> tuple[str, ...]:
    """What a long study is going to take, and what makes it shorter; nothing of a short one."""
    problem = problem_for(study, federation, inputs)
    if not is_long(study, problem, federation):
        return ()
    with one_thread():
        found = forecast(study, problem, federation, jobs)
    runs = f"{found.runs:,} runs of {found.rounds:,} rounds"
    if study.tuning is not None and not study.tuning.done:
        runs = f"A search of {study.tuning.trials:,} trials a method, then {runs}"
    return (
        f"{runs}, {found.at_once} at a time: about {duration(found.seconds)} of training, by one "
        f"timed step of {duration(found.step_seconds)}, and {size(found.memory)} of memory. "
        "Fewer --rounds, --seeds or --methods, a smaller --model and more --jobs make "
        "it shorter.",
    )


def runnable_study(
    study: Study,
    federations: Sequence[Federation],
    inputs: UserInputs,
    tell: ProgressCallback,
) -> Study:
    """Refuse what cannot work before anything is written; "all" leaves such methods out, aloud.

    federations: [seeds].
    """
    federation = federations[0]
    require_plugins(study)
    check_study(study, federations)
    problem = problem_for(study, federation, inputs)
    if study.compile and problem.fit.alone is not None:
        raise InputError(
            f"--compile is for models whose clients can be stacked, and {problem.fit.kind} cannot "
            f"be ({problem.fit.alone}): leave it out."
        )
    require_precision(study.precision, device_named(study.device), problem.init().dtype)
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
            needed = held_memory() + memory_of_run(study, label, federation, problem)
            require_memory(needed, f"{label} on {federation.clients:,} clients")
            try_method(study, method, problem, federation)
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
