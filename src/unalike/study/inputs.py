"""What a study runs on: the clients and the model that its settings name, or the user's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import nn

from unalike.attacks import with_attack
from unalike.core import Problem
from unalike.core.model_check import prepare
from unalike.core.named_losses import NAMED
from unalike.data.dataset import Dataset
from unalike.data.federation import Federation, federate
from unalike.data.positive_class import with_positive
from unalike.data.skews.registry import with_skews
from unalike.data.sources import Arrays, load
from unalike.data.target_scaling import with_target_scale
from unalike.errors import InputError
from unalike.functional.module import materialised
from unalike.functional.outputs import OutputName
from unalike.models import build
from unalike.tasks import AUTO, Task, read

from .data_files import FILE_SETTINGS, check_file, read_file, source_named, two_deals
from .settings import Study


@dataclass(frozen=True)
class UserInputs:
    """What a user brings along from Python, in place of named data and a named model."""

    federation: Federation | None = None
    problem: Problem | None = None
    dataset: Dataset | None = None  # dealt anew with each seed, as named data are


def deal_study(study: Study, seed: int) -> Federation:
    """The study's data, dealt to clients with this seed.

    Raises:
        InputError: there is no such data, or its file has changed since the study began.
    """
    if source_named(study.data) is None:
        check_file(study.data, study.checksum)
    return _dealt(_data_settings(study), seed)


def federation_for(study: Study, inputs: UserInputs, seed: int) -> Federation:
    """The user's own clients, with the study's skews, or the samples dealt with this seed.

    Where the study has an attack, some of them are hostile.

    Raises:
        InputError: there is no such data, or the attack does not suit it.
    """
    if inputs.dataset is not None:
        dealt = _dealt_dataset(inputs.dataset, _data_settings(study), seed)
    elif inputs.federation is None:
        dealt = deal_study(study, seed)
    else:
        _check_task(study, inputs.federation)
        dealt = _for_training(with_skews(inputs.federation, study.skew, seed=seed), study)
    return dealt if study.attack is None else with_attack(dealt, study.attack, seed=seed)


@lru_cache(maxsize=1)
def _arrays(data: str, data_dir: str | None) -> Arrays:
    return load(data, data_dir=data_dir)


def _as_asked(arrays: Arrays, study: Study) -> Arrays:
    """The arrays, with another question asked of them where the study says so."""
    if study.task in (AUTO, arrays.task):
        return arrays
    found, y, _ = read(arrays.y, study.task, name=f"y of {study.data}")
    return arrays._replace(
        y=y,
        classes=found.outputs[-1],
        task=found.name,
        class_names=found.class_names,
    )


def _check_task(study: Study, federation: Federation) -> None:
    if study.task not in (AUTO, federation.task.name):
        raise InputError(
            f"task = {study.task!r} beside clients whose task is {federation.task.name!r}: say it "
            f"where they are made, as in Federation.from_arrays(..., task={study.task!r})."
        )


@lru_cache(maxsize=1)
def _file_arrays(text: str) -> Arrays:
    settings = json.loads(text)
    return read_file(settings["data"], settings).arrays()


def _arrays_of(study: Study) -> Arrays:
    if source_named(study.data) is not None:
        return _arrays(study.data, study.data_dir)
    reading = {"data", "checksum", "task", *FILE_SETTINGS}
    return _file_arrays(study.model_dump_json(include=reading))


def _data_settings(study: Study) -> str:
    """The study without what says nothing of its data: one text for all trials of all methods."""
    return study.model_dump_json(
        exclude={"methods", "settings", "tuning", "evaluate_every", "keep"}
    )


@lru_cache(maxsize=4)
def _dealt_dataset(dataset: Dataset, text: str, seed: int) -> Federation:
    return _deal(dataset.arrays(), Study.model_validate_json(text), seed)


@lru_cache(maxsize=4)
def _dealt(text: str, seed: int) -> Federation:
    study = Study.model_validate_json(text)
    return _deal(_arrays_of(study), study, seed)


def _for_training(federation: Federation, study: Study) -> Federation:
    """With the answers as the study wants them: which is yes, and on what scale."""
    if study.positive is not None:
        federation = with_positive(federation, study.positive)
    return federation if study.target_scale == "none" else with_target_scale(federation)


def _deal(arrays: Arrays, study: Study, seed: int) -> Federation:
    if source_named(study.data) is None and arrays.client is not None and study.split != "natural":
        wish = f"split = {study.split!r} with {study.clients} clients"
        raise two_deals(wish, study.client_column or "client")
    dealt = federate(
        _as_asked(arrays, study),
        split=study.split,
        clients=study.client_count(),
        seed=seed,
        validation=study.validation,
        test=study.test,
        new_clients=study.new_clients,
        official_test=study.official_test,
        min_size=study.min_size,
        skew=study.skew,
        **study.split_options(),
    )
    return _for_training(dealt, study)


def problem_for(study: Study, federation: Federation, inputs: UserInputs) -> Problem:
    """The user's own problem, or the study's network, which `Problem.init` draws weights for.

    One object for all runs of the same network, so that its gradients are recorded once.
    """
    if inputs.problem is not None:
        return prepared(inputs.problem, federation)
    shape = tuple(federation.x.shape[1:])
    problem = _network(study.model, shape, federation.task, study.loss, study.buffers)
    return prepare(problem, federation.x[:1], **_wanted(federation.task), trial=False)


def _wanted(task: Task) -> dict[str, Any]:
    """What `prepare` must know of what a model has to put out."""
    classes = task.outputs[-1] if task.holds_classes else None
    return {"classes": classes, "fits": task.check_outputs}


@lru_cache(maxsize=2)
def prepared(problem: Problem, federation: Federation) -> Problem:
    """A user's problem as some of these clients' samples show that it must be called.

    Raises:
        InputError: in one sentence, why it cannot be trained on them.
    """
    return prepare(problem, federation.x, federation.y, **_wanted(federation.task))


@lru_cache(maxsize=2)
def _network(
    model: str, shape: tuple[int, ...], task: Task, loss: str | None, buffers: str
) -> Problem:
    *places, classes = task.outputs
    module = build(model, shape=shape, classes=classes, seed=0, places=places[0] if places else 0)
    return Problem(module, task.loss(loss), buffers=buffers)


def problem_from_module(
    module: nn.Module,
    federation: Federation,
    study: Study,
    loss: Any = None,
    output: OutputName = None,
) -> Problem:
    """A module with a loss: of the federation's task, by name, or one of the user's own.

    Lazy layers take their shapes from the samples.
    """
    task = federation.task
    if loss is None or (isinstance(loss, str) and (loss in task.losses or loss not in NAMED)):
        loss = task.loss(loss)
    return Problem(
        materialised(module, federation.x[:2]), loss, output=output, buffers=study.buffers
    )
