"""How trials are proposed: points of the unit cube, one axis a hyper-parameter.

A sampler is a function of what has been proposed so far, so an interrupted search goes on as if it
had never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from unalike.errors import InputError

Point = tuple[float, ...]
"""A place in the unit cube."""


class Sampler(NamedTuple):
    """How many are proposed at once, and how."""

    at_once: int | None  # None: all
    propose: Callable[[int, Sequence[Point], Sequence[float], int], list[Point]]
    """(axes, points so far, how good each was: smaller is better, how many) -> further points."""


def sobol(axes: int, known: Sequence[Point], scores: Sequence[float], count: int) -> list[Point]:
    """The next points of Sobol's sequence, from its second on: 0.5, then 0.75, then 0.25, ...

    Not scrambled: nothing is drawn, all methods get the same places along their axes, and the
    first points of a longer search along the same axes are those of a shorter one.

    Source  Sobol', USSR Comput. Math. Math. Phys. 7, 1967; directions of Joe and Kuo, 2008
    """
    from scipy.stats import qmc  # half a second that every start would take

    engine = qmc.Sobol(axes, scramble=False)
    engine.fast_forward(1 + len(known))
    return [tuple(float(value) for value in row) for row in engine.random(count)]


def _optuna(
    name: str, axes: int, known: Sequence[Point], scores: Sequence[float], count: int
) -> list[Point]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
    names = [f"axis-{axis}" for axis in range(axes)]
    places: dict[str, optuna.distributions.BaseDistribution] = {
        each: optuna.distributions.FloatDistribution(0, 1) for each in names
    }
    study = optuna.create_study(sampler=kinds[name](seed=len(known)))
    for point, score in zip(known, scores, strict=True):
        told = dict(zip(names, point, strict=True))
        study.add_trial(optuna.trial.create_trial(params=told, distributions=places, value=score))
    asked = [study.ask(places) for _ in range(count)]
    return [tuple(float(trial.params[each]) for each in names) for trial in asked]


def tpe(axes: int, known: Sequence[Point], scores: Sequence[float], count: int) -> list[Point]:
    """By the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), Optuna's."""
    return _optuna("tpe", axes, known, scores, count)


def random(axes: int, known: Sequence[Point], scores: Sequence[float], count: int) -> list[Point]:
    """Independent and uniform, Optuna's."""
    return _optuna("random", axes, known, scores, count)


SAMPLERS: dict[str, Sampler] = {
    "sobol": Sampler(None, sobol),
    "tpe": Sampler(4, tpe),
    "random": Sampler(None, random),
}
"""By name."""


def require_sampler(name: str) -> None:
    """Whether the package of a sampler is there.

    Raises:
        InputError: it is not.
    """
    if name in SAMPLERS and name != "sobol":
        try:
            import optuna  # noqa: F401
        except ImportError:
            raise InputError(
                f"The sampler {name!r} needs a package: pip install 'unalike[tune]'; "
                "--sampler sobol needs none"
            ) from None
