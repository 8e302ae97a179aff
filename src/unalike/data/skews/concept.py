"""Concept shift: groups of clients give other names to the same samples.

Each group has its own table from true class to the name it uses. The first group keeps the true
names; every other one exchanges `swaps` pairs of classes, or renames all of them in a circle.

Source  Sattler et al., IEEE TNNLS 2021 (arXiv:1910.01991), permuted labels
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from unalike.data.federated_data import Data
from unalike.data.truth import Truth
from unalike.errors import InputError
from unalike.functional.streams import generator

from .skew import Family, TransformSkew, draw_units

Indices = npt.NDArray[np.int64]

ConceptGroups = Annotated[
    int, Field(ge=0, description="groups of clients that agree; 0: each client on its own")
]


def label_permutations(
    classes: int, groups: int, *, swaps: int | None, seed: int = 0, purpose: str = "data/concept"
) -> Indices:
    """The name that each group gives to each class: [groups, classes], rows are permutations.

    With `swaps` None the classes are renamed in a random circle, so that none keeps its name.

    Raises:
        InputError: more pairs than there are, or fewer than 1 group.
    """
    if groups < 1:
        raise InputError(f"There must be at least 1 group, not {groups}.")
    if swaps is not None and not 0 <= 2 * swaps <= classes:
        raise InputError(
            f"swaps = {swaps}: of {classes} classes 0 to {classes // 2} pairs can be exchanged."
        )
    names = np.tile(np.arange(classes), (groups, 1))
    for g in range(1, groups):
        order = generator(seed, purpose, g).permutation(classes)
        if swaps is None:
            names[g, order] = np.roll(order, 1)
        else:
            first, second = order[:swaps], order[swaps : 2 * swaps]
            names[g, first], names[g, second] = second, first
    return names


def relabelled(federation: Data, *, groups: int = 2, swaps: int | None = 1, seed: int = 0) -> Data:
    """Deal clients evenly to groups at random and rename their classes; `groups` [N] is kept.

    A client's training, validation and test samples are renamed alike; an official test set stays
    as it is.

    Raises:
        InputError: many labels a sample, more groups than clients, or as `label_permutations`.
    """
    group = draw_units(federation.clients, groups, "data/concept", seed)
    names = label_permutations(federation.classes, groups, swaps=swaps, seed=seed)
    return replace(relabel(federation, names[group]), groups=group)


def relabel(federation: Data, names: Indices) -> Data:
    """Every client's classes renamed by its own table: names [N, classes].

    Raises:
        InputError: many labels a sample.
    """
    if not federation.task.holds_classes:
        raise InputError("Only samples of one class each can be relabelled.")
    parts = []
    for labels, owner in zip((federation.y, federation.y_test), federation.owners(), strict=True):
        true = labels.numpy()
        parts.append(torch.from_numpy(np.where(owner >= 0, names[owner, true], true)))
    return replace(federation, y=parts[0], y_test=parts[1])


class RelabellingSkew(TransformSkew):
    """A skew of what groups call the classes."""

    family: ClassVar[Family] = "concept"

    groups: ConceptGroups = 2

    @property
    def swaps(self) -> int | None:
        """Pairs of classes that a group exchanges; None: all are renamed in a circle."""
        raise NotImplementedError

    def transform(self, federation: Data, *, seed: int) -> tuple[Data, Truth]:
        purpose = f"data/{self.kind}"
        unit = draw_units(federation.clients, self.groups, purpose, seed)
        count = self.groups or federation.clients
        names = label_permutations(
            federation.classes, count, swaps=self.swaps, seed=seed, purpose=purpose
        )
        drawn = tuple(_moves(row) for row in names)
        return relabel(federation, names[unit]), Truth(self.kind, unit, drawn)


class Permutation(RelabellingSkew):
    """All classes are renamed in a circle, another one in each group but the first."""

    meaning: ClassVar[str] = "groups of clients rename all classes in a circle of their own"

    kind: Literal["permutation"] = "permutation"

    @property
    def swaps(self) -> None:
        """None: all classes."""
        return None


class Swap(RelabellingSkew):
    """Pairs of classes exchange their names, others in each group but the first."""

    meaning: ClassVar[str] = "groups of clients exchange the names of pairs of classes"

    kind: Literal["swap"] = "swap"
    pairs: Annotated[int, Field(ge=1, description="pairs of classes that a group exchanges")] = 1

    @property
    def swaps(self) -> int:
        """The pairs."""
        return self.pairs


def _moves(names: Indices) -> str:
    moved = [f"{true}->{name}" for true, name in enumerate(names) if true != name]
    return " ".join(moved) or "true names"
