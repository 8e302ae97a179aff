"""Counts of any mean can be trained on: over their mean, with the same minimiser."""

import numpy as np
import pytest
import torch

from unalike import compare
from unalike.data.federation import Federation
from unalike.data.target_scaling import with_target_scale
from unalike.results.baseline import baseline_score
from unalike.results.verdict import judge
from unalike.tasks import TargetScale, task_named

PLAIN = task_named("counts").of(1)


def wards(mean: float) -> Federation:
    """Four clients of unequal size whose rates follow x."""
    rng = np.random.default_rng(5)
    client = np.repeat(list("abcd"), [160, 80, 120, 100])
    x = rng.normal(size=(len(client), 3))
    y = rng.poisson(mean * np.exp(x @ [0.4, -0.3, 0.1]))
    return Federation.from_arrays(x, y, client, task="counts")


@pytest.mark.parametrize("mean", [7.0, 50.0, 500.0])
def test_counts_of_any_mean_beat_the_baseline(mean, tmp_path):
    held = wards(mean)
    study = {"methods": ["local", "fedavg"], "model": "logistic", "rounds": 10, "seeds": 1}
    result = compare(held, out=tmp_path / "study", **study)
    frame = result.frame
    found = frame[frame["metric"] == "personalised_poisson_deviance_best"]
    scores = found.groupby("method")["value"].mean()
    assert set(scores.index) == {"local", "fedavg"}
    assert (scores < baseline_score(held)).all(), scores
    assert not [s for s in judge(result).sentences if "guess" in s.text]
    said = result.model("fedavg", when="last").predict(held.x_test.numpy())
    np.testing.assert_allclose(said.mean(), held.y_test.numpy().mean(), rtol=0.6)


def test_the_scale_is_the_mean_and_counts_come_back_whole():
    held = wards(50.0)
    scaled = with_target_scale(held)
    known = held.y.numpy()[held.train.values].astype(np.float64)
    scale = scaled.task.target_scale
    np.testing.assert_allclose(scale.spread, known.mean(), rtol=1e-12)
    assert scale.centre == (0.0,)
    np.testing.assert_array_equal(scaled.task.in_unit(scaled.y.numpy()), held.y.numpy())
    nothing = with_target_scale(
        Federation.from_arrays(np.ones((8, 1)), [0] * 8, list("aabb") * 2, task="counts")
    )
    assert nothing.task.target_scale.spread == (1.0,)


def test_the_loss_is_that_of_counts_over_the_mean_up_to_a_constant():
    mean = 40.0
    asked = PLAIN.on_scale(TargetScale(centre=(0.0,), spread=(mean,)))
    y = np.array([0.0, 38, 71], np.float32)
    raw = torch.tensor([[3.0], [3.7], [4.4]], dtype=torch.float64, requires_grad=True)
    near = (raw - np.log(mean)).detach().requires_grad_()
    PLAIN.loss().each(raw, torch.from_numpy(y)).sum().backward()
    asked.loss().each(near, torch.from_numpy(asked.scaled(y))).sum().backward()
    torch.testing.assert_close(near.grad * mean, raw.grad, rtol=1e-6, atol=1e-5)


def test_measures_predictions_baseline_and_strata_are_in_counts():
    asked = PLAIN.on_scale(TargetScale(centre=(0.0,), spread=(40.0,)))
    y = np.array([0.0, 38, 71, 12], np.float32)
    log_rate = np.array([[3.0], [3.7], [4.4], [2.0]], np.float32)
    near = (log_rate - np.log(40.0)).astype(np.float32)
    sizes, losses = np.array([3, 1]), np.zeros(4)
    expected = PLAIN.scores(PLAIN.counts(log_rate, y, losses, sizes))
    found = asked.scores(asked.counts(near, asked.scaled(y), losses, sizes))
    for name in ("poisson_deviance", "mae"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, err_msg=name)
    said = asked.predictions(torch.from_numpy(near))["prediction"]
    np.testing.assert_allclose(said, np.exp(log_rate[:, 0]), rtol=1e-6)
    z = asked.scaled(y)
    assert asked.baseline(z).text == PLAIN.baseline(y).text
    np.testing.assert_allclose(
        asked.baseline(z).output + np.log(40.0), PLAIN.baseline(y).output, rtol=1e-6
    )
    assert asked.strata(z).names == PLAIN.strata(y).names


def test_a_model_that_diverged_has_an_infinite_deviance_without_a_warning():
    output = np.array([[1e4], [0.0]], np.float32)
    sums = PLAIN.counts(output, np.ones(2, np.float32), np.zeros(2), np.array([1, 1]))
    deviance = PLAIN.scores(sums)["poisson_deviance"]
    assert deviance[0] == np.inf
    np.testing.assert_allclose(deviance[1], 0, atol=1e-12)
