"""What a diagnosis looks at: samples as rows of numbers, with class, client and time window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.errors import InputError
from unalike.functional.streams import generator

from .sample_order import sample_order

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_CLIENTS = 200
"""Of more clients, so many are looked at, chosen at random (all of them for labels and sizes)."""
MOST_DIMENSIONS = 64
"""Longer samples are projected at random onto this many directions."""
AT_ONCE = 1 << 22
"""Numbers that are projected at once, so that large data need little memory."""


@dataclass(frozen=True, eq=False)
class Samples:
    """n samples of N clients, in an order that hangs on no name (`sample_order.py`)."""

    x: Floats  # [n, d]
    y: Integers  # [n] in 0..classes-1
    client: Integers  # [n] in 0..N-1
    names: tuple[str, ...]  # N
    labels: tuple[str, ...]  # the names of the classes
    window: Integers | None = None  # [n] in 0..windows-1, in the order of time
    note: str = ""  # what must be said of the classes
    thinned: str = ""  # what must be said where subjects had several samples
    projected: bool = False  # whether x are random directions of longer samples
    client_order: Integers | None = None  # [N] the clients in the order of their names
    class_order: Integers | None = None  # [C] the classes as they are numbered outside

    @property
    def clients(self) -> int:
        """N."""
        return len(self.names)

    @property
    def classes(self) -> int:
        """C."""
        return len(self.labels)

    @property
    def shown(self) -> tuple[Integers, Integers]:
        """Clients [N] and classes [C] in the order in which people know them."""
        return (
            np.arange(self.clients) if self.client_order is None else self.client_order,
            np.arange(self.classes) if self.class_order is None else self.class_order,
        )

    @property
    def sizes(self) -> Integers:
        """Samples of each client: [N]."""
        return np.bincount(self.client, minlength=self.clients)

    @property
    def counts(self) -> Integers:
        """Samples of each client by class: [N, classes]."""
        cells = np.bincount(self.cell, minlength=self.clients * self.classes)
        return cells.reshape(self.clients, self.classes)

    @property
    def cell(self) -> Integers:
        """Client and class of each sample as one number: [n]."""
        return self.client * self.classes + self.y

    def subset(self, rows: NDArray[Any]) -> Samples:
        """The samples of these rows, with the same clients."""
        window = None if self.window is None else self.window[rows]
        return replace(
            self, x=self.x[rows], y=self.y[rows], client=self.client[rows], window=window
        )

    def choose_clients(self, most: int, rng: np.random.Generator) -> tuple[Integers, Samples]:
        """At most so many clients, chosen at random, and their samples, numbered anew."""
        chosen = np.sort(rng.permutation(self.clients)[:most])
        part = self.subset(np.isin(self.client, chosen))
        names = tuple(self.names[i] for i in chosen)
        return chosen, replace(
            part, client=np.searchsorted(chosen, part.client), names=names, client_order=None
        )

    def subsample(self, most: int, seed: int) -> Samples:
        """At most about this many samples, the same share of each client's, at least two."""
        if len(self.y) <= most:
            return self
        order = np.lexsort((generator(seed, "diagnosis/thin").random(len(self.y)), self.client))
        sizes = self.sizes
        place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        kept = np.maximum(2, np.floor(sizes * most / len(order))).astype(np.int64)
        return self.subset(np.sort(order[place < kept[self.client[order]]]))


