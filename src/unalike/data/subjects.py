"""Samples of one subject, a patient or a device, which training and test must not share.

A model that has seen a patient's other visits knows the patient, and is judged too well. So where
samples name their subject, all those of one stay together in training, validation or test: what
scikit-learn calls groups.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .ragged import Ragged

Integers = npt.NDArray[np.int64]
TRAINING, VALIDATING, TESTING = 0, 1, 2
SHOWN = 5
FEW, FEW_SHARE, FEW_PEOPLE = 10, 0.1, 4
"""Things, things a sample, and people that there must be more of where nobody has asked."""
DEALT_ALONE = (
    "Skews that draw samples anew draw them one by one, so that those of one subject can train at "
    "one client and test at another."
)
"""What must be said of samples that a skew draws anew."""


class Subjects(NamedTuple):
    """Whose each sample is."""

    name: npt.NDArray[np.str_]  # [n]; "" where nobody knows, a subject of its own each
    column: str  # what they are called by
    asked: bool = True
    """Whether somebody has said so. Else it follows from the name of the column, and a client is
    cut so where it holds many."""
    people: bool = False  # whether that name is one of people

    def of(self, rows: npt.NDArray[Any]) -> Subjects:
        """The subjects of the samples that `rows` names, by index or by a mask [n]."""
        return self._replace(name=self.name[rows])

    @property
    def distinct(self) -> npt.NDArray[np.str_]:
        """The names, where samples of nobody known have names of their own: [n]."""
        unknown = self.name == ""
        if not unknown.any():
            return self.name
        own = self.name.astype(object)
        own[unknown] = [f"\0{i}" for i in range(int(unknown.sum()))]
        return own.astype(np.str_)

    @property
    def number(self) -> Integers | None:
        """The subjects by number [n]; None where none of them may stay together."""
        place = np.unique(self.distinct, return_inverse=True)[1]
        return place.astype(np.int64) if self.asked or self.many else None

    @property
    def lists(self) -> Ragged | None:
        """The samples of each subject, in the order in which they come; None where none of them
        has several, or they need not stay together."""
        number = self.number
        if number is None or not self.several:
            return None
        first, place = np.unique(number, return_index=True, return_inverse=True)[1:]
        rank = np.argsort(np.argsort(first))[place]
        return Ragged.of(np.argsort(rank, kind="stable"), np.bincount(rank))

    @property
    def many(self) -> bool:
        """Whether there are so many that nothing else is likely to go by such a name."""
        number = len(np.unique(self.distinct))
        return number > (FEW_PEOPLE if self.people else max(FEW, FEW_SHARE * len(self.name)))

    @property
    def several(self) -> bool:
        """Whether a subject has more than one of these samples."""
        return len(np.unique(self.distinct)) < len(self.name)


def parts_by_subject(
    subjects: Subjects, wanted: tuple[int, int, int], *, seed: int
) -> npt.NDArray[np.int64] | None:
    """The part of each sample of one client: [n] of TRAINING, VALIDATING and TESTING.

    As many subjects test as come nearest to the number of samples that should, at least one, and
    then as many validate. Which these are follows from the seed and their names alone.

    subjects: of the client's samples. wanted: samples that should train, validate and test.

    Returns:
        None where no subject has several samples, or there are fewer subjects than parts.
    """
    names = subjects.distinct
    different, place, sizes = np.unique(names, return_inverse=True, return_counts=True)
    parts = [part for part in (TESTING, VALIDATING) if wanted[part] > 0]
    if len(different) == len(names) or len(different) <= len(parts):
        return None
    if not (subjects.asked or subjects.many):
        return None
    order = np.argsort([_draw(str(name), seed) for name in different], kind="stable")
    part = np.full(len(different), TRAINING)
    for at, kind in enumerate(parts):
        left = order[: len(order) - (len(parts) - at)]
        held = np.cumsum(sizes[left])
        taken = 1 + int(np.abs(held - wanted[kind]).argmin())
        part[order[:taken]] = kind
        order = order[taken:]
    return part[place].astype(np.int64)


def subject_notes(
    subjects: Subjects,
    together: npt.NDArray[np.bool_],
    parted: npt.NDArray[np.bool_],
    names: tuple[str, ...],
) -> list[str]:
    """What became of subjects with several samples, in sentences.

    together: clients where these stay in one part [N]. parted: those where they may not.
    """
    column, said = repr(subjects.column), []
    if together.any():
        way_out = "" if subjects.asked else " (--subject-column none parts them)"
        said.append(
            f"Samples of one {column} stay together in training, validation or test{way_out}."
        )
    if parted.any() and (subjects.asked or subjects.many):
        where = _few([names[i] for i in np.flatnonzero(parted)])
        why = "there are fewer of them than parts"
        if not subjects.asked:
            why = f"there are few of them (--subject-column {subjects.column} keeps them together)"
        said.append(f"Samples of one {column} can stand in training and in test at {where}: {why}.")
    return said


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _draw(name: str, seed: int) -> int:
    """A number by which a subject is put in order for the cut, wherever it is."""
    whole = name.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(whole, digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big")
