"""The ways to deal a data set to clients: `SPLITS` by name, and `deal`, which checks and deals."""

from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError, unknown

from .dealing import Indices
from .dirichlet import dirichlet
from .dirichlet_mix import dirichlet_mix
from .iid import iid
from .natural import natural
from .pathological import pathological
from .quantity import quantity
from .shards import shards
from .split import Option, Split

__all__ = ["SPLITS", "Option", "Split", "deal", "find"]

_ALPHA = Option("alpha", 0.5, "concentration: small for unalike clients, large for alike ones")

SPLITS: dict[str, Split] = {
    split.name: split
    for split in (
        Split("iid", "at random, equal sizes: no skew at all", iid),
        Split(
            "dirichlet",
            "each class cut among the clients by a Dirichlet draw: mixes and sizes differ",
            dirichlet,
            (_ALPHA,),
        ),
        Split(
            "dirichlet-mix",
            "equal sizes, each client with a class mix drawn from a Dirichlet",
            dirichlet_mix,
            (_ALPHA,),
        ),
        Split(
            "pathological",
            "at most so many classes a client, each class cut evenly among its owners",
            pathological,
            (Option("classes_per_client", 2, "how many classes a client knows"),),
        ),
        Split(
            "shards",
            "sorted by class, cut into shards, these dealt at random (McMahan et al. 2017)",
            shards,
            (Option("shards_per_client", 2, "how many shards a client gets"),),
        ),
        Split(
            "quantity",
            "the same mix for all, very different sizes",
            quantity,
            (
                Option("law", "lognormal", "of the sizes: lognormal or power"),
                Option("sigma", 1.0, "lognormal: standard deviation of the log of the sizes"),
                Option("exponent", 1.0, "power: the k-th largest size falls as k^-exponent"),
            ),
        ),
        Split(
            "natural",
            "by the people or places that the samples came from",
            natural,
            natural=True,
        ),
    )
}


def find(name: str) -> Split:
    """The split of this name.

    Raises:
        InputError: there is none; the nearest name is given.
    """
    if name not in SPLITS:
        raise unknown("split", name, SPLITS)
    return SPLITS[name]


def deal(
    name: str,
    labels: Indices,
    clients: int | None,
    rng: np.random.Generator,
    *,
    client: npt.NDArray[Any] | None = None,
    min_size: int = 1,
    **options: Any,
) -> list[Indices]:
    """Deal samples by the split of this name: labels [n] -> one index list a client.

    Every sample goes to exactly one client once (but for a natural split asked for fewer clients
    than there are). No client holds less than `min_size` samples; 0 allows empty ones.

    Raises:
        InputError: an unknown split or option, a value that makes no sense, no column of natural
            clients where one is needed, or too few samples.
    """
    split = find(name)
    checked = _checked(split, options)
    if split.natural:
        if client is None:
            raise InputError(
                "These samples have no natural clients: give a column that names the client of "
                "each sample, or choose another split."
            )
        return split.function(labels, clients, rng, client=client, min_size=min_size)
    if clients is None:
        raise InputError(f"The split {name!r} needs the number of clients.")
    return split.function(labels, clients, rng, min_size=min_size, **checked)


def _checked(split: Split, options: dict[str, Any]) -> dict[str, int | float | str]:
    known = {option.name: option for option in split.options}
    for key in options:
        if not known:
            raise InputError(f"The split {split.name!r} has no options, but {key!r} was given.")
        if key not in known:
            raise unknown(f"{split.name} option", key, known)
    return {key: known[key].checked(value) for key, value in options.items()}