def prepare_samples(
    x: Any,
    y: Any,
    client: Any,
    time: Any = None,
    *,
    label: int | None = None,
    labels: tuple[str, ...] | None = None,
    names: tuple[str, ...] | None = None,
    note: str = "",
    windows: int = 4,
    subject: Integers | None = None,
    seed: int = 0,
) -> Samples:
    """Samples x [n, ...], y [n], client [n] and, where known, time [n], made ready.

    Vectors are standardised coordinate by coordinate, images only as a whole, since their pixels
    share one unit. More than 64 numbers are projected at random onto 64 directions. Times are cut
    into `windows` of equal numbers of samples. Samples, classes and clients come in an order that
    hangs on no name and not on the order in which they are given.
    Where a sample can have many labels, y [n, labels], `label` says which of them to look at.
    `labels` are the names of the classes, `names` those of the clients; `note` is said of the
    classes where they are none of the samples' own.
    Samples of one subject [n] at a client are alike without any skew, so one of them is taken.

    Raises:
        InputError: one client, many labels of which none is chosen, or times that are no numbers
            or too few.
    """
    y, labels = classes_of(np.asarray(y), label, labels)
    owner = np.asarray(client)
    if time is not None and len(time) != len(y):
        raise InputError(f"There are {len(y)} samples, but {len(time)} times.")
    found, number = np.unique(owner, return_inverse=True)
    if len(found) < 2:
        raise InputError(
            f"There is only one client, {str(found[0])!r}: a diagnosis compares at least two."
        )
    called = tuple(map(str, found)) if names is None else tuple(names[int(i)] for i in found)
    window = None if time is None else _windows(np.asarray(time), windows)
    x = np.asarray(x)
    flat = x.reshape(len(x), -1)
    order = sample_order(
        flat,
        y,
        number.astype(np.int64),
        window,
        classes=len(labels),
        clients=len(found),
        spread=_moments(flat, whole=x.ndim > 2)[1],
    )
    rows, thinned = order.rows, ""
    if subject is not None:
        rng = generator(seed, "diagnosis/subjects")
        rows = rows[one_of_each(order.clients[number][rows], np.asarray(subject)[rows], rng)]
    if len(rows) < len(x):
        thinned = (
            "Samples of one subject are alike wherever they are, so one of each, drawn at random, "
            f"is looked at: {len(rows):,} of {len(x):,} samples."
        )
    return Samples(
        _rows(flat[rows], seed, whole=x.ndim > 2),
        order.classes[y][rows],
        order.clients[number][rows],
        tuple(called[i] for i in np.argsort(order.clients)),
        tuple(labels[k] for k in np.argsort(order.classes)),
        None if window is None else window[rows],
        note,
        thinned,
        flat.shape[1] > MOST_DIMENSIONS,
        order.clients,
        order.classes,
    )


def one_of_each(client: Integers, subject: Integers, rng: np.random.Generator) -> Integers:
    """One sample, drawn at random, of each subject at each client: [n], [n] -> places in order."""
    order = rng.permutation(len(client))
    each = client * (subject.max(initial=0) + 1) + subject
    first = np.unique(each[order], return_index=True)[1]
    return np.sort(order[first])


def classes_of(
    y: NDArray[Any], label: int | None, labels: tuple[str, ...] | None = None
) -> tuple[Integers, tuple[str, ...]]:
    """The class of each sample [n], and the names of the classes.

    Raises:
        InputError: many labels of which none is chosen, or one label and a choice.
    """
    if y.ndim == 1:
        if label is not None:
            raise InputError("Choosing a label is for samples with many labels; these have one.")
        return y.astype(np.int64), labels or tuple(map(str, range(int(y.max()) + 1)))
    if label is None:
        raise InputError(
            f"A diagnosis looks at one class a sample, but these samples have {y.shape[1]} labels "
            f"each: choose one of them with label=0 to label={y.shape[1] - 1} (--label)."
        )
    if not 0 <= label < y.shape[1]:
        raise InputError(f"There are labels 0 to {y.shape[1] - 1}, but none of number {label}.")
    name = labels[label] if labels else f"label {label}"
    return y[:, label].astype(np.int64), (f"without {name}", f"with {name}")


def _rows(flat: NDArray[Any], seed: int, *, whole: bool) -> Floats:
    mean, spread = _moments(flat, whole=whole)
    kept = spread > 0
    if not kept.any():
        return np.zeros((len(flat), 1))
    size = int(np.count_nonzero(kept))
    directions = np.eye(min(size, MOST_DIMENSIONS))
    if size > MOST_DIMENSIONS:
        rng = generator(seed, "diagnosis/project")
        directions = rng.standard_normal((size, MOST_DIMENSIONS)) / np.sqrt(MOST_DIMENSIONS)
    scaled = directions / spread[kept, None]
    return np.concatenate([(part - mean)[:, kept] @ scaled for part in _pieces(flat)])


def _moments(flat: NDArray[Any], *, whole: bool) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column [d]; one deviation for all of a whole."""
    mean = flat.mean(0, dtype=np.float64)
    squares = sum(np.square(part - mean).sum(0) for part in _pieces(flat)) / len(flat)
    return mean, np.sqrt(np.full(len(mean), squares.mean()) if whole else squares)


def _pieces(flat: NDArray[Any]) -> list[NDArray[Any]]:
    return np.array_split(flat, 1 + flat.size // AT_ONCE)


def _windows(time: NDArray[Any], windows: int) -> Integers:
    if time.dtype.kind not in "iufMb" or (time.dtype.kind in "f" and not np.isfinite(time).all()):
        raise InputError("The time of each sample must be a number or a date, without gaps.")
    values, place = np.unique(time, return_inverse=True)
    if len(values) < 2:
        raise InputError("All samples have the same time: leave the time column out.")
    if len(values) <= windows:
        return place.astype(np.int64)
    borders = np.quantile(place, np.linspace(0, 1, windows + 1)[1:-1])
    return np.searchsorted(borders, place, side="left").astype(np.int64)
