"""Scores follow from counts, and counts of parts add up to those of the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from unalike.measures.classification import accuracy, balanced_accuracy, macro_f1
from unalike.measures.tally import Tally, tally, without_classes

MEASURES = (accuracy, balanced_accuracy, macro_f1)


def one_label() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return rng.integers(4, size=60), rng.integers(3, size=60)


def many_labels() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    return rng.random((60, 4)) < 0.4, (rng.random((60, 4)) < 0.5).astype(np.float32)


@pytest.mark.parametrize("made", [one_label, many_labels])
def test_counts_of_parts_add_up(made: Callable[[], tuple[np.ndarray, ...]]) -> None:
    output, truth = made()
    parts = tally(output, truth, np.array([10, 0, 30, 20]), 4)
    together = Tally(*(column.sum(0, keepdims=True) for column in parts))
    whole = tally(output, truth, np.array([60]), 4)
    many = output.ndim > 1
    for measure in MEASURES:
        found, known = (measure(counted, many_labels=many) for counted in (together, whole))
        np.testing.assert_allclose(found, known, rtol=1e-12)
        assert np.isnan(measure(parts, many_labels=many)).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("made", [one_label, many_labels])
def test_counts_without_classes(made: Callable[[], tuple[np.ndarray, ...]]) -> None:
    output, truth = made()
    counted = tally(output, truth, np.array([25, 35]), 4)
    many = output.ndim > 1
    merged = without_classes(counted, many_labels=many)
    found, known = (accuracy(each, many_labels=many) for each in (merged, counted))
    np.testing.assert_allclose(found, known, rtol=1e-12)
    assert np.isnan(balanced_accuracy(merged, many_labels=many)).all()
    assert np.isnan(macro_f1(merged, many_labels=many)).all()
    assert not merged.actual.any()
    assert not merged.predicted.any()
    assert not merged.correct[:, 1:].any()


def test_scores_by_hand() -> None:
    output, truth = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    counted = tally(output, truth, np.array([4]), 3)
    assert accuracy(counted, many_labels=False) == [0.5]
    assert balanced_accuracy(counted, many_labels=False) == pytest.approx([(1 + 1 / 3) / 2])
    assert macro_f1(counted, many_labels=False) == pytest.approx([(2 / 3 + 1 / 2 + 0) / 3])


def test_scores_of_many_labels_by_hand() -> None:
    output = np.array([[True, False], [True, True]])
    truth = np.array([[1.0, 1.0], [0.0, 1.0]])
    counted = tally(output, truth, np.array([2]), 2)
    assert accuracy(counted, many_labels=True) == [0.5]
    assert balanced_accuracy(counted, many_labels=True) == [0.5 * (1 + 0)]
    assert macro_f1(counted, many_labels=True) == pytest.approx([(2 / 3 + 2 / 3) / 2])
