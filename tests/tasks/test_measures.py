"""Every measure against scikit-learn, or against its definition where that has none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics

from task_samples import MAKERS, Array, Made
from unalike.measures import classification
from unalike.measures.tally import tally
from unalike.tasks.binary import SPECIFICITIES, Binary
from unalike.tasks.regression import Regression

SIZES = np.asarray([40, 0, 1, 25, 134])
CLOSE = {"rel": 1e-10, "abs": 1e-12}


def groups(made: Made) -> tuple[dict[str, Array], list[tuple[Array, Array]]]:
    """Scores of ragged groups, and each group's own outputs and truth."""
    task, output, truth = made
    reduced = task.reduced(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    losses = np.random.default_rng(0).random(len(truth))
    found = task.scores(task.counts(reduced, truth, losses, SIZES))
    ends = np.cumsum(SIZES)[:-1]
    return found, list(zip(np.split(output, ends), np.split(truth, ends), strict=True))


def softmax(output: Array) -> Array:
    return torch.softmax(torch.from_numpy(output).double(), -1).numpy()


def calibration_error(p: Array, y: Array, bins: int = 15) -> float:
    """The definition, bin by bin."""
    sure, right = p.max(1), p.argmax(1) == y
    total = 0.0
    for b in range(bins):
        here = (sure > b / bins) & (sure <= (b + 1) / bins)
        if here.any():
            total += here.mean() * abs(right[here].mean() - sure[here].mean())
    return total


def best_sensitivity(score: Array, y: Array, specificity: float) -> float:
    """Over all thresholds, one by one."""
    found = [0.0]
    for threshold in np.unique(score):
        said = score >= threshold
        if (~said[y == 0]).mean() >= specificity - 1e-12:
            found.append(said[y == 1].mean())
    return max(found)


@pytest.mark.parametrize("name", ["classes", "labels"])
def test_todays_numbers_to_the_last_bit(name: str) -> None:
    task, output, truth = MAKERS[name](200, 1.0, 3)
    losses = np.random.default_rng(1).random(200)
    found = task.scores(task.counts(output, truth, losses, SIZES))
    said = output.argmax(1) if name == "classes" else output > 0
    counted = tally(said, truth, SIZES, output.shape[1])
    for column in ("accuracy", "balanced_accuracy", "macro_f1"):
        how = getattr(classification, column)
        np.testing.assert_array_equal(found[column], how(counted, many_labels=name == "labels"))


def test_classes_against_scikit_learn() -> None:
    found, parts = groups(MAKERS["classes"](200, 1.0, 0))
    for at in (0, 3, 4):
        output, y = parts[at]
        p = softmax(output)
        said = p.argmax(1)
        assert set(y) == set(range(4))
        known = {
            "accuracy": metrics.accuracy_score(y, said),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, said),
            "macro_f1": metrics.f1_score(y, said, average="macro"),
            "auc": metrics.roc_auc_score(y, p, multi_class="ovr", average="macro"),
            "log_loss": metrics.log_loss(y, p),
            "calibration_error": calibration_error(p, y),
        }
        for measure, value in known.items():
            assert found[measure][at] == pytest.approx(value, **CLOSE), measure
    assert np.isnan([values[1] for values in found.values()]).all()
    assert np.isnan(found["auc"][2])
    assert found["accuracy"][2] in (0, 1)


def test_the_auc_of_a_group_without_some_classes_is_over_those_it_has() -> None:
    task, output, y = MAKERS["classes"](60, 1.0, 0)
    y = y % 3
    found = task.scores(task.counts(output, y, np.zeros(60), np.asarray([60])))
    p = softmax(output)
    known = np.mean([metrics.roc_auc_score(y == c, p[:, c]) for c in range(3)])
    assert found["auc"][0] == pytest.approx(known, **CLOSE)


def test_sure_answers_are_still_ranked() -> None:
    """Probabilities that all round to 1 have logits that differ."""
    task = MAKERS["classes"](1, 1.0, 0)[0]
    output = np.zeros((4, 4))
    output[:, 0] = [50, 60, 70, 80]
    truth = np.asarray([1, 2, 0, 0])
    found = task.scores(task.counts(output, truth, np.zeros(4), np.asarray([4])))
    alone = [metrics.roc_auc_score(truth == 0, output[:, 0]), 0.5 + 0.5, 0.5 + 1 / 6]
    assert alone[0] == 1
    assert found["auc"][0] == pytest.approx(np.mean(alone), **CLOSE)


