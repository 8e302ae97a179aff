"""Scores follow from counts, and counts of parts add up to those of the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from unalike.measures.metrics import METRICS, scores, scores_of
from unalike.measures.tally import Tally, tally, without_classes


def one_label() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return rng.integers(4, size=60), rng.integers(3, size=60), rng.random(60)


def many_labels() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(1)
    return rng.random((60, 4)) < 0.4, (rng.random((60, 4)) < 0.5).astype(np.float32), rng.random(60)


@pytest.mark.parametrize("made", [one_label, many_labels])
def test_counts_of_parts_add_up(made: Callable[[], tuple[np.ndarray, ...]]) -> None:
    output, truth, losses = made()
    parts = tally(output, truth, losses, np.array([10, 0, 30, 20]), 4)
    rows = [Tally(*(column[i : i + 1] for column in parts)) for i in range(4)]
    together = Tally.total(rows)
    for joined, column in zip(Tally.joined(rows), parts, strict=True):
        np.testing.assert_array_equal(joined, column)
    many = output.ndim > 1
    known = scores(output, truth, losses, np.array([60]), 4)
    found = scores_of(together, many_labels=many)
    assert list(found) == list(known) == list(METRICS)
    for name in METRICS:
        np.testing.assert_allclose(found[name], known[name], rtol=1e-12)
        assert np.isnan(scores_of(parts, many_labels=many)[name]).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("made", [one_label, many_labels])
def test_counts_without_classes(made: Callable[[], tuple[np.ndarray, ...]]) -> None:
    output, truth, losses = made()
    counted = tally(output, truth, losses, np.array([25, 35]), 4)
    many = output.ndim > 1
    merged = without_classes(counted, many_labels=many)
    found, known = scores_of(merged, many_labels=many), scores_of(counted, many_labels=many)
    np.testing.assert_allclose(found["accuracy"], known["accuracy"], rtol=1e-12)
    np.testing.assert_array_equal(found["loss"], known["loss"])
    assert np.isnan([found["balanced_accuracy"], found["macro_f1"]]).all()
    assert not merged.actual.any()
    assert not merged.predicted.any()
    assert not merged.correct[:, 1:].any()


def test_scores_by_hand() -> None:
    output, truth = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    found = scores(output, truth, np.array([1.0, 2.0, 3.0, 4.0]), np.array([4]), 3)
    assert found["accuracy"] == [0.5]
    assert found["balanced_accuracy"] == pytest.approx([(1 + 1 / 3) / 2])
    assert found["macro_f1"] == pytest.approx([(2 / 3 + 1 / 2 + 0) / 3])
    assert found["loss"] == [2.5]


def test_scores_of_many_labels_by_hand() -> None:
    output = np.array([[True, False], [True, True]])
    truth = np.array([[1.0, 1.0], [0.0, 1.0]])
    found = scores(output, truth, np.array([1.0, 3.0]), np.array([2]), 2)
    assert found["accuracy"] == [0.5]
    assert found["balanced_accuracy"] == [0.5 * (1 + 0)]
    assert found["macro_f1"] == pytest.approx([(2 / 3 + 2 / 3) / 2])


@pytest.mark.parametrize("many", [False, True])
def test_nothing_counted_has_no_score(many: bool) -> None:
    nothing = Tally.zeros(2, 3)
    assert nothing.shapes == [(2,), (2,), (2, 3), (2, 3), (2, 3)]
    for values in scores_of(nothing, many_labels=many).values():
        assert np.isnan(values).tolist() == [True, True]
