"""What must be known of a model to predict with it: it travels in the header of its file."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from unalike.core import Method, Problem
from unalike.core.module_fit import ModuleFit
from unalike.core.schedules import CONSTANT
from unalike.core.torch_losses import OneLogitLoss, TorchLoss
from unalike.data.federation import Federation
from unalike.data.preprocessing.preprocessing import Preprocessing
from unalike.errors import InputError
from unalike.functional.precision import Precision
from unalike.measures.baseline_hazard import BaselineHazard
from unalike.tasks import TargetScale, Task, task_named

from .local_work import StepSizes
from .settings import Study
from .variance_settings import method_of_study

FORMAT = 1
"""Of the header; files of another format are refused."""

Shape = tuple[int, ...]


class ModelDescription(BaseModel):
    """What a model is, what it takes and what it answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    method: str  # its name in `unalike.methods.METHODS`
    label: str  # its name in the study
    settings: dict[str, Any]  # hyper-parameters
    seed: int
    round: int = 0  # after which the models stood so
    rounds: int  # of the study
    when: str = ""  # "best" or "last"
    client: str = ""  # whose model it is; empty for everybody's
    clients: tuple[str, ...] = ()  # all that trained, in order
    newcomers: dict[str, int] = {}  # those that never trained, by their place among all clients
    client_column: str | None = None  # of own tables
    label_column: str | None = None
    network: str  # a name in `unalike.models`; "own" for a module of the user's
    module: str  # the module's class
    segments: tuple[tuple[str, Shape], ...]  # of the flat vector of weights, in order
    weights: str  # their type of number
    shape: Shape  # of one sample, as the network takes it
    samples: str  # their type of number
    output_name: str | int | None = None
    number: str | None = None  # what samples are turned into for the module
    one_logit: Shape | None = None
    squeezes: bool = False
    functional_dropout: bool = False
    buffers: str
    loss: str | None = None  # of the task, by name; its usual one if not given
    own_loss: bool = False  # whether the user brought a loss along
    task: str
    outputs: Shape
    answers: Shape  # the shape of one sample's y
    class_names: tuple[str, ...] = ()
    target_scale: TargetScale | None = None  # on which the network's outputs are
    preprocessing: dict[str, Any] | None = None  # fitted on training samples; none where not needed
    prepared: bool = False
    """Whether samples were turned into numbers in a way that no file holds."""
    batch_size: int
    local_epochs: int | float
    local_steps: int | None = None
    lr_schedule: StepSizes = CONSTANT
    precision: Precision = "float32"  # in which clients trained
    versions: dict[str, str]
    trees: dict[str, tuple[str, ...]] = {}  # of a run's file: the leaves of each tree, in order
    form: str = "module"  # of a saved model: a plain module, or the study's own function
    personal: tuple[tuple[str, Shape, str], ...] = ()  # the leaves that the module was made from
    scores: dict[str, float] = {}
    """At a site: the task's main measure on its own test samples, of the "personal" model and of
    the "global" one."""
    hazard: tuple[tuple[float, ...], tuple[float, ...], float] | None = None
    """Of a saved model of relative risks: times, logarithm of the baseline hazard, last time."""
    trial: tuple[float, ...] = ()  # outputs of a saved model on samples that are always the same

    @property
    def question(self) -> Task:
        """What is asked of a sample."""
        kind = task_named(self.task)
        return kind.of(self.outputs[-1], self.answers, self.class_names).on_scale(self.target_scale)

    @property
    def fit(self) -> ModuleFit:
        """How the module is called."""
        return ModuleFit(
            kind=self.module,
            dtype=None if self.number is None else getattr(torch, self.number),
            one_logit=self.one_logit,
            squeezes=self.squeezes,
            functional_dropout=self.functional_dropout,
        )

    @property
    def baseline_hazard(self) -> BaselineHazard | None:
        """The hazard of a sample whose output is zero, where outputs are risks and it is known."""
        if self.hazard is None:
            return None
        times, log_hazard, last = self.hazard
        return BaselineHazard(np.asarray(times), np.asarray(log_hazard), last)

    @property
    def title(self) -> str:
        """How it is called in sentences."""
        whose = f" of {self.client}" if self.client else ""
        return f"{self.label}, seed {self.seed}, round {self.round}{whose}"

    def to_text(self) -> str:
        """As JSON, numbers without loss."""
        return json.dumps(self.model_dump(mode="python"))

    @classmethod
    def from_text(cls, text: str, place: str) -> ModelDescription:
        """The inverse of `to_text`; `place` is where it stood, for messages.

        Raises:
            InputError: it is of another format, or damaged.
        """
        try:
            plain = json.loads(text)
            found = plain.get("format")
        except (ValueError, AttributeError):
            raise InputError(f"{place} is damaged: its header cannot be read.") from None
        if found != FORMAT:
            raise InputError(
                f"{place} was written by another version of unalike (format {found}, here "
                f"{FORMAT}): read it with that version, or train anew."
            )
        try:
            return cls.model_validate(plain)
        except ValidationError:
            raise InputError(f"{place} is damaged: its header cannot be read.") from None


