"""Methods that take lam from variance components, and what is refused."""

import numpy as np
import pytest

from unalike import Federation, compare
from unalike.errors import InputError
from unalike.measures.variance_components import added, client_sums, variance_components
from unalike.study.settings import make_study
from unalike.study.variance_settings import method_of_study

SMALL = {"model": "logistic", "rounds": 1, "seeds": 1, "local_epochs": 1}


def held(*, between: float = 2.0, task: str = "regression", **options) -> Federation:
    rng = np.random.default_rng(0)
    client = np.repeat(np.arange(6), [30, 8, 20, 12, 40, 25])
    x = rng.normal(size=(len(client), 2))
    noise = rng.normal(size=len(client))
    if between == 0:  # clients that are nearer to each other than chance brings them
        noise -= (np.bincount(client, noise) / np.bincount(client))[client]
    y = 3 + x[:, 0] + between * rng.normal(size=6)[client] + noise
    return Federation.from_arrays(x, y if task == "regression" else y > 3, client, **options)


def rule(label="ditto", **more):
    return {"settings": {label: {"lam_rule": "variance-components"}}, "methods": (label,), **more}


@pytest.mark.parametrize("label", ["ditto", "pfedme"])
def test_lam_is_twice_the_ratio_of_the_training_samples_of_those_who_train(label):
    given = held(new_clients=0.2)
    rows = [given.train.rows(i) for i in np.flatnonzero(~given.newcomers)]
    x, y = given.x.numpy().astype(float), given.y.numpy().astype(float)
    expected = variance_components(added(client_sums(x[own], y[own]) for own in rows))
    method = method_of_study(make_study(SMALL | rule(label)), label, given)
    assert method.lam == pytest.approx(2 * expected.within / expected.between, rel=1e-12)
    assert method.lam_rule == "sum"
    plain = make_study(SMALL | {"methods": (label,)})
    assert method_of_study(plain, label, given) == plain.method(label)


@pytest.mark.slow
def test_a_study_runs_with_it_and_the_unit_does_not_matter():
    given = held()
    found = {}
    for name, options in (("rule", rule()), ("number", {"methods": ("ditto",)})):
        if name == "number":
            lam = method_of_study(make_study(SMALL | rule()), "ditto", given).lam
            options["settings"] = {"ditto": {"lam": lam, "lam_rule": "sum"}}
        frame = compare(given, **SMALL, **options).frame
        frame = frame[(frame.method == "ditto") & frame.metric.str.endswith("rmse_best")]
        found[name] = frame["value"].to_numpy()
    np.testing.assert_allclose(found["rule"], found["number"], rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ({"task": "classes"}, {}, "is for one quantity with the loss squared_error"),
        ({}, {"loss": "huber"}, "is for one quantity with the loss squared_error"),
        ({"between": 0.0}, {}, "from which no lam follows"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(given, options, words, tmp_path):
    with pytest.raises(InputError, match=words) as error:
        compare(held(**given), out=tmp_path / "study", **SMALL, **rule(), **options)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "study").exists()
