"""Local solvers: pure rules that turn a direction into a step of the weights.

A solver is a pair (init, step): `state = init(w)`, `w, state = step(w, g, state)`, with
w, g [P]. Written as text in a method's settings: "sgd", "momentum:0.9", "adam:0.9,0.999".
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import torch
from annotated_types import Ge
from pydantic import AfterValidator
from torch import Tensor

from unalike.errors import InputError, unknown

from .search_range import STEP_SIZES

State = Any
Step = Callable[[Tensor, Tensor, State], tuple[Tensor, State]]


class Solver(NamedTuple):
    """Two pure functions; the state is a tree of tensors.

    `in_place` is `step` where nobody else needs what it is given any more: it may write over all.
    """

    init: Callable[[Tensor], State]
    step: Step
    in_place: Step | None = None
    scale: float | None = None  # where a step is w + scale v, and nothing else:
    memory: float = 0.0  # v is memory times the v before, and g
    by_number: bool = False  # whether a step does the same to each number of w, and no more

    @property
    def step_in_place(self) -> Step:
        """`in_place`, or `step` where there is none."""
        return self.in_place or self.step


class SGDState(NamedTuple):
    """The state of a solver without memory."""


class MomentumState(NamedTuple):
    """Heavy-ball momentum."""

    v: Tensor  # [P]


class AdamState(NamedTuple):
    """Adam's running moments, and what is left in them of their start at zero."""

    m: Tensor  # [P]
    v: Tensor  # [P]
    m_left: Tensor  # [] beta1 to the power of the steps done
    v_left: Tensor  # [] beta2 to that power


def sgd(lr: float) -> Solver:
    """w - lr g."""

    def step(w: Tensor, g: Tensor, state: SGDState) -> tuple[Tensor, SGDState]:
        return torch.add(w, g, alpha=-lr), state

    def in_place(w: Tensor, g: Tensor, state: SGDState) -> tuple[Tensor, SGDState]:
        return w.add_(g, alpha=-lr), state

    return Solver(lambda w: SGDState(), step, in_place, -lr)


def momentum(lr: float, beta: float = 0.9) -> Solver:
    """v <- beta v + g, w - lr v (Polyak 1964, the form of torch.optim.SGD)."""

    def step(w: Tensor, g: Tensor, state: MomentumState) -> tuple[Tensor, MomentumState]:
        v = torch.add(g, state.v, alpha=beta)
        return torch.add(w, v, alpha=-lr), MomentumState(v)

    def in_place(w: Tensor, g: Tensor, state: MomentumState) -> tuple[Tensor, MomentumState]:
        v = g.add_(state.v, alpha=beta)
        return w.add_(v, alpha=-lr), MomentumState(v)

    return Solver(lambda w: MomentumState(torch.zeros_like(w)), step, in_place, -lr, beta)


def adam(lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Solver:
    """Adam with bias correction (Kingma and Ba 2015, Algorithm 1)."""

    def init(w: Tensor) -> AdamState:
        one = torch.ones_like(w[0])
        return AdamState(torch.zeros_like(w), torch.zeros_like(w), one, one)

    def step(w: Tensor, g: Tensor, state: AdamState) -> tuple[Tensor, AdamState]:
        m = torch.add(state.m * beta1, g, alpha=1 - beta1)
        v = torch.add(state.v * beta2, g * g, alpha=1 - beta2)
        return moved(torch.sub, w, m, v, state)

    def in_place(w: Tensor, g: Tensor, state: AdamState) -> tuple[Tensor, AdamState]:
        m = state.m.mul_(beta1).add_(g, alpha=1 - beta1)
        v = state.v.mul_(beta2).add_(g.mul_(g), alpha=1 - beta2)
        return moved(Tensor.sub_, w, m, v, state)

    def moved(
        less: Callable[[Tensor, Tensor], Tensor], w: Tensor, m: Tensor, v: Tensor, state: AdamState
    ) -> tuple[Tensor, AdamState]:
        m_left, v_left = state.m_left * beta1, state.v_left * beta2
        scale = (v / (1 - v_left)).sqrt_().add_(eps)
        return less(w, (m / scale).mul_(lr / (1 - m_left))), AdamState(m, v, m_left, v_left)

    return Solver(init, step, in_place, by_number=True)


class Choice(NamedTuple):
    """A solver as settings name it."""

    build: Callable[..., Solver]  # of the learning rate and up to `most` numbers
    most: int
    example: str


SOLVERS: dict[str, Choice] = {
    "sgd": Choice(sgd, 0, "sgd"),
    "momentum": Choice(momentum, 1, "momentum:0.9"),
    "adam": Choice(adam, 3, "adam"),
}
"""Every local solver by name: a new one needs a row here and nothing else."""


def _listed(examples: list[str]) -> str:
    *others, last = examples
    return f"{', '.join(others)} or {last}"


CHOICES = _listed([choice.example for choice in SOLVERS.values()])
"""The solvers as the help of a setting lists them."""


def _known(text: str) -> str:
    parse(text, lr=1.0)
    return text


LocalSolver = Annotated[str, AfterValidator(_known), f"local solver: {CHOICES}"]
"""The setting of a method for the solver of its clients; see `parse`."""

LearningRate = Annotated[float, Ge(0), "eta, step of a client", STEP_SIZES]
"""The setting of a method for the step of its clients."""


def parse(text: str, lr: float) -> Solver:
    """The solver written as "name" or "name:number,...", with learning rate `lr`.

    Raises:
        InputError: there is no such solver, or it does not take these numbers.
    """
    name, _, numbers = text.partition(":")
    if name not in SOLVERS:
        raise unknown("local solver", name, SOLVERS)
    build, most, _ = SOLVERS[name]
    try:
        values = [float(number) for number in numbers.split(",")] if numbers else []
    except ValueError:
        raise InputError(f"Local solver {text!r}: {numbers!r} is not a list of numbers.") from None
    if len(values) > most or any(not 0 <= value < 1 for value in values):
        raise InputError(
            f"Local solver {text!r}: {name} takes at most {most} numbers, each in [0, 1)."
        )
    return build(lr, *values)