def test_binary_against_scikit_learn() -> None:
    found, parts = groups(MAKERS["binary"](200, 1.0, 0))
    for at in (0, 3, 4):
        output, y = parts[at]
        p = softmax(output)
        known = {
            "accuracy": metrics.accuracy_score(y, p.argmax(1)),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, p.argmax(1)),
            "auc": metrics.roc_auc_score(y, p[:, 1]),
            "log_loss": metrics.log_loss(y, p),
            "calibration_error": calibration_error(p, y),
        }
        for specificity in SPECIFICITIES:
            false, true, _ = metrics.roc_curve(y, p[:, 1], drop_intermediate=False)
            known[f"sensitivity_at_{round(100 * specificity)}"] = true[
                false <= 1 - specificity + 1e-12
            ].max()
            assert known[f"sensitivity_at_{round(100 * specificity)}"] == pytest.approx(
                best_sensitivity(p[:, 1], y, specificity)
            )
        for measure, value in known.items():
            assert found[measure][at] == pytest.approx(value, **CLOSE), measure


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_one_output_is_as_two(shape: tuple[int, ...]) -> None:
    task, two, y = MAKERS["binary"](200, 1.0, 0)
    two = two.astype(np.float64)
    one = (two[:, 1] - two[:, 0]).reshape(shape)
    losses = np.zeros(200)
    found, known = (task.scores(task.counts(output, y, losses, SIZES)) for output in (one, two))
    for measure in known:
        np.testing.assert_allclose(found[measure], known[measure], rtol=1e-12, err_msg=measure)
    loss, weight = task.loss(), torch.ones(200, dtype=torch.float64)
    truth = torch.from_numpy(y)
    each = [loss.total(torch.from_numpy(output), truth, weight) for output in (one, two)]
    torch.testing.assert_close(each[0], each[1], rtol=1e-12, atol=0)
    said = [task.predictions(torch.from_numpy(output)) for output in (one, two)]
    assert torch.equal(said[0]["prediction"], said[1]["prediction"])
    torch.testing.assert_close(said[0]["probability"], said[1]["probability"])
    assert isinstance(task, Binary)
    assert [task.fits(s) for s in ((), (1,), (2,), (3,))] == [True, True, True, False]


def test_labels_against_scikit_learn() -> None:
    found, parts = groups(MAKERS["labels"](200, 1.0, 0))
    for at in (0, 3, 4):
        output, y = parts[at]
        known = metrics.average_precision_score(y, output, average="macro")
        assert found["mean_average_precision"][at] == pytest.approx(known, **CLOSE)
        known = metrics.f1_score(y, output > 0, average="macro")
        assert found["macro_f1"][at] == pytest.approx(known, **CLOSE)
        assert found["accuracy"][at] == pytest.approx((y == (output > 0)).mean(), **CLOSE)


def test_auc_with_equal_scores() -> None:
    task, output, y = MAKERS["binary"](200, 1.0, 0)
    score = np.round(output[:, 1])
    found = task.scores(task.counts(score, y, np.zeros(200), SIZES))["auc"]
    assert len(np.unique(score)) < 10
    assert found[0] == pytest.approx(metrics.roc_auc_score(y[:40], score[:40]), **CLOSE)
    assert found[4] == pytest.approx(metrics.roc_auc_score(y[66:], score[66:]), **CLOSE)


def test_average_precision_with_equal_scores() -> None:
    task, output, y = MAKERS["labels"](200, 1.0, 0)
    output = np.round(output)
    found = task.scores(task.counts(output, y, np.zeros(200), np.asarray([200])))
    known = metrics.average_precision_score(y, output, average="macro")
    assert found["mean_average_precision"][0] == pytest.approx(known, **CLOSE)


