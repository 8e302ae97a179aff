"""How much each client's samples count in the objective: rules from sizes to weights.

A rule is written as text: "uniform", "proportional", "capped:0.2", "power:0.5", "bucketed" or
"noisy:1". Its weights are the study's p_i: the objective is sum p_i F_i, and a cohort averages
with the p_i of those who answered.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.errors import InputError, unknown
from unalike.functional import streams

Sizes = NDArray[np.int64]  # [N] training samples
Numbers = NDArray[np.float64]  # [N]


class Rule(NamedTuple):
    """A parsed rule."""

    text: str
    raw: Callable[[Sizes, int], Numbers]  # (sizes, seed) -> weights up to a factor


def uniform(sizes: Sizes) -> Numbers:
    """1: every client counts the same."""
    return np.ones(len(sizes))


def proportional(sizes: Sizes) -> Numbers:
    """n: every sample counts the same."""
    return sizes.astype(np.float64)


def power(sizes: Sizes, b: float) -> Numbers:
    """n^b: between uniform (b = 0) and proportional (b = 1)."""
    return sizes.astype(np.float64) ** b


def capped(sizes: Sizes, cap: float) -> Numbers:
    """n / sum n, none above the cap: what is cut off goes to the others in proportion to n.

    Water-filling: those above the cap are set to it and the rest is scaled up, until none is.

    Raises:
        InputError: so few clients cannot sum to 1 below the cap.
    """
    holders = int((sizes > 0).sum())
    if cap * holders < 1 - 1e-12:
        raise InputError(
            f"Weights 'capped:{cap:g}': {holders} clients with samples cannot sum to 1 below this "
            f"cap; it must be at least 1/{holders} = {1 / max(1, holders):.4g}."
        )
    weights = sizes / sizes.sum()
    full = np.zeros(len(sizes), dtype=bool)
    while (over := weights > cap).any():
        full |= over
        free = sizes * ~full
        rest = 1 - cap * full.sum()
        weights = np.where(full, cap, rest * free / max(1, free.sum()))
    return weights


def bucketed(sizes: Sizes) -> Numbers:
    """2^floor(log2 n): a client tells only the power of two below its size; 0 for no samples."""
    _, exponent = np.frexp(sizes)
    return np.where(sizes > 0, 2.0 ** (exponent - 1.0), 0.0)


def noisy(sizes: Sizes, eps: float, seed: int) -> Numbers:
    """n + Laplace(1 / eps), at least 1: one release per client and run, eps-private per sample.

    Repeated releases would average the noise away, so the draw depends on (seed, client) alone.
    """
    draws = [streams.generator(seed, "noisy size", i).laplace() for i in range(len(sizes))]
    return np.maximum(sizes + np.asarray(draws) / eps, 1)


_RULES: dict[str, tuple[Callable[..., Numbers], str, Callable[[float], bool]]] = {
    "uniform": (uniform, "", lambda value: False),
    "proportional": (proportional, "", lambda value: False),
    "capped": (capped, "a cap in (0, 1]", lambda value: 0 < value <= 1),
    "power": (power, "an exponent of at least 0", lambda value: 0 <= value < float("inf")),
    "bucketed": (bucketed, "", lambda value: False),
    "noisy": (noisy, "eps above 0", lambda value: 0 < value < float("inf")),
}


def parse(text: str) -> Rule:
    """The rule written as "name" or "name:number".

    Raises:
        InputError: there is no such rule, or it does not take this number.
    """
    name, colon, number = text.partition(":")
    if name not in _RULES:
        raise unknown("weights", name, _RULES)
    rule, wanted, allowed = _RULES[name]
    if not wanted:
        if colon:
            raise InputError(f"Weights {text!r}: {name} takes no number; write {name!r}.")
        return Rule(text, lambda sizes, seed: rule(sizes))
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not allowed(value):
        raise InputError(f"Weights {text!r}: {name} needs {wanted}, as in '{name}:0.5'.")
    if name == "noisy":
        return Rule(text, lambda sizes, seed: rule(sizes, value, seed))
    return Rule(text, lambda sizes, seed: rule(sizes, value))


def objective(text: str, sizes: Sizes, *, seed: int = 0) -> Tensor:
    """The weights p [N] float64 of clients with these numbers of training samples; sum to 1.

    Raises:
        InputError: the rule is wrong, or its weights do not have a sum.
    """
    raw = parse(text).raw(np.asarray(sizes, dtype=np.int64), seed)
    total = raw.sum()
    if not 0 < total < float("inf"):
        raise InputError(f"Weights {text!r}: the weights of {len(raw)} clients sum to {total:g}.")
    return torch.from_numpy(raw / total)


def effective(weights: Tensor) -> float:
    """1 / sum p^2: how many equally heavy clients would vary as much."""
    return float(1 / weights.square().sum())
