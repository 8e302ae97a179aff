"""Widespread mistakes, each shown by a small example; docs/theory/errata.md tells them."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import squareform

from unalike.clustering.bipartition import bipartition, cosines
from unalike.methods import FedPer, LGFedAvg
from unalike.relations.relationship import learned
from unalike.theory import pulls
from unalike.theory.drift import client_drift
from unalike.theory.fixed_point import after_round, fixed_point, scaffold
from unalike.theory.li_bound import Constants, bound, drift_term, step_sizes
from unalike.theory.path import fedavg_path
from unalike.theory.quadratics import quadratics

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "theory" / "errata.md"
CROSS = [[1, 0], [0, 1], [-1, 0], [0, -1]]
TWO = quadratics([1, 4], [0, 1])


def test_averaging_gradients_is_unbiased() -> None:
    w = np.asarray([0.5, 0.5])
    clients = quadratics([1, 2, 3, 4], CROSS)
    mean = clients.weights @ clients.gradients(w)
    for i, nudge in enumerate(1e-6 * np.eye(2)):
        slope = (clients.loss(w + nudge) - clients.loss(w - nudge)) / 2e-6
        assert mean[i] == pytest.approx(slope, abs=1e-8)
    assert fixed_point(clients, pulls.fedavg(0.1, 1)) == pytest.approx(clients.optimum())


def test_equal_curvatures_have_no_bias() -> None:
    clients = quadratics([1, 1, 1, 1], CROSS)
    assert clients.weights @ np.square(clients.gradients([0, 0])).sum(1) == pytest.approx(1)
    for steps, known in ((1, 3.644e-3), (5, 2.571e-12)):
        end = fedavg_path(clients, [0.5, 0.5], np.full(50 * steps, 0.1), steps=steps)[-1]
        assert np.linalg.norm(end) == pytest.approx(known, rel=1e-3)
    unequal = quadratics([1, 2, 3, 4], CROSS)
    bias = fixed_point(unequal, pulls.fedavg(0.1, 5)) - unequal.optimum()
    assert np.linalg.norm(bias) == pytest.approx(0.123, abs=5e-4)


def test_g_is_no_dissimilarity() -> None:
    alike = quadratics([1, 1], [3, 3])
    gradients = alike.gradients(0.0)
    assert np.ptp(gradients) == 0
    assert alike.gamma() == 0
    longest = float(np.abs(gradients).max())
    of_alike = Constants(smoothness=1, convexity=1, gamma=0, gradient=longest, start=9)
    assert drift_term(of_alike, 5) == pytest.approx(8 * 16 * 9)
    assert drift_term(of_alike, 1) == 0


def test_falling_steps_remove_the_bias() -> None:
    known = Constants(smoothness=4, convexity=1, gamma=0.2, gradient=4, start=1.44)
    falling = fedavg_path(TWO, 2.0, step_sizes(known, 5, 10_000), steps=5)
    constant = fedavg_path(TWO, 2.0, np.full(2_000, 0.1), steps=5)
    left = [abs(float(falling[rounds, 0]) - 0.8) for rounds in (200, 2000)]
    assert left[0] / left[1] == pytest.approx(10, rel=0.1)
    assert constant[-1] == pytest.approx(fixed_point(TWO, pulls.fedavg(0.1, 5)))
    assert abs(float(constant[-1, 0]) - 0.8) > 100 * left[1]
    assert bound(known, 5, 10**5) / bound(known, 5, 10**6) == pytest.approx(10, rel=1e-2)


def test_drift_over_rounds_says_nothing_of_the_steps() -> None:
    by_steps = []
    for steps in (1, 5, 20):
        pull = pulls.fedavg(0.1, steps)
        w = fixed_point(TWO, pull)
        first, second = (
            client_drift(TWO, at, lr=0.1, steps=steps) for at in (w, after_round(TWO, pull, w))
        )
        assert second / first == pytest.approx(np.ones(2))
        by_steps.append(client_drift(TWO, 0.0, lr=0.1, steps=steps)[1])
    assert by_steps == pytest.approx([0.4, 0.92, 1.0], abs=5e-3)


def test_a_pattern_that_finds_no_layer() -> None:
    assert re.search(r"layer_(d+)", "layer_3.weight") is None
    found = re.search(r"layer_(\d+)", "layer_3.weight")
    assert found.group(1) == "3"


def test_who_keeps_what() -> None:
    assert LGFedAvg().private == "encoder"
    assert FedPer().private == "head"


def test_gradient_of_the_envelope() -> None:
    a, c, lam, w = 2.0, 1.0, 15.0, 3.0

    def envelope(w: float) -> float:
        theta = (a * c + lam * w) / (a + lam)
        return a / 2 * (theta - c) ** 2 + lam / 2 * (theta - w) ** 2

    theta = (a * c + lam * w) / (a + lam)
    slope = (envelope(w + 1e-5) - envelope(w - 1e-5)) / 2e-5
    assert slope == pytest.approx(lam * (w - theta), abs=1e-6)
    assert slope == pytest.approx(3.529412, abs=1e-6)
    assert w - theta == pytest.approx(0.235294, abs=1e-6)


def test_clusters_without_members_stay_empty() -> None:
    """Each update joins the most similar cluster among those that have members."""
    updates = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    members: list[list[int]] = [[], [], []]
    for i in range(4):
        scores = [
            float(cosines(torch.stack([updates[i], updates[m].mean(0)]))[0, 1]) if m else -1.0
            for m in members
        ]
        members[max(range(3), key=lambda c: scores[c])].append(i)
    assert members == [[0, 1, 2, 3], [], []]


def test_complete_linkage_is_not_the_best_cut() -> None:
    angles = torch.tensor([0.0, 40, 80, 120, 175], dtype=torch.float64).deg2rad()
    similarity = cosines(torch.stack([angles.cos(), angles.sin()], 1))
    best = bipartition(similarity)
    distance = squareform((1 - similarity).numpy(), checks=False)
    found = {}
    for kind in ("single", "complete"):
        found[kind] = torch.from_numpy(fcluster(linkage(distance, kind), 2, "maxclust") == 1)
    across = {kind: float(similarity[side][:, ~side].max()) for kind, side in found.items()}
    assert across["single"] == pytest.approx(float(best.cross))
    assert across["complete"] > float(best.cross) + 0.1
    assert best.second.tolist() == [False, False, False, False, True]
    assert sorted(int(side.sum()) for side in (found["complete"], ~found["complete"])) == [2, 3]


def test_the_gram_matrix_is_not_the_best_relation() -> None:
    w = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def penalty(sigma: torch.Tensor) -> float:
        return float((w * torch.linalg.solve(sigma, w)).sum())

    gram = w @ w.T
    assert penalty(gram) == pytest.approx(4)
    assert penalty(3 * gram) == pytest.approx(4 / 3)
    best, scaled = penalty(learned(w, 1e-12)), penalty(gram / gram.trace())
    assert best == pytest.approx(float(torch.linalg.svdvals(w).sum()) ** 2)
    assert best < 0.9 * scaled


def test_a_vector_is_no_representation() -> None:
    x, shared, head = np.ones((7, 5)), np.ones(5), np.ones((3, 2))
    assert (x @ shared).shape == (7,)
    with pytest.raises(ValueError, match="mismatch"):
        x @ shared @ head
    assert (x @ np.ones((5, 3)) @ head).shape == (7, 2)


@pytest.mark.parametrize("q", [0, 1, 2, 5])
def test_two_conventions_of_q(q: int) -> None:
    p = np.asarray([0.75, 0.25])

    def best(power: float) -> float:
        found = minimize_scalar(
            lambda w: float(p @ (0.5 * np.square(w - np.asarray([0.0, 1.0]))) ** power),
            bounds=(0, 1),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return float(found.x)

    assert best(q + 1) == pytest.approx(1 / (1 + 3 ** (1 / (2 * q + 1))), abs=1e-6)


def test_weights_of_the_control_variates_decide() -> None:
    weights = np.asarray([0.9, 0.1])
    a, b, lr, steps = np.asarray([1.0, 4.0]), np.asarray([0.0, 1.0]), 0.05, 5
    clients = quadratics(a, b, weights)
    for controls, known in ((np.full(2, 0.5), 0.8), (weights, 0.3076923)):
        x, own = 0.0, np.zeros(2)
        for _ in range(400):
            y, shared = np.full(2, x), controls @ own
            for _ in range(steps):
                y = y - lr * (a * (y - b) - own + shared)
            own = own - shared + (x - y) / (steps * lr)
            x = weights @ y
        assert x == pytest.approx(known, abs=1e-6)
        assert scaffold(clients, controls) == pytest.approx(known, abs=1e-6)


def test_feature_skew_is_not_covariate_shift() -> None:
    usual = np.asarray([[0.4, 0.1], [0.1, 0.4]])  # P(x, y), rows are x

    def of_y(joint: np.ndarray) -> np.ndarray:
        return joint / joint.sum(1, keepdims=True)

    covariate_shift = of_y(usual) * np.asarray([[0.2], [0.8]])
    feature_skew = np.asarray([[0.9, 0.2], [0.1, 0.8]]) * usual.sum(0)
    assert of_y(covariate_shift) == pytest.approx(of_y(usual))
    assert covariate_shift.sum(0) != pytest.approx(usual.sum(0))
    assert feature_skew.sum(0) == pytest.approx(usual.sum(0))
    assert of_y(feature_skew) != pytest.approx(of_y(usual))


def test_the_page_names_its_evidence() -> None:
    text = PAGE.read_text("utf-8")
    linked = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", text)
    assert len(linked) > 15
    for test, target in linked:
        assert f"def {test}(" in (PAGE.parent / target).read_text("utf-8"), test
    here = re.findall(r"^def (test_\w+)\(", Path(__file__).read_text("utf-8"), re.MULTILINE)
    assert set(here) - {test for test, _ in linked} == {"test_the_page_names_its_evidence"}
    for entry in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        assert re.search(r"\]\([^)]+\.py\)", entry), entry.splitlines()[0]