@pytest.mark.parametrize("targets", [1, 3])
def test_regression_against_scikit_learn(targets: int) -> None:
    task, output, y = MAKERS["regression"](200, 1.0, 0)
    if targets > 1:
        columns = [MAKERS["regression"](200, 1.0, seed) for seed in range(targets)]
        task = Regression(targets)
        output = np.concatenate([made[1] for made in columns], 1)
        y = np.stack([made[2] for made in columns], 1)
    found, parts = groups((task, output, y))
    for at in (0, 3, 4):
        guess, truth = (values.astype(np.float64) for values in parts[at])
        guess = guess.reshape(truth.shape)
        known = {
            "rmse": metrics.root_mean_squared_error(truth, guess),
            "mae": metrics.mean_absolute_error(truth, guess),
            "r2": metrics.r2_score(truth, guess),
        }
        for measure, value in known.items():
            assert found[measure][at] == pytest.approx(value, **CLOSE), measure
    assert np.isnan(found["r2"][2])
    assert np.isnan(found["rmse"][1])


def test_r2_of_equal_values_does_not_exist() -> None:
    task = Regression()
    y = np.full(7, 0.1, np.float32)
    found = task.scores(task.counts(y[:, None] + 1, y, np.zeros(7), np.asarray([7])))
    assert np.isnan(found["r2"][0])
    assert found["rmse"][0] == pytest.approx(1)


def test_counts_against_scikit_learn() -> None:
    found, parts = groups(MAKERS["counts"](200, 1.0, 0))
    for at in (0, 2, 3, 4):
        output, y = (values.astype(np.float64) for values in parts[at])
        rate = np.exp(output[:, 0])
        known = metrics.mean_poisson_deviance(y, rate)
        assert found["poisson_deviance"][at] == pytest.approx(known, **CLOSE)
        known = metrics.mean_absolute_error(y, rate)
        assert found["mae"][at] == pytest.approx(known, **CLOSE)


def test_sequence_by_hand() -> None:
    found, parts = groups(MAKERS["sequence"](200, 1.0, 0))
    for at in (0, 2, 3, 4):
        output, y = parts[at]
        real = y >= 0
        p = softmax(output)[real]
        known = metrics.accuracy_score(y[real], p.argmax(1))
        assert found["accuracy"][at] == pytest.approx(known, rel=1e-6)
        known = metrics.log_loss(y[real], p, labels=range(5))
        assert np.log(found["perplexity"][at]) == pytest.approx(known, rel=1e-5)
    assert np.isnan(found["perplexity"][1])


@pytest.mark.parametrize("name", MAKERS)
def test_the_baseline_is_scored_as_a_model_is(name: str) -> None:
    task, output, truth = MAKERS[name](300, 4.0, 0)
    guess = task.baseline(truth)
    every = guess.output.expand(len(truth), *task.outputs)
    sizes = np.asarray([len(truth)])
    both = [
        task.scores(
            task.counts(
                task.reduced(out, torch.from_numpy(truth)).numpy(), truth, np.zeros(300), sizes
            )
        )[task.main.name][0]
        for out in (torch.from_numpy(output), every)
    ]
    assert task.main.gain(*both) > 0
    assert guess.name in guess.text
    known = {
        "classes": lambda: np.bincount(truth).max() / 300,
        "binary": lambda: np.bincount(truth).max() / 300,
        "labels": lambda: np.maximum(truth.mean(0), 1 - truth.mean(0)).mean(),
        "regression": lambda: truth.astype(np.float64).std(),
        "counts": lambda: metrics.mean_poisson_deviance(truth, np.full(300, truth.mean())),
        "survival": lambda: 0.5,
        "sequence": lambda: np.bincount(truth[truth >= 0]).max() / (truth >= 0).sum(),
    }
    assert both[1] == pytest.approx(known[name](), rel=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_every_sample_is_of_a_stratum(name: str) -> None:
    task, _, truth = MAKERS[name](300, 1.0, 0)
    owner = np.repeat([0, 2], 150)
    strata = task.strata(truth)
    held = strata.counts(owner, 3)
    assert held.shape == (3, len(strata.names))
    assert not held[1].any()
    if name == "labels":
        np.testing.assert_array_equal(held[0], truth[:150].sum(0))
    else:
        assert held.sum(1).tolist() == [150, 0, 150]
    if name == "regression":
        assert len(strata.names) == 10
        assert np.ptp(held.sum(0)) <= 1
