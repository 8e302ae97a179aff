"""How a client's samples are cut into training, validation and test."""

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError
from unalike.functional.streams import generator

Sizes = npt.NDArray[np.int64]


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