def describe_run(
    study: Study, label: str, seed: int, federation: Federation, problem: Problem
) -> ModelDescription:
    """What all models of a run have in common."""
    method, task = method_of_study(study, label, federation), federation.task
    fitted, fit = federation.preprocessing, problem.fit
    known = isinstance(fitted, Preprocessing)
    layout = problem.layout
    return ModelDescription(
        method=method.name,
        label=label,
        settings=_settings(method),
        seed=seed,
        rounds=study.rounds,
        clients=tuple(
            name
            for name, new in zip(federation.names, federation.newcomers, strict=True)
            if not new
        ),
        newcomers={federation.names[row]: int(row) for row in np.flatnonzero(federation.newcomers)},
        client_column=study.client_column,
        label_column=study.label_column,
        network=study.model,
        module=type(getattr(problem, "module", None)).__qualname__,
        segments=tuple(zip(layout.names, map(tuple, layout.shapes), strict=True)),
        weights=number_name(problem.init().dtype),
        shape=tuple(federation.x.shape[1:]),
        samples=number_name(federation.x.dtype),
        output_name=problem.output_name,
        number=None if fit.dtype is None else number_name(fit.dtype),
        one_logit=fit.one_logit,
        squeezes=fit.squeezes,
        functional_dropout=fit.functional_dropout,
        buffers=getattr(problem, "buffers", study.buffers),
        loss=study.loss,
        own_loss=study.model == "own" and isinstance(problem.criterion, TorchLoss | OneLogitLoss),
        task=task.name,
        outputs=task.outputs,
        answers=tuple(federation.y.shape[1:]),
        class_names=task.class_names,
        target_scale=task.target_scale,
        preprocessing=fitted.to_dict() if isinstance(fitted, Preprocessing) else None,
        prepared=fitted is not None and not known,
        batch_size=study.batch_size,
        local_epochs=study.local_epochs,
        local_steps=study.local_steps,
        lr_schedule=study.lr_schedule,
        precision=study.precision,
        versions={"unalike": version("unalike"), "torch": str(torch.__version__)},
    )


def plain_hazard(
    hazard: BaselineHazard | None,
) -> tuple[tuple[float, ...], tuple[float, ...], float] | None:
    """A baseline hazard as a description holds it."""
    if hazard is None:
        return None
    return tuple(hazard.times.tolist()), tuple(hazard.log_hazard.tolist()), hazard.last


def number_name(dtype: torch.dtype) -> str:
    """A type of number as text, such as "float32"."""
    return str(dtype).removeprefix("torch.")


def _settings(method: Method) -> dict[str, Any]:
    named: Any = method
    return {field.name: getattr(method, field.name) for field in fields(named)}
