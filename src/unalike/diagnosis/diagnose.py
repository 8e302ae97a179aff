"""From samples to a diagnosis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.data.dataset import Dataset
from unalike.data.federation import Federation
from unalike.data.reading import read
from unalike.errors import InputError
from unalike.functional.settings_types import Count, Level, checked

from .client_groups import group_clients
from .concept_shift import MOST_CLIENTS as CONCEPT_CLIENTS
from .concept_shift import concept_shift
from .diagnosis_result import Diagnosis, Finding
from .feature_skew import feature_skew
from .label_skew import label_skew
from .null import holm
from .optimisation import optimisation
from .quantity_skew import quantity_skew
from .samples import MOST_CLIENTS, MOST_DIMENSIONS, Samples, prepare_samples
from .temporal_skew import temporal_skew

FEWER_SHUFFLES = 40
"""Of the map and of optimisation, which decide on no kind of skew."""


def diagnose(
    data: Federation | Samples | Dataset | tuple[Any, ...],
    *,
    label: int | None = None,
    shuffles: int = 200,
    level: float = 0.05,
    seed: int = 0,
    optimise: bool = True,
) -> Diagnosis:
    """How unlike the clients are, in which way, and whether that is more than chance.

        >>> rng = np.random.default_rng(0)
        >>> y, hospital = np.tile([0, 1], 80), np.repeat(["north", "south"], 80)
        >>> x = rng.normal(size=(160, 3)) + 3 * y[:, None]
        >>> diagnose((x, y, hospital)).found
        ()
        >>> diagnose((x, y ^ (hospital == "south"), hospital)).found
        ('concept',)

    Args:
        data: a federation (its training and validation samples are looked at, those of new
            clients included), `prepare_samples(...)`, or (x, y, client) or (x, y, client, time).
        shuffles: how many times membership is shuffled for each kind of skew.
        level: how often at most chance alone may raise any alarm.
        seed: decides the shuffles, projections and folds.
        optimise: whether to measure what the clients do to optimisation, which takes longest.

    Raises:
        InputError: the samples cannot be compared.
    """
    given = _samples(data, label, seed)
    found = findings(given, shuffles=shuffles, level=level, seed=seed)
    fewer = min(shuffles, FEWER_SHUFFLES)
    clients, classes = given.shown
    names = tuple(given.names[i] for i in clients)
    labels = tuple(given.labels[k] for k in classes)
    counts = given.counts[np.ix_(clients, classes)]
    groups = group_clients(given, shuffles=fewer, level=level, seed=seed)
    return Diagnosis(
        names,
        counts,
        labels,
        found,
        groups.renumber(np.argsort(clients)),
        optimisation(given, shuffles=fewer, seed=seed) if optimise else None,
        (data.skews if isinstance(data, Federation) else ())
        + _remarks(given, {finding.kind for finding in found if finding.found})
        + tuple(remarks_on_counts(counts, names, labels)),
        {"shuffles": shuffles, "level": level, "seed": seed, "samples": len(given.y)},
    )


def findings(
    given: Samples, *, shuffles: int = 200, level: float = 0.05, seed: int = 0
) -> tuple[Finding, ...]:
    """Each kind of skew: its measures beside chance, and whether there is more than chance."""
    check_shuffles(shuffles, level)
    measured = [
        measure(given, shuffles=shuffles, seed=seed, level=level)
        for measure in (label_skew, quantity_skew, feature_skew, concept_shift)
    ]
    if given.window is not None:
        measured.append(temporal_skew(given, shuffles=shuffles, seed=seed, level=level))
    return with_holm(measured, level)


def check_shuffles(shuffles: int, level: float) -> None:
    """Refuse so few shuffles that nothing could be found.

    Raises:
        InputError: there are too few, or the level is none.
    """
    checked("shuffles", shuffles, Count)
    checked("level", level, Level)
    if shuffles < 1 / level:
        raise InputError(f"{shuffles} shuffles are too few: give at least {round(1 / level)}.")


def with_holm(measured: list[Finding], level: float) -> tuple[Finding, ...]:
    """What is found, at this level over all kinds together."""
    adjusted = holm([finding.p for finding in measured])
    return tuple(
        replace(finding, adjusted=p, found=p <= level, level=level)
        for finding, p in zip(measured, adjusted, strict=True)
    )


def _samples(
    data: Federation | Samples | Dataset | tuple[Any, ...], label: int | None, seed: int
) -> Samples:
    if isinstance(data, Samples):
        return data
    if isinstance(data, tuple):
        return _samples(read(data), label, seed)
    if isinstance(data, Dataset):
        strata = data.task.strata(data.y)
        return prepare_samples(
            data.fitted().astype(np.float32),
            strata.member,
            data.client,
            data.time,
            label=label,
            labels=strata.names if strata.member.ndim == 1 else None,
            note=strata.text,
            subject=None if data.subjects is None else data.subjects.number,
            seed=seed,
        )
    rows = np.concatenate([data.train.values, data.validation.values])
    strata = data.task.strata(data.y.numpy()[rows])
    owner = np.concatenate([data.train.owner, data.validation.owner])
    windows = data.window
    return prepare_samples(
        data.x.numpy()[rows],
        strata.member,
        owner,
        None if windows is None else windows.samples[rows],
        windows=4 if windows is None else windows.number,
        label=label,
        labels=strata.names if strata.member.ndim == 1 else None,
        note=strata.text,
        names=data.names,
        subject=None if data.subject is None else data.subject[rows],
        seed=seed,
    )


def _remarks(given: Samples, found: set[str]) -> tuple[str, ...]:
    said = [note for note in (given.note, given.thinned) if note]
    if {"label", "feature", "concept"} <= found:
        said.append(
            "Where clients hold other classes and also name them differently, the names alone can "
            "pass for feature skew: take that finding with care."
        )
    if given.clients > CONCEPT_CLIENTS:
        said.append(f"Concept shift is looked for among {CONCEPT_CLIENTS} clients at random.")
    if given.clients > MOST_CLIENTS:
        said.append(
            f"Feature and temporal skew are looked for among {MOST_CLIENTS} clients at random, and "
            "the map shows as many."
        )
    if given.window is None:
        said.append(
            "Temporal skew is not measured: no column is named that says when a sample was taken "
            "(time_column=..., --time-column)."
        )
    if given.projected:
        said.append(f"Samples are looked at along {MOST_DIMENSIONS} random directions.")
    return tuple(said)


def remarks_on_counts(
    counts: NDArray[np.int64], names: tuple[str, ...], labels: tuple[str, ...]
) -> list[str]:
    """Clients that lack a class, and clients with few samples: counts [N, classes]."""
    said, clients = [], len(counts)
    lacking = np.flatnonzero((counts == 0).any(1))
    if len(lacking):
        first = lacking[0]
        missing = labels[(counts[first] == 0).argmax()]
        said.append(
            f"{len(lacking)} of {clients} clients lack a class; {names[first]} has no "
            f"sample of class {missing}. That is no error: it is label skew."
        )
    few = np.count_nonzero(counts.sum(1) < 20)
    if few:
        said.append(
            f"{few} of {clients} clients hold fewer than 20 samples: what they alone differ "
            "in can hardly be seen."
        )
    return said
