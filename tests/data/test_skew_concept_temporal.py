"""Names that groups give, and classes that come early or late."""

import numpy as np
import pytest
import torch

from unalike.data import federate, load
from unalike.data.skews.concept import label_permutations, relabelled
from unalike.data.skews.window_assignment import drift_law, drift_windows
from unalike.errors import InputError


@pytest.mark.parametrize("swaps", [None, 0, 1, 5])
def test_tables_are_permutations_that_move_as_many_as_asked(swaps: int | None) -> None:
    names = label_permutations(10, 3, swaps=swaps)
    assert (np.sort(names, axis=1) == np.arange(10)).all()
    moved = (names != np.arange(10)).sum(1)
    assert moved.tolist() == [0, *[10 if swaps is None else 2 * swaps] * 2]
    if swaps:
        assert (np.take_along_axis(names, names, 1) == np.arange(10)).all()


def test_all_parts_of_a_client_are_renamed_alike() -> None:
    federation = federate(load("digits"), split="iid", clients=6)
    renamed = relabelled(federation, groups=3, swaps=None, seed=1)
    assert np.bincount(renamed.groups).tolist() == [2, 2, 2]
    names = label_permutations(10, 3, swaps=None, seed=1)
    for i, group in enumerate(renamed.groups):
        for rows, old, new in (
            (federation.train.rows(i), federation.y, renamed.y),
            (federation.validation.rows(i), federation.y, renamed.y),
            (federation.test.rows(i), federation.y_test, renamed.y_test),
        ):
            assert (names[group][old[rows]] == new[rows].numpy()).all()
    assert torch.equal(renamed.x, federation.x)


def test_laws_of_time() -> None:
    assert drift_law("linear", 3).tolist() == [0, 0.5, 1]
    assert drift_law("step", 4).tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(drift_law("sine", 4), [0.5, 1, 0.5, 0], atol=1e-12)


def test_drift_of_the_shares_is_as_said() -> None:
    y, owner = np.arange(40_000) % 4, np.zeros(40_000, int)
    window = drift_windows(y, owner, windows=3, strength=0.5)
    share = np.array([[np.mean(window[y == k] == t) for k in range(4)] for t in range(3)])
    late = share[2] > 1 / 3
    assert late.sum() == 2
    expected = np.where(late, np.array([[0.5], [1], [1.5]]), np.array([[1.5], [1], [0.5]])) / 3
    np.testing.assert_allclose(share, expected, atol=4 * np.sqrt(0.25 / 10_000))


def test_without_strength_time_is_chance_and_clients_drift_their_own_way() -> None:
    y, owner = np.arange(20_000) % 4, np.repeat([0, 1], 10_000)
    window = drift_windows(y, owner, strength=0.0)
    np.testing.assert_allclose(np.bincount(window) / 20_000, 0.25, atol=0.015)
    alone = drift_windows(y[:10_000], owner[:10_000], strength=1.0)
    assert (drift_windows(y, owner, strength=1.0)[:10_000] == alone).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: label_permutations(4, 2, swaps=3), "swaps = 3: of"),
        (lambda: label_permutations(4, 0, swaps=1), "at least 1 group"),
        (lambda: drift_law("linnear", 3), "did you mean 'linear'"),
        (lambda: drift_law("step", 1), "at least 2 windows"),
        (lambda: drift_windows(np.arange(4), np.arange(4), strength=2), "from 0 to 1"),
        (
            lambda: relabelled(federate(load("digits"), split="iid", clients=2), groups=3),
            "2 clients cannot form 3",
        ),
    ],
)
def test_what_cannot_be(call, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()
