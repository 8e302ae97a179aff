"""How a client's samples are cut into training, validation and test."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError
from unalike.functional.streams import generator

from .subjects import Subjects, parts_by_subject

Sizes = npt.NDArray[np.int64]


class Cut(NamedTuple):
    """Samples in parts, client after client."""

    order: Sizes  # [n] places; of each client those that train, then validate, then test
    train: Sizes  # [N] how many
    validation: Sizes  # [N]
    test: Sizes  # [N]
    together: npt.NDArray[np.bool_]  # [N] whether all samples of a subject with several are in one
    parted: npt.NDArray[np.bool_]  # [N] whether they may not be


def cut_samples(
    sizes: Sizes,
    draws: npt.NDArray[np.float64],
    subjects: Subjects | None,
    *,
    seed: int,
    validation: float,
    test: float,
) -> Cut:
    """Cut the samples of each client at random, or where it has several of a subject by subject.

    sizes: samples of each client [N]. draws: of the samples, client after client, see `cut_draws`.
    subjects: of these samples. seed: by which subjects are drawn.

    Raises:
        InputError: shares that are negative or leave nothing for training.
    """
    train, validating, testing = cut(sizes, validation=validation, test=test)
    owner, starts = np.repeat(np.arange(len(sizes)), sizes), np.cumsum(sizes) - sizes
    order = np.lexsort((draws, owner))
    together, parted = (np.zeros(len(sizes), np.bool_) for _ in range(2))
    found = Cut(order, train, validating, testing, together, parted)
    if subjects is None:
        return found
    for i, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        held = np.arange(start, start + size)
        own = subjects.of(held)
        wanted = int(train[i]), int(validating[i]), int(testing[i])
        part = parts_by_subject(own, wanted, seed=seed)
        if part is None:
            parted[i] = own.several
            continue
        order[held] = held[np.lexsort((draws[held], part))]
        train[i], validating[i], testing[i] = np.bincount(part, minlength=3)
        together[i] = True
    return found


def cut(sizes: Sizes, *, validation: float, test: float) -> tuple[Sizes, Sizes, Sizes]:
    """How many of a client's samples train, validate and test: sizes [N] -> three times [N].

    A share is rounded to the nearest number of samples, halves up, and is at least one sample
    when it is not 0. Where this is too much, training comes first: a client of one sample only
    trains; with two, the second one tests (validates, where nobody tests); with three or more
    every client has at least one of each.

    Raises:
        InputError: shares that are negative or leave nothing for training.
    """
    check_shares(validation, test)
    tests = np.minimum(_share(sizes, test), sizes - 1 - ((sizes > 2) & (validation > 0)))
    tests = np.maximum(tests, 0)
    validations = np.maximum(np.minimum(_share(sizes, validation), sizes - 1 - tests), 0)
    return sizes - tests - validations, validations, tests


def cut_draws(seed: int, count: int, *, start: int = 0) -> npt.NDArray[np.float64]:
    """One random number a sample [count]: by these a client's samples are put in order for the cut.

    Samples are numbered client after client. start: the number of the first one, so that whoever
    holds one client alone draws what it has in the federation.
    """
    rng = generator(seed, "data/cut")
    at_once = 4  # draws of one step of Philox
    rng.bit_generator.advance(start // at_once)  # type: ignore[attr-defined]
    return rng.random(start % at_once + count)[start % at_once :]


def check_shares(validation: float, test: float) -> None:
    """Whether the shares are none below 0 and leave something for training."""
    for name, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise InputError(f"The share for {name} must be from 0 to below 1, not {share}.")
    if validation + test >= 1:
        raise InputError(
            f"The shares for validation ({validation}) and test ({test}) leave nothing for "
            "training: they must sum to less than 1."
        )


def _share(sizes: Sizes, share: float) -> Sizes:
    if share == 0:
        return np.zeros_like(sizes)
    return np.maximum(np.floor(sizes * share + 0.5).astype(np.int64), 1)
