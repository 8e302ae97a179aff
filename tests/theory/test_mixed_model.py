"""Personal models and the linear mixed model: one minimum, by two roads."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from real_data import DATA, real
from unalike.core import Problem
from unalike.methods import Ditto, PFedMe
from unalike.theory.mixed_model import Observations, mixed_model
from worlds import World, federation


def pupils(seed: int = 0, *, tau: float = 0.6, sizes=(30, 7, 55, 12, 3, 21, 40, 16)):
    """Clients of unequal size: x [n, 2], y [n], client [n]."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=(len(client), 2)) + 0.5 * rng.normal(size=len(sizes))[client, None]
    level = tau * rng.normal(size=len(sizes))
    y = 0.3 + x @ [0.7, -0.2] + level[client] + 0.8 * rng.normal(size=len(client))
    return x, y, client


def observed(x, y, client, *, random=None):
    """With an intercept, which is the random effect where no other is given."""
    fixed = np.column_stack([np.ones(len(y)), x])
    random = np.ones((len(y), 1)) if random is None else random
    return [
        Observations(fixed[client == one], random[client == one], y[client == one])
        for one in np.unique(client)
    ]


def by_likelihood(x, y, client, *, reml=False):
    """statsmodels' fit: beta, tau^2, sigma^2 and the predicted intercepts."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = MixedLM(y, np.column_stack([np.ones(len(y)), x]), client).fit(reml=reml)
    between, within = float(np.asarray(fit.cov_re)[0, 0]), float(fit.scale)
    effects = np.array([float(np.asarray(fit.random_effects[one])[0]) for one in np.unique(client)])
    return np.asarray(fit.fe_params), between, within, effects


@pytest.mark.parametrize("reml", [False, True])
def test_personal_intercepts_are_the_predictions_of_statsmodels(reml):
    x, y, client = pupils()
    beta, between, within, effects = by_likelihood(x, y, client, reml=reml)
    found = mixed_model(observed(x, y, client), within / between)
    np.testing.assert_allclose(found.fixed, beta, atol=1e-8)
    np.testing.assert_allclose(found.random[:, 0], effects, atol=1e-8)
    other = mixed_model(observed(x, y, client), 1.1 * within / between)
    assert np.abs(other.random[:, 0] - effects).max() > 1e-4


def test_schools_of_london():
    """The exam of Goldstein et al.: what the likelihood finds, and the same minimum."""
    real("schools")
    table = pd.read_csv(Path(DATA) / "schools" / "Exam.csv")
    x, y = table[["standLRT"]].to_numpy(), table["normexam"].to_numpy()
    client = table["school"].to_numpy()
    beta, between, within, effects = by_likelihood(x, y, client)
    np.testing.assert_allclose(beta, [0.0024, 0.5634], atol=5e-5)
    np.testing.assert_allclose([between, within], [0.0921, 0.5657], atol=5e-5)
    assert within / between == pytest.approx(6.141, abs=5e-3)
    found = mixed_model(observed(x, y, client), within / between)
    np.testing.assert_allclose(found.fixed, beta, atol=1e-8)
    np.testing.assert_allclose(found.random[:, 0], effects, atol=1e-8)


def test_they_minimise_the_proximal_objective():
    """No descent in any direction, for random intercepts and for random slopes beside them."""
    x, y, client = pupils()
    for random in (None, np.column_stack([np.ones(len(y)), x])):
        clients, lam = observed(x, y, client, random=random), 3.0
        found = mixed_model(clients, lam)
        gap = [
            one.y - one.fixed @ found.fixed - one.random @ b
            for one, b in zip(clients, found.random, strict=True)
        ]
        by_beta = sum(one.fixed.T @ e for one, e in zip(clients, gap, strict=True))
        by_random = [
            one.random.T @ e - lam * b for one, e, b in zip(clients, gap, found.random, strict=True)
        ]
        np.testing.assert_allclose(by_beta, 0, atol=1e-9)
        np.testing.assert_allclose(by_random, 0, atol=1e-9)


def test_the_estimate_is_generalised_least_squares():
    x, y, client = pupils()
    lam = 2.5
    fixed, random = np.column_stack([np.ones(len(y)), x]), np.eye(8)[client]
    weight = np.linalg.inv(random @ random.T / lam + np.eye(len(y)))
    beta = np.linalg.solve(fixed.T @ weight @ fixed, fixed.T @ weight @ y)
    effects = random.T @ weight @ (y - fixed @ beta) / lam
    found = mixed_model(observed(x, y, client), lam)
    np.testing.assert_allclose(found.fixed, beta, atol=1e-10)
    np.testing.assert_allclose(found.random[:, 0], effects, atol=1e-10)


def test_an_intercept_is_shrunk_by_the_size_of_the_client():
    _, y, client = pupils()
    sizes, lam = np.bincount(client), 4.0
    with_level = [
        Observations(np.ones((n, 1)), np.ones((n, 1)), y[client == i]) for i, n in enumerate(sizes)
    ]
    found = mixed_model(with_level, lam)
    means = np.bincount(client, y) / sizes
    share = sizes / (sizes + lam)
    level = (share @ means) / share.sum()
    np.testing.assert_allclose(found.fixed, [level], atol=1e-12)
    np.testing.assert_allclose(found.random[:, 0], share * (means - level), atol=1e-12)


LAM = 6.0


def world(x, y, client):
    """Linear clients with the squared error, in double precision."""
    parts = [torch.from_numpy(x[client == one]) for one in np.unique(client)]
    answers = [torch.from_numpy(y[client == one]) for one in np.unique(client)]

    def loss(w, x, y):
        return (x @ w - y) ** 2

    start = torch.zeros(x.shape[1], dtype=torch.float64)
    return World(Problem.from_function(loss, start), federation(parts, answers))


def designs(seed=1):
    """An intercept alone, and an intercept with two slopes that are random as well."""
    x, y, client = pupils(seed, sizes=(30, 7, 25, 12, 5, 21))
    return [(np.ones((len(y), 1)), y, client), (np.column_stack([np.ones(len(y)), x]), y, client)]


@pytest.mark.parametrize("design", [0, 1], ids=["intercept", "intercept and slopes"])
def test_pfedme_ends_at_the_mixed_model(design):
    x, y, client = designs()[design]
    clients = [Observations(x[client == i], x[client == i], y[client == i]) for i in range(6)]
    expected = mixed_model(clients, LAM)
    equal = torch.full((6,), 1 / 6, dtype=torch.float64)
    method = PFedMe(lam=2 * LAM, lam_rule="sum", inner_steps=30, solve_steps=120)
    outcome = world(x, y, client).run(method, 60, weights=equal)
    np.testing.assert_allclose(outcome.server, expected.fixed, atol=1e-5)
    own = outcome.personal().numpy() - outcome.server.numpy()
    np.testing.assert_allclose(own, expected.random, atol=1e-5)
    other = world(x, y, client).run(replace(method, lam_rule="mean"), 20, weights=equal)
    assert np.abs(other.personal().numpy() - outcome.personal().numpy()).max() > 1e-2


def test_ditto_predicts_given_its_own_shared_model():
    """At whatever w its personal models stand, they are shrunk as the mixed model shrinks."""
    x, y, client = designs()[1]
    method = Ditto(lr=0.3, personal_lr=0.2, personal_epochs=20, lam=2 * LAM, lam_rule="sum")
    outcome = world(x, y, client).run(method, 60)
    w = outcome.server.numpy()
    own = outcome.personal().numpy() - w
    for i in range(6):
        held, rest = x[client == i], y[client == i] - x[client == i] @ w
        shrunk = np.linalg.solve(held.T @ held + LAM * np.eye(3), held.T @ rest)
        np.testing.assert_allclose(own[i], shrunk, atol=1e-6)


def test_ditto_is_the_mixed_model_where_clients_are_of_one_size():
    _, y, client = pupils(2, sizes=(12,) * 6)
    x = np.ones((len(y), 1))
    clients = [Observations(x[client == i], x[client == i], y[client == i]) for i in range(6)]
    expected = mixed_model(clients, LAM)
    method = Ditto(lr=0.2, personal_lr=0.2, personal_epochs=20, lam=2 * LAM, lam_rule="sum")
    outcome = world(x, y, client).run(method, 40)
    np.testing.assert_allclose(outcome.server, expected.fixed, atol=1e-8)
    own = outcome.personal().numpy() - outcome.server.numpy()
    np.testing.assert_allclose(own, expected.random, atol=1e-8)
