"""What groups tell adds up: to the very measure, or to one that says what else it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from task_samples import MAKERS, Array
from unalike.tasks import SHARE, Losses, Sums, Task, added, register_measure, stacked
from unalike.tasks.sums import mapped

SIZES = np.asarray([70, 0, 130, 1, 199])
WHOLE = np.asarray([400])


def reduced(name: str, n: int = 400) -> tuple[Task, Array, Array, Array]:
    task, output, truth = MAKERS[name](n, 1.0, 7)
    kept = task.reduced(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    return task, kept, truth, np.random.default_rng(2).random(n)


def arrays(tree: Any) -> list[Array]:
    if not isinstance(tree, tuple):
        return [tree]
    return [leaf for field in tree for leaf in arrays(field)]


@pytest.mark.parametrize("name", MAKERS)
def test_sums_of_groups_are_those_of_all_samples(name: str) -> None:
    task, output, truth, losses = reduced(name)
    together = task.scores(added(task.counts(output, truth, losses, SIZES)))
    known = task.scores(task.counts(output, truth, losses, WHOLE))
    for measure in task.measures:
        if not measure.over_groups:
            np.testing.assert_allclose(together[measure.name], known[measure.name], rtol=1e-12)
    np.testing.assert_allclose(together["loss"], known["loss"], rtol=1e-12)
    exact = {measure.name for measure in task.measures if not measure.over_groups}
    assert exact or name == "survival"


@pytest.mark.parametrize("name", MAKERS)
def test_groups_do_not_depend_on_the_others(name: str) -> None:
    task, output, truth, losses = reduced(name)
    known = task.scores(task.counts(output, truth, losses, SIZES))
    ends = np.cumsum(SIZES)[:-1]
    parts = zip(*(np.split(v, ends) for v in (output, truth, losses)), strict=True)
    alone = [task.counts(o, t, v, np.asarray([len(t)])) for o, t, v in parts]
    found = task.scores(stacked(alone))
    for measure, values in known.items():
        np.testing.assert_allclose(found[measure], values, rtol=1e-12, err_msg=measure)


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_adds_nothing(name: str) -> None:
    task, output, truth, losses = reduced(name)
    counts = task.counts(output, truth, losses, WHOLE)
    nothing = task.nothing()
    assert [leaf.shape for leaf in arrays(nothing)] == [leaf.shape for leaf in arrays(counts)]
    assert not any(leaf.any() for leaf in arrays(nothing))
    both = added(stacked([nothing, counts]))
    for found, known in zip(arrays(both), arrays(counts), strict=True):
        np.testing.assert_array_equal(found, known)
    assert all(np.isnan(value).all() for value in task.scores(nothing).values())


@pytest.mark.parametrize("name", MAKERS)
def test_the_main_measure_alone_can_be_told(name: str) -> None:
    task, output, truth, losses = reduced(name)
    counts = task.counts(output, truth, losses, SIZES)
    told = task.main_only(counts)
    found, known = task.scores(told), task.scores(counts)
    for measure in (task.main.name, "loss"):
        np.testing.assert_allclose(found[measure], known[measure], rtol=1e-12)
    if name != "survival":
        others = [m.name for m in task.measures if m is not task.main]
        kept = [m for m in others if not np.isnan(found[m]).all() and found[m].any()]
        assert not [m for m in kept if np.array_equal(found[m], known[m], equal_nan=True)]


@pytest.mark.parametrize("name", ["classes", "binary"])
def test_auc_of_a_union_is_off_by_no_more_than_its_histograms_say(name: str) -> None:
    task, output, truth, losses = reduced(name)
    counts = added(task.counts(output, truth, losses, SIZES))
    found = task.scores(counts)["auc"][0]
    known = task.scores(task.counts(output, truth, losses, WHOLE))["auc"][0]
    histogram = (counts.parts if name == "classes" else counts.parts.classes).histogram
    error = histogram.error[0].mean() if name == "classes" else histogram.error[0, 1]
    assert 0 < error < 0.03
    assert found != known
    assert abs(found - known) <= error
    assert task.measure("auc").over_groups


def test_histograms_lose_nothing_where_no_bin_holds_two_scores() -> None:
    task, output, truth, losses = reduced("binary")
    score = np.round(output[:, 1] * 2) / 2  # far wider apart than bins
    counts = task.counts(score, truth, losses, SIZES)
    found = task.scores(added(counts))
    known = task.scores(task.counts(score, truth, losses, WHOLE))
    for measure in known:
        np.testing.assert_allclose(found[measure], known[measure], rtol=1e-12, err_msg=measure)


def test_average_precision_and_sensitivity_of_a_union_are_close() -> None:
    for name in ("labels", "binary"):
        task, output, truth, losses = reduced(name)
        found = task.scores(added(task.counts(output, truth, losses, SIZES)))
        known = task.scores(task.counts(output, truth, losses, WHOLE))
        for measure in task.measures:
            if measure.over_groups:
                assert found[measure.name] == pytest.approx(known[measure.name], abs=0.06)
            if measure.name.startswith("sensitivity"):
                assert found[measure.name] <= known[measure.name]


def test_one_class_clients_have_an_auc_together() -> None:
    task, output, truth, losses = reduced("classes")
    order = np.argsort(truth, kind="stable")
    counts = task.counts(output[order], truth[order], losses, np.bincount(truth))
    assert np.isnan(task.scores(counts)["auc"]).all()
    known = task.scores(task.counts(output, truth, losses, WHOLE))["auc"]
    assert task.scores(added(counts))["auc"] == pytest.approx(known, abs=0.02)


@pytest.mark.parametrize("name", MAKERS)
def test_histograms_are_there_for_unions_alone(name: str) -> None:
    task, output, truth, losses = reduced(name)
    small, full = (
        task.counts(output, truth, losses, SIZES, addable=addable) for addable in (False, True)
    )
    found, known = task.scores(small), task.scores(full)
    for measure, values in known.items():
        np.testing.assert_array_equal(found[measure], values)
    fewer = sum(leaf.size for leaf in arrays(small)) < sum(leaf.size for leaf in arrays(full))
    assert fewer == (name in ("classes", "binary", "labels"))


@pytest.mark.parametrize("name", MAKERS)
def test_validation_of_all_clients_chooses_as_their_sums_would(name: str) -> None:
    task, output, truth, losses = reduced(name)
    pooled = task.scores(task.pooled(output, truth, losses, SIZES))
    summed = task.scores(added(task.counts(output, truth, losses, SIZES)))
    found, known = (
        task.choice({measure: value[0] for measure, value in scores.items()})
        for scores in (pooled, summed)
    )
    assert found == pytest.approx(known, rel=1e-12)


def test_losses_that_are_one_number_for_a_group() -> None:
    task, output, truth, _ = reduced("survival")
    losses = Losses(np.asarray([6.0, 0, 4, 0, 20]), np.asarray([3.0, 0, 1, 0, 6]))
    counts = task.counts(output, truth, losses, SIZES)
    np.testing.assert_array_equal(task.scores(counts)["loss"], [2, np.nan, 4, np.nan, 20 / 6])
    assert task.scores(added(counts))["loss"] == [3]
    assert task.scores(task.pooled(output, truth, losses, SIZES))["loss"] == [3]
    weighted = Losses.of_samples(
        np.asarray([1.0, 2, 6]), np.asarray([2, 1]), np.asarray([1.0, 3, 2])
    )
    np.testing.assert_array_equal(weighted.numerator / weighted.denominator, [0.75, 3])


def test_a_measure_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "own", {})
    mine = register_measure(
        "regression",
        "within_one",
        lambda output, truth: float((np.abs(output[:, 0] - truth) <= 1).mean()),
        higher_is_better=True,
        unit=SHARE,
        bounds=(0, 1),
    )
    task, output, truth, losses = reduced("regression")
    assert task.measure("within_one") is mine
    counts: Sums = task.counts(output, truth, losses, SIZES)
    close = np.abs(output[:, 0] - truth) <= 1
    known = [close[:70].mean(), np.nan, close[70:200].mean(), close[200], close[201:].mean()]
    np.testing.assert_allclose(task.scores(counts)["within_one"], known, rtol=1e-12)
    whole = task.scores(added(counts))["within_one"]
    np.testing.assert_allclose(whole, close.mean(), rtol=1e-12)
    assert np.isnan(task.scores(task.main_only(counts))["within_one"]).all()
    assert mine.gain_text(0.02) == "+2.0 points"
    assert "within_one" not in [m.name for m in reduced("counts")[0].measures]


def test_fields_are_mapped_in_their_order() -> None:
    counts = reduced("labels")[0].nothing()
    shifted = mapped(lambda column: column + 1, counts)
    assert all((leaf == 1).all() for leaf in arrays(shifted))
    assert type(shifted) is type(counts)
