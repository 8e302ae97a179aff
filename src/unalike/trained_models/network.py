"""The problem and the method that a model's description speaks of, made anew."""

from __future__ import annotations

from typing import Any

from torch import nn

from unalike.core import Method, Problem
from unalike.core.buffers import with_buffers
from unalike.errors import InputError
from unalike.methods import METHODS
from unalike.models import build
from unalike.study.method_settings import build_method
from unalike.study.model_description import ModelDescription

OWN = "own"


def problem_of(
    description: ModelDescription, given: nn.Module | Problem | None = None, place: str = ""
) -> Problem:
    """The problem with its network, whose weights are not those of training.

    given: the module, where it was the user's own.
    place: where the description stood, for messages.

    Raises:
        InputError: the module is missing, or is another one.
    """
    if isinstance(given, Problem):
        return given.fitted(description.fit) if hasattr(given, "module") else given
    if description.network == OWN:
        if given is None:
            raise InputError(
                f"{place or 'This model'} was trained with a module of your own "
                f"({description.module}), which no file of unalike holds: give it with model=..., "
                f"on the command line --model FILE.py:{description.module}."
            )
        module = given
    else:
        module = build(
            description.network,
            shape=description.shape,
            classes=description.outputs[-1],
            seed=0,
            places=description.outputs[0] if len(description.outputs) > 1 else 0,
        )
    problem = Problem(
        module,
        description.question.loss(description.loss),
        output=description.output_name,
        buffers=description.buffers,
    ).fitted(description.fit)
    found = tuple(zip(problem.layout.names, map(tuple, problem.layout.shapes), strict=True))
    if found != description.segments:
        here, there = dict(found), dict(description.segments)
        other = next(name for name in {**there, **here} if here.get(name) != there.get(name))
        raise InputError(
            f"The module {type(module).__name__} is not the one of {place or 'this model'}: "
            f"{other!r} has the shape {here.get(other)}, there {there.get(other)}."
        )
    return problem


def method_of(description: ModelDescription, problem: Problem) -> Method:
    """The method with its settings, under the problem's policy for running statistics.

    Raises:
        InputError: there is no such method here.
    """
    if description.method not in METHODS:
        raise InputError(
            f"The model of {description.title} was trained by the method {description.method!r}, "
            "which is not here: load the plugin that brings it, as in --plugin my_methods.py."
        )
    plain: dict[str, Any] = dict(description.settings)
    method = build_method(METHODS[description.method], plain, description.label)
    return with_buffers(method, problem)
