"""Label and quantity skew on top of any split: clients keep a part of what they were dealt.

Samples never move between clients, so these also suit natural ones; what a client does not keep
is used by nobody. Where the deal itself may be skewed, the splits use every sample.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from unalike.data.truth import Truth
from unalike.functional.streams import generator

from .skew import Family, Groups, Integers, ResamplingSkew, draw_units

Floats = npt.NDArray[np.float64]


class Label(ResamplingSkew):
    """Each client, or group, has a mix of the classes that it holds, drawn from a Dirichlet.

    Of the samples that follow the mix p ~ Dir(alpha 1_C) a client keeps as many as it can. For
    C classes, E |p|^2 = (alpha + 1) / (C alpha + 1).
    """

    family: ClassVar[Family] = "label"
    meaning: ClassVar[str] = "clients keep a mix of classes of their own, drawn from a Dirichlet"

    kind: Literal["label"] = "label"
    alpha: Annotated[
        float, Field(gt=0, allow_inf_nan=False, description="concentration: small for unlike mixes")
    ] = 0.5
    groups: Groups = 0

    def resample(
        self, labels: Integers, held: list[Integers], *, seed: int, least: int
    ) -> tuple[list[Integers], Truth | None]:
        unit = draw_units(len(held), self.groups, "data/label/groups", seed)
        table = _table(labels, held)
        mixes = generator(seed, "data/label").dirichlet(
            np.full(table.shape[1], self.alpha), unit.max() + 1
        )[unit]
        counts = largest_subset(table, mixes)
        for i in np.flatnonzero(counts.sum(1) < np.minimum(least, table.sum(1))):
            while counts[i].sum() < min(least, table[i].sum()):
                counts[i, (table[i] - counts[i]).argmax()] += 1
        named = tuple(f"mix {g + 1}" for g in range(self.groups))
        truth = Truth(self.kind, unit, named) if self.groups else None
        return _choose_rows(labels, held, counts, generator(seed, "data/label/keep")), truth


class Quantity(ResamplingSkew):
    """Each client keeps a share of its samples: its weight over the largest weight.

    lognormal: weights exp(sigma z), z ~ N(0, 1); power: weights rank^-exponent, ranks at random.
    """

    family: ClassVar[Family] = "quantity"
    meaning: ClassVar[str] = "clients keep very different shares of what they were dealt"

    kind: Literal["quantity"] = "quantity"
    law: Annotated[
        Literal["lognormal", "power"], Field(description="of the shares that clients keep")
    ] = "lognormal"
    sigma: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="lognormal: spread of the logarithm")
    ] = 1.0
    exponent: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="power: the k-th share is k^-exponent")
    ] = 1.0

    def describe(self) -> str:
        """With the setting of the law that is used."""
        shape = (
            f"sigma {self.sigma:g}" if self.law == "lognormal" else f"exponent {self.exponent:g}"
        )
        return f"quantity ({self.law}, {shape})"

    def resample(
        self, labels: Integers, held: list[Integers], *, seed: int, least: int
    ) -> tuple[list[Integers], Truth | None]:
        rng = generator(seed, "data/quantity")
        if self.law == "lognormal":
            logs = self.sigma * rng.standard_normal(len(held))
        else:
            logs = -self.exponent * np.log(rng.permutation(len(held)) + 1.0)
        sizes = np.array([len(rows) for rows in held])
        counts = np.floor(np.exp(logs - logs.max()) * sizes + 0.5).astype(np.int64)
        counts = np.clip(counts, np.minimum(least, sizes), sizes)
        whole = np.zeros_like(labels)
        return _choose_rows(
            whole, held, counts[:, None], generator(seed, "data/quantity/keep")
        ), None


def largest_subset(table: Integers, mixes: Floats) -> Integers:
    """Counts [N, C] within `table` in the proportions of `mixes`, as many samples as it allows.

    Classes that a client does not hold leave its mix; one that is left with nothing keeps its own.
    """
    mixes = np.where(table > 0, mixes, 0)
    mixes = np.where(mixes.sum(1, keepdims=True) > 1e-12, mixes, table)
    mixes = mixes / np.maximum(mixes.sum(1, keepdims=True), 1e-12)
    most = np.divide(table, mixes, out=np.full(mixes.shape, np.inf), where=mixes > 1e-12)
    size = np.where(table.sum(1) > 0, most.min(axis=1), 0)
    borders = np.floor(np.cumsum(size[:, None] * mixes, axis=1) + 1e-6).astype(np.int64)
    return np.minimum(np.diff(borders, axis=1, prepend=0), table)


def _table(labels: Integers, held: list[Integers]) -> Integers:
    classes = int(labels.max()) + 1
    return np.stack([np.bincount(labels[rows], minlength=classes) for rows in held])


def _choose_rows(
    labels: Integers, held: list[Integers], counts: Integers, rng: np.random.Generator
) -> list[Integers]:
    """Of each client's samples of each class a random choice, as many as `counts` [N, C] says."""
    sizes = [len(rows) for rows in held]
    owner = np.repeat(np.arange(len(held)), sizes)
    rows = np.concatenate(held)
    cell = owner * counts.shape[1] + labels[rows]
    luck = rng.random(len(labels))[rows]
    order = np.lexsort((luck, cell))
    starts = np.cumsum(np.bincount(cell, minlength=counts.size)) - np.bincount(
        cell, minlength=counts.size
    )
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - starts[cell[order]]
    chosen = place < counts.reshape(-1)[cell]
    borders = np.cumsum(np.bincount(owner[chosen], minlength=len(held)))
    return np.split(rows[chosen], borders[:-1])
