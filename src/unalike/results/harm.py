"""Whom a method harms: the clients that do worse with it than by training alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from .columns import Chosen
from .comparison import Comparison
from .intervals import Interval, over_seeds
from .table import by_seed


class ClientGain(NamedTuple):
    """A client and what it gains by a method over training alone; below zero it is harmed."""

    name: str
    gain: float


@dataclass(frozen=True)
class Harm:
    """Whom a method leaves worse off than training alone."""

    share: Interval  # of the training clients, over seeds
    clients: tuple[ClientGain, ...]  # the worst first


def harm_by_method(
    comparison: Comparison, wide: pd.DataFrame, methods: list[str], chosen: Chosen
) -> dict[str, Harm]:
    """Clients below Local, by federated method.

    Where each seed deals the data anew, a name means another client in every seed: then clients
    are told apart by seed; otherwise their gains are averaged over seeds.
    """
    frame = comparison.frame
    gains = frame[(frame["metric"] == f"gain_over_local_{chosen}") & frame["method"].isin(methods)]
    gains = gains[gains["client"] != "all"]
    settings = comparison.settings
    several = frame["seed"].nunique() > 1
    fixed = settings.get("split") == "natural" or settings.get("data") == "own"
    who = ["client"] if fixed or not several else ["client", "seed"]
    mean = gains.groupby(["method", *who], sort=False)["value"].mean()
    below = mean[mean < 0].sort_values(kind="stable")
    found = {}
    for method in methods:
        share = over_seeds(by_seed(wide, method, f"harmed_share_{chosen}"), (0.0, 1.0))
        if not share.seeds:
            continue
        clients: tuple[ClientGain, ...] = ()
        if method in below.index.get_level_values("method"):
            clients = tuple(
                ClientGain(_called(key), float(gain)) for key, gain in below.loc[method].items()
            )
        found[method] = Harm(share, clients)
    return found


def _called(key: object) -> str:
    name, *seeds = key if isinstance(key, tuple) else (key,)
    client = f"client {name}" if str(name).isdigit() else str(name)
    return " of seed ".join([client, *map(str, seeds)])
