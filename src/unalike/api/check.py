"""What will happen to a model on these clients: found out by trying, before a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from unalike.core import Problem
from unalike.data.federation import Federation
from unalike.engines.machine import device_named
from unalike.engines.plan import mode_for
from unalike.engines.trial import try_round
from unalike.errors import InputError
from unalike.models.module_file import read_module
from unalike.study.forecast import round_seconds
from unalike.study.inputs import UserInputs, federation_for, problem_for, problem_from_module
from unalike.study.run import memory_of_run
from unalike.study.settings import Study, make_study
from unalike.study.variance_settings import method_of_study

from .data_argument import resolve_data
from .model_argument import model_name


@dataclass(frozen=True)
class MethodCheck:
    """A method on this model and these clients."""

    label: str
    bytes_down: int = 0  # to each client in a round
    bytes_up: int = 0  # from each client in a round
    memory: int = 0  # bytes of a run, beside the data
    refused: str | None = None  # why the method cannot train this model


@dataclass(frozen=True)
class ModelCheck:
    """A model on these clients."""

    kind: str
    parameters: int  # that are trained
    constants: int  # frozen parameters and buffers
    work: str  # how clients are trained, and why
    step_seconds: float  # one local step of every client of a round, with fedavg
    round_seconds: float  # about, of a round with fedavg
    remarks: tuple[str, ...]
    methods: tuple[MethodCheck, ...]


def check_model(
    model: str | nn.Module | Problem,
    data: Any = "digits",
    *,
    client: Any = None,
    label: Any = None,
    loss: Any = None,
    output: str | int | None = None,
    methods: str | Sequence[str] = "all",
    seed: int = 0,
    **settings: Any,
) -> ModelCheck:
    """Try a model on a few samples with every method; nothing is written.

    Args:
        model: FILE.py:NAME, the name of a network, a `torch.nn.Module`, or a `Problem`.
        data, client, label: as for `unalike.compare`.
        loss, output: as for `unalike.compare`.
        methods: names, as a list or separated by commas; "all" for every one.
        seed: of the deal.
        settings: any other field of `Study`, such as batch_size=32 or alpha=0.1.

    Raises:
        InputError: in one sentence, why the model cannot be trained on these samples.
    """
    own = read_module(model) if isinstance(model, str) else model
    values, inputs = resolve_data(data, settings, client=client, label=label, model=own or model)
    study = make_study(
        {
            **values,
            "methods": methods if isinstance(methods, str) else tuple(methods),
            "model": model_name(model if own is None else own),
        }
    )
    federation = federation_for(study, inputs, seed)
    given = own if isinstance(own, Problem) else None
    if isinstance(own, nn.Module):
        given = problem_from_module(own, federation, study, loss, output)
    problem = problem_for(study, federation, UserInputs(federation, given))
    step, whole = round_seconds(study, problem, federation)
    module = getattr(problem, "module", None)
    return ModelCheck(
        kind="function" if module is None else type(module).__name__,
        parameters=sum(problem.layout.sizes),
        constants=sum(tensor.numel() for tensor in problem.constants.values()),
        work=_work(problem, study),
        step_seconds=step,
        round_seconds=whole,
        remarks=tuple(replace(problem.fit, alone=None).remarks()),
        methods=tuple(_check(study, label, problem, federation) for label in study.labels()),
    )


def _work(problem: Problem, study: Study) -> str:
    if problem.fit.alone is not None:
        return f"one by one, because it cannot be stacked ({problem.fit.alone})"
    if mode_for(problem, device_named(study.device)) == "single":
        return "one by one, which is faster for convolutions on a CPU"
    return "stacked, many at once"


def _check(study: Study, label: str, problem: Problem, federation: Federation) -> MethodCheck:
    try:
        trial = try_round(method_of_study(study, label, federation), problem, federation)
        memory = memory_of_run(study, label, federation, problem)
    except InputError as error:
        return MethodCheck(label, refused=str(error))
    return MethodCheck(label, trial.bytes_down, trial.bytes_up, memory)
