"""Scores of very many groups are counted block by block, and are those of all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unalike.tasks import Losses, group_scores, task_named

SIZES = np.array([3, 0, 7, 1, 1, 12, 0, 40, 2, 0])
SAMPLES = int(SIZES.sum())


def asked(name: str, luck: np.random.Generator) -> tuple[Any, np.ndarray, np.ndarray]:
    """A task, outputs and truths."""
    outputs = {"classes": 3, "labels": 3}.get(name, 2 if name == "binary" else 1)
    task = task_named(name).of(outputs)
    output = luck.normal(size=(SAMPLES, outputs)).round(1).astype(np.float32)
    if name == "labels":
        return task, output, (luck.random((SAMPLES, 3)) < 0.4).astype(np.float32)
    if name == "survival":
        event = luck.random(SAMPLES) < 0.7
        return task, output, np.stack([luck.integers(1, 9, SAMPLES), event], 1).astype(np.float32)
    if name == "regression":
        return task, output[:, 0], luck.normal(size=SAMPLES).astype(np.float32)
    return task, output, luck.integers(0, outputs, SAMPLES)


@pytest.mark.parametrize("name", ["classes", "binary", "labels", "regression", "survival"])
@pytest.mark.parametrize("extreme", [None, np.nan, np.inf])
@pytest.mark.parametrize("block", [1, 3, 100])
def test_blocks_are_scored_as_all_groups_at_once(
    name: str, extreme: float | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unalike.tasks.scores.BLOCK", block)
    luck = np.random.default_rng(0)
    task, output, truth = asked(name, luck)
    if extreme is not None and name != "survival":
        output[::6], output[1::9] = extreme, -extreme
    each = luck.random(SAMPLES)
    of_groups = Losses(luck.random(len(SIZES)), np.ones(len(SIZES)))
    for losses in (each, of_groups):
        found = group_scores(task, task.samples(output, truth, losses), SIZES)
        sums = task.counts(output, truth, losses, SIZES, addable=False)
        known = task.scores(sums)
        assert found.scores.keys() == known.keys()
        for measure, column in found.scores.items():
            np.testing.assert_array_equal(column, known[measure])
        assert found.one_answer == task.one_answer(sums)


@pytest.mark.parametrize("block", [1, 2])
def test_one_answer_is_found_among_all_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unalike.tasks.scores.BLOCK", block)
    task, sizes = task_named("classes").of(2), np.array([6, 6, 6])
    truth = np.arange(18) % 2
    for said, known in (([1, 1, 1], "the class '1'"), ([0, 1, 1], "one class at each client")):
        output = np.eye(2, dtype=np.float32)[np.repeat(said, sizes)]
        samples = task.samples(output, truth, np.zeros(18))
        assert group_scores(task, samples, sizes).one_answer == known
        output[0] = output[0, ::-1]
        samples = task.samples(output, truth, np.zeros(18))
        assert group_scores(task, samples, sizes).one_answer is None


def test_no_groups_have_no_scores() -> None:
    task = task_named("binary").of(2)
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int64), np.zeros(0)
    found = group_scores(task, task.samples(*nothing), np.zeros(0, np.int64))
    assert found.one_answer is None
    assert {len(column) for column in found.scores.values()} == {0}
