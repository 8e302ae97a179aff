"""Quantities are trained on a standard scale, and told in their own unit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import r2_score

from unalike import compare
from unalike.data.federation import Federation
from unalike.data.target_scaling import target_sentences, with_target_scale
from unalike.errors import InputError
from unalike.tasks import TargetScale, added, task_named

CENTRE, SPREAD = 1200.0, 70.0


def schools(*, centre: float = CENTRE, spread: float = SPREAD, targets: int = 1) -> Federation:
    """Six clients of unequal size whose answers are linear in x, far from unit scale."""
    rng = np.random.default_rng(3)
    client = np.repeat(list("abcdef"), [40, 12, 25, 8, 30, 20])
    x = rng.normal(size=(len(client), 3))
    slope = rng.normal(size=(3, targets))
    y = x @ slope + rng.normal(0, 0.3, (len(client), targets)) + 0.5 * (client == "b")[:, None]
    y = centre + spread * y
    return Federation.from_arrays(
        x, y[:, 0] if targets == 1 else y, client, task="regression", new_clients=0.2
    )


@pytest.mark.parametrize("targets", [1, 2])
def test_the_scale_is_that_of_the_training_samples_of_those_who_train(targets):
    held = schools(targets=targets)
    scaled = with_target_scale(held)
    here = np.flatnonzero(~held.newcomers)
    known = np.concatenate([held.y.numpy()[held.train.rows(i)] for i in here]).reshape(-1, targets)
    scale = scaled.task.target_scale
    np.testing.assert_allclose(scale.centre, known.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(scale.spread, known.astype(np.float64).std(0), rtol=1e-10)
    for ours, theirs in ((scaled.y, held.y), (scaled.y_test, held.y_test)):
        np.testing.assert_allclose(scaled.task.in_unit(ours.numpy()), theirs.numpy(), rtol=1e-6)
        assert not np.allclose(ours, theirs)


def test_test_and_validation_samples_and_new_clients_do_not_move_it():
    held = schools()
    rows = np.concatenate([held.train.rows(i) for i in np.flatnonzero(~held.newcomers)])
    moved = torch.full_like(held.y, 1e6)
    moved[rows] = held.y[rows]
    other = replace(held, y=moved, y_test=held.y_test * 0)
    expected = with_target_scale(held).task.target_scale
    assert with_target_scale(other).task.target_scale == expected


def test_equal_quantities_are_centred_alone():
    held = schools()
    scaled = with_target_scale(replace(held, y=torch.full_like(held.y, 5.0)))
    assert scaled.task.target_scale == TargetScale(centre=(5.0,), spread=(1.0,))


def test_other_tasks_and_scaled_federations_stay_as_they_are():
    held = with_target_scale(schools())
    assert with_target_scale(held) is held
    classes = Federation.from_arrays(np.ones((20, 1)), [0, 1] * 10, ["a", "b"] * 10)
    assert with_target_scale(classes) is classes
    with pytest.raises(ValueError, match="nothing that has a unit"):
        classes.task.on_scale(held.task.target_scale)


def test_measures_predictions_baseline_and_strata_are_in_the_own_unit():
    plain, y = task_named("regression").of(1), np.array([1130, 1200, 1270, 1340], np.float32)
    asked = plain.on_scale(TargetScale(centre=(CENTRE,), spread=(SPREAD,)))
    guess = np.array([[1100.0], [1210], [1300], [1300]], np.float32)
    z, guess_z = asked.scaled(y), ((guess - CENTRE) / SPREAD).astype(np.float32)
    sizes, losses = np.array([3, 1]), np.zeros(4)
    expected = plain.scores(plain.counts(guess, y, losses, sizes))
    found = asked.scores(asked.counts(guess_z, z, losses, sizes))
    for name in ("rmse", "mae", "r2"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, err_msg=name)
    said = asked.predictions(torch.from_numpy(guess_z))["prediction"]
    np.testing.assert_allclose(said, guess[:, 0], rtol=1e-6)
    assert asked.baseline(z).text == plain.baseline(y).text
    np.testing.assert_allclose(asked.baseline(z).output * SPREAD + CENTRE, y.mean(), rtol=1e-6)
    assert asked.strata(z).names == plain.strata(y).names
    assert asked == plain  # one network, whose gradients are recorded once


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_r2_is_that_of_scikit_learn_wherever_quantities_lie(offset):
    """Also from sums of two groups that are added up, as sites tell them."""
    rng = np.random.default_rng(2)
    y = (offset + rng.normal(size=60)).astype(np.float32)
    scale = TargetScale(centre=(float(y.mean(dtype=np.float64)),), spread=(1.0,))
    asked = task_named("regression").of(1).on_scale(scale)
    z = asked.scaled(y)
    guess = z[:, None] + 0.5 * rng.normal(size=(60, 1)).astype(np.float32)
    counts = asked.counts(guess, z, np.zeros(60), np.array([45, 15]))
    (found,) = asked.scores(added(counts))["r2"]
    expected = r2_score(asked.in_unit(z), asked.in_unit(guess[:, 0]))
    assert 0.5 < expected < 0.9
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_quantities_that_32_bits_cannot_tell_apart_are_refused():
    y = 1e9 + np.random.default_rng(1).normal(size=40)
    with pytest.raises(InputError, match="take a constant from it first"):
        task_named("regression").read(y)
    assert task_named("regression").read(y - 1e9)[0].targets == 1
    assert len(task_named("regression").read(np.full(9, 7.1))[1]) == 9


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The same clients, with answers near unit scale and far from it, at usual step sizes."""
    out = tmp_path_factory.mktemp("scaled") / "far"
    common = {"methods": ["finetuning"], "model": "logistic", "rounds": 3, "seeds": 1}
    far = schools()
    return {
        "near": compare(schools(centre=0, spread=1), **common),
        "far": compare(far, out=out, **common),
        "raw": compare(far, **common, target_scale="none"),
    }


