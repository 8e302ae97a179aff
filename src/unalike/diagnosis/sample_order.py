"""An order of samples, classes and clients that hangs on what the samples are, and on no name.

Whatever is drawn at random for the sample in a place is then drawn for the same sample in whatever
order the samples came, and however their classes and clients are called. Samples are told apart by
a hash of their own numbers, rounded to a ten-thousandth of their column's standard deviation, so
that the last digits of a scaling do not count. Classes and clients are told apart by the samples
that they hold, again and again by those of each other (colour refinement of the samples as edges
between classes and clients); where several are still alike, one is set apart and the rest follows.

Source  Weisfeiler and Leman, 1968 (the refinement)
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GRAIN = 1e-4
"""Of a column's standard deviation: what differs by less is the same sample, as to order."""
AT_ONCE = 1 << 22
"""Numbers that are rounded at once, so that large data need little memory."""


class SampleOrder(NamedTuple):
    """Where everything goes."""

    rows: Integers  # [n] the samples, in order
    classes: Integers  # [C] the place of each class; those without samples come last
    clients: Integers  # [N] the place of each client


def sample_order(
    x: NDArray[np.generic],
    y: Integers,
    client: Integers,
    window: Integers | None,
    *,
    classes: int,
    clients: int,
    spread: Floats,
) -> SampleOrder:
    """The order of samples x [n, d], y [n] and client [n], and of their classes and clients.

    window [n]: when each was taken, if known; spread [d]: standard deviation of each column.
    """
    looks, exact = _ranks(x, np.where(spread > 0, spread, 1.0))
    if window is not None:
        looks = looks * (int(window.max()) + 1) + window
    used = np.unique(y)
    held = np.searchsorted(used, y)
    class_place, client_place = _canonical_places(looks, held, client, len(used), clients)
    rows = np.lexsort((exact, client_place[client], class_place[held], looks))
    places = np.full(classes, -1)
    places[used] = class_place
    places[places < 0] = np.arange(len(used), classes)
    return SampleOrder(rows, places, client_place)


def table_order(counts: Integers, mean: Floats) -> tuple[Integers, Integers]:
    """The order of clients [N] and of classes [C] by what each tells of each class.

    counts [N, C] samples and their mean [N, C, m] in standard deviations.
    """
    told = np.concatenate([counts[:, :, None], np.rint(mean / GRAIN) + 0.0], axis=2)
    clients, classes = counts.shape
    cells = np.array([_digest(cell) for cell in told.reshape(clients * classes, -1)])
    looks = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    client, y = np.divmod(np.arange(len(cells)), classes)
    by_class, by_client = _canonical_places(looks, y, client, classes, clients)
    return np.argsort(by_client), np.argsort(by_class)


def _canonical_places(
    looks: Integers, y: Integers, client: Integers, classes: int, clients: int
) -> tuple[Integers, Integers]:
    """A place for each class [C] and each client [N]."""
    colours = np.zeros(classes, np.int64), np.zeros(clients, np.int64)
    while True:
        colours = _refined(looks, y, client, *colours)
        split = next((c for c in colours if len(np.unique(c)) < len(c)), None)
        if split is None:
            return colours
        values, held = np.unique(split, return_counts=True)
        alike = np.flatnonzero(split == values[held > 1][0])
        split *= 2
        split[alike[0]] -= 1


def _refined(
    looks: Integers, y: Integers, client: Integers, by_class: Integers, by_client: Integers
) -> tuple[Integers, Integers]:
    """Colours that no samples tell apart further."""
    told = -1
    while told < (told := len(np.unique(by_class)) + len(np.unique(by_client))):
        seen = np.stack([looks, by_class[y], by_client[client]], axis=1)
        colour = np.unique(seen, axis=0, return_inverse=True)[1].reshape(-1)
        by_class, by_client = (
            _recoloured(y, colour, by_class),
            _recoloured(client, colour, by_client),
        )
    return by_class, by_client


def _recoloured(group: Integers, colour: Integers, before: Integers) -> Integers:
    """Colours of groups by their samples' colours, after what they had: [G]."""
    order = np.lexsort((colour, group))
    ends = np.cumsum(np.bincount(group, minlength=len(before)))
    parts = np.split(colour[order], ends[:-1])
    keys = [(int(old), _digest(part)) for old, part in zip(before, parts, strict=True)]
    rank = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([rank[key] for key in keys], np.int64)


def _ranks(x: NDArray[np.generic], spread: Floats) -> tuple[Integers, Integers]:
    """A number for each sample, the same for samples that look the same, and one for equal ones."""
    rounded, exact = [], []
    for part in np.array_split(x, 1 + x.size // AT_ONCE):
        numbers = part.astype(np.float64) + 0.0
        steps = np.rint(numbers / (GRAIN * spread)) + 0.0
        rounded += [_digest(row) for row in steps]
        exact += [_digest(row) for row in numbers]
    ranks = [np.unique(np.array(one), return_inverse=True)[1] for one in (rounded, exact)]
    return ranks[0].astype(np.int64), ranks[1].astype(np.int64)


def _digest(numbers: NDArray[np.generic]) -> str:
    return hashlib.blake2b(np.ascontiguousarray(numbers).tobytes(), digest_size=16).hexdigest()
