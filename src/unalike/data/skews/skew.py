"""What a skew is: a way in which clients are made unlike, with its settings and what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from unalike.data.federated_data import Data
from unalike.data.truth import Truth
from unalike.errors import InputError
from unalike.functional.settings_types import FINITE
from unalike.functional.streams import generator

Integers = npt.NDArray[np.int64]
Family = Literal["label", "quantity", "feature", "concept", "temporal"]

Groups = Annotated[
    int, Field(ge=0, description="groups of clients that share one draw; 0: each its own")
]


class Skew(BaseModel):
    """A skew with its settings; draws come from streams named by its kind, never by its place."""

    model_config = ConfigDict(**FINITE, extra="forbid", frozen=True)

    family: ClassVar[Family]
    meaning: ClassVar[str]

    kind: str

    def describe(self) -> str:
        """The skew with its settings, on one line."""
        values = [
            _setting_text(name, value) for name, value in self.model_dump(exclude={"kind"}).items()
        ]
        return f"{self.kind} ({', '.join(values)})" if values else self.kind

    def sentence(self) -> str:
        """What the skew does, with its settings."""
        return f"skew {self.describe()}: {self.meaning}."


def _setting_text(name: str, value: object) -> str:
    if name == "groups":
        return f"{value} groups" if value else "each client its own"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


class ResamplingSkew(Skew):
    """A skew of how much, or how much of each class, a client keeps of what it was dealt."""

    def resample(
        self, labels: Integers, held: list[Integers], *, seed: int, least: int
    ) -> tuple[list[Integers], Truth | None]:
        """The samples that each client goes on holding: classes [n], one index list a client.

        No client is left with less than `least` samples, unless it held fewer.
        """
        raise NotImplementedError


class TransformSkew(Skew):
    """A skew of what a client's samples look like, or of what they are called."""

    def transform(self, federation: Data, *, seed: int) -> tuple[Data, Truth | None]:
        """The federation with this skew: the same clients, lists and parts."""
        raise NotImplementedError


def draw_units(clients: int, groups: int, purpose: str, seed: int) -> Integers:
    """The unit that each client shares its draw with: [N]; its own with `groups` 0.

    Raises:
        InputError: more groups than clients.
    """
    if groups > clients:
        raise InputError(f"{clients} clients cannot form {groups} groups.")
    if groups == 0:
        return np.arange(clients)
    return generator(seed, purpose).permutation(np.arange(clients) % groups)


def joint_groups(truths: list[Integers]) -> Integers | None:
    """The groups of clients that all of these groupings put together: [N]; None of none."""
    if not truths:
        return None
    _, group = np.unique(np.stack(truths, axis=1), axis=0, return_inverse=True)
    return group.reshape(-1).astype(np.int64)


def by_unit(unit: Integers) -> Iterator[tuple[int, Integers]]:
    """Each unit that occurs in unit [n], with its places in rising order."""
    order = np.argsort(unit, kind="stable")
    borders = np.flatnonzero(np.diff(unit[order])) + 1
    for rows in np.split(order, borders) if len(unit) else ():
        yield int(unit[rows[0]]), rows
