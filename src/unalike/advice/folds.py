"""What a race may know: the training and validation samples, cut anew into folds.

A fold is a federation whose "test" samples are some of the known ones, so that a race can be run
and judged by everything that judges studies, while the true test samples are in none of its
tensors. Each known sample is judged on in exactly one fold of a cut; another cut parts the same
samples into other folds.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.data.cut import cut
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.errors import InputError
from unalike.functional.streams import generator
from unalike.tasks import Task

LEAST = 4
"""Samples that a client must hold on average beside its test samples."""


class KnownSamples(NamedTuple):
    """What the clients that train hold, without their test samples."""

    x: Tensor  # [M, ...]
    y: Tensor  # [M] or [M, classes]
    lists: Ragged  # N lists of indices into x, in random order, those of one subject together
    unit: NDArray[np.int64]  # [M] which in its client's order each sample is, or its subject
    names: tuple[str, ...]  # N
    task: Task
    validation: float  # share of these samples that choose a round and stop fine-tuning

    @property
    def digest(self) -> str:
        """The same for the same samples of the same clients."""
        whole = hashlib.blake2b(digest_size=12)
        for part in (self.x.numpy(), self.y.numpy(), self.lists.values, self.lists.offsets):
            whole.update(np.ascontiguousarray(part).tobytes())
        return whole.hexdigest()


def known_samples(federation: Federation, seed: int) -> KnownSamples:
    """Everything but the test samples, of the clients that train.

    Raises:
        InputError: the clients hold too little.
    """
    here = np.flatnonzero(~federation.newcomers).tolist()
    lists = [
        generator(seed, "advice/folds", i).permutation(
            np.concatenate([federation.train.rows(i), federation.validation.rows(i)])
        )
        for i in here
    ]
    sizes = np.array([len(rows) for rows in lists])
    if sizes.mean() < LEAST:
        raise InputError(
            f"The clients hold {sizes.mean():.1f} samples on average beside their test samples; a "
            f"race needs at least {LEAST}: take fewer clients, or more data."
        )
    units = [_in_order(rows, federation.subject) for rows in lists]
    lists = [rows[np.argsort(unit, kind="stable")] for rows, unit in zip(lists, units, strict=True)]
    rows = np.concatenate(lists)
    share = federation.validation.sizes[here].sum() / sizes.sum()
    return KnownSamples(
        federation.x[torch.from_numpy(rows)],
        federation.y[torch.from_numpy(rows)],
        Ragged.of(np.arange(len(rows)), sizes),
        np.concatenate([np.sort(unit) for unit in units]),
        tuple(federation.names[i] for i in here),
        federation.task,
        float(share),
    )


def fold(given: KnownSamples, k: int, folds: int) -> Federation:
    """The known samples with every `folds`-th of each client, from the k-th on, to judge on.

    From k = `folds` on they are cut anew: those that one fold of the first cut judges together are
    judged by different folds of the second.
    """
    again, k = divmod(k, folds)
    sizes = given.lists.sizes
    owner = given.lists.owner
    judged = (given.unit + again * (given.unit // folds)) % folds == k
    rest = sizes - np.bincount(owner[judged], minlength=len(sizes))
    trains, _, _ = cut(rest, validation=given.validation, test=0.0)
    kept = np.flatnonzero(~judged)
    training = _training(given.unit[kept], rest, trains)
    trains = np.bincount(owner[kept][training], minlength=len(sizes))
    return Federation(
        x=given.x[torch.from_numpy(kept)],
        y=given.y[torch.from_numpy(kept)],
        x_test=given.x[torch.from_numpy(judged)],
        y_test=given.y[torch.from_numpy(judged)],
        train=Ragged.of(np.flatnonzero(training), trains),
        validation=Ragged.of(np.flatnonzero(~training), rest - trains),
        test=Ragged.of(np.arange(int(judged.sum())), sizes - rest),
        names=given.names,
        newcomers=np.zeros(len(sizes), np.bool_),
        pooled_test=np.arange(int(judged.sum())),
        task=given.task,
    )


def _in_order(rows: NDArray[np.int64], subject: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The place of each of a client's samples, or of its subject, in this order: [n]."""
    if subject is None:
        return np.arange(len(rows))
    _, first, place = np.unique(subject[rows], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place].astype(np.int64)


def _training(
    unit: NDArray[np.int64], sizes: NDArray[np.int64], trains: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which samples train, of clients of these sizes, the others validating: [n].

    The first `trains` of each client do, but for a subject of which some would not; the first
    subject always does.
    """
    owner, starts = np.repeat(np.arange(len(sizes)), sizes), np.cumsum(sizes) - sizes
    within = np.arange(len(owner)) - starts[owner]
    validates = (within >= trains[owner]) & (unit != unit[starts[owner]])
    subject = owner * (unit.max(initial=0) + 1) + unit
    return ~np.isin(subject, subject[validates])