def rmse(result) -> pd.Series:
    """Of each method, measure and client."""
    frame = result.frame
    frame = frame[frame["metric"].str.endswith("rmse_best")]
    return frame.set_index(["method", "metric", "client"])["value"].sort_index()


def test_a_study_does_not_depend_on_the_unit(results):
    near, far = rmse(results["near"]), rmse(results["far"])
    assert len(near) > 10
    assert near.index.equals(far.index)
    np.testing.assert_allclose(far / SPREAD, near, rtol=1e-3)


def test_without_the_scale_usual_steps_fail(results):
    raw, far = rmse(results["raw"]), rmse(results["far"])
    common = raw.index.intersection(far.index)
    assert (raw.loc[common] > 3 * far.loc[common]).mean() > 0.8


def test_a_study_says_that_it_scales(results):
    said = {
        name: [r for r in found.remarks if "target_scale" in r] for name, found in results.items()
    }
    assert len(said["far"]) == len(said["near"]) == 1
    assert said["raw"] == []


def test_models_that_are_taken_home_answer_in_the_own_unit(results):
    held, far = schools(), results["far"]
    new = int(np.flatnonzero(held.newcomers)[0])
    rows = held.train.rows(new)
    x, y = held.x.numpy()[rows], held.y.numpy()[rows]
    whole = far.model("fedavg", when="last")
    adapted = far.adapt("finetuning", x, y, client=held.names[new], when="last")
    for model in (whole, adapted):
        said = model.predict(x)
        assert abs(said.mean() - CENTRE) < 3 * SPREAD
        program = model.exported_program().module()
        np.testing.assert_allclose(program(torch.from_numpy(x))[:, 0].detach(), said, rtol=1e-5)
    assert not np.array_equal(whole.predict(x), adapted.predict(x))


def test_the_sentence_says_centre_and_spread():
    scale = TargetScale(centre=(12.75,), spread=(6.878,))
    plain = task_named("regression").of(1)
    (said,) = target_sentences(plain.on_scale(scale))
    assert "less 12.75, over 6.878" in said
    assert target_sentences(plain) == []
    (said,) = target_sentences(task_named("counts").of(1).on_scale(scale))
    assert "over 6.878." in said
    assert "less" not in said
