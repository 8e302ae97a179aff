"""Concept shift: who is right, no alarm where others explain it, and it alone."""

import numpy as np
import pytest

from unalike.diagnosis.concept_shift import Contest, choose_samples, concept_shift, sign_test
from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.kernel_ridge import RIDGE, leave_one_out
from unalike.diagnosis.samples import prepare_samples
from unlike_worlds import MODERATE, world


def test_it_alone_is_found_alone() -> None:
    given = prepare_samples(*world(1, concept=MODERATE["concept"]))
    assert [f.kind for f in findings(given, shuffles=100) if f.found] == ["concept"]


def test_it_is_seen_on_top_of_others() -> None:
    given = prepare_samples(*world(3, label=1.0, feature=0.5, concept=2, lens="gain"))
    assert concept_shift(given, shuffles=50, seed=0).p < 0.05


@pytest.mark.parametrize("skews", [{"label": 0.3}, {"quantity": 0.5}, {"feature": 0.75}])
def test_other_skews_are_not_its_business(skews: dict[str, float]) -> None:
    found = [
        concept_shift(
            prepare_samples(*world(seed, samples=400, clients=5, **skews)), shuffles=19, seed=seed
        )
        for seed in range(8)
    ]
    assert sum(finding.p <= 0.05 for finding in found) <= 1
    assert np.mean([finding.measures[0].excess for finding in found]) < 1


def test_who_names_two_clear_classes_the_other_way_round_is_right_alone() -> None:
    rng = np.random.default_rng(0)
    place, client = np.tile([0, 1], 60), np.repeat([0, 1, 2], 40)
    x = 9 * place[:, None] + 0.1 * rng.normal(size=(120, 2))
    y = np.where(client == 2, 1 - place, place)
    found = concept_shift(prepare_samples(x, y, client), shuffles=50, seed=0)
    assert "33 % are learned right alone and wrong together, 0 % the other way" in found.said
    assert found.measures[0].value == pytest.approx(np.sqrt(20))
    assert found.measures[1].p == pytest.approx(2 * 0.5**20)
    assert found.p == pytest.approx(1 / 51)


def test_sign_test() -> None:
    contest = Contest(np.array([5, 0]), np.array([0, 0]), np.array([2.2, 0]))
    assert sign_test(contest) == pytest.approx(1 / 32)
    both = Contest(np.array([5, 1]), np.array([0, 1]), np.array([2.2, 0]))
    assert sign_test(both) == pytest.approx(2 / 32)
    assert sign_test(Contest(np.zeros(2, int), np.zeros(2, int), np.zeros(2))) == 1


@pytest.mark.proof("closed form", "leave one out is the fit on all others, made anew for each")
def test_leave_one_out_is_a_fit_on_all_others() -> None:
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(12, 2)), np.eye(3)[rng.integers(0, 3, 12)]
    kernel = np.exp(-np.square(x[:, None] - x[None]).sum(2))
    for i in range(12):
        rest = np.delete(np.arange(12), i)
        inner = kernel[np.ix_(rest, rest)] + RIDGE * np.eye(11)
        expected = kernel[i, rest] @ np.linalg.solve(inner, target[rest])
        np.testing.assert_allclose(leave_one_out(kernel, target)[i], expected, atol=1e-12)


def test_clients_of_many_samples_are_looked_at_in_parts() -> None:
    rng = np.random.default_rng(0)
    client = np.repeat([0, 1, 2], [40, 310, 5000])
    given = prepare_samples(rng.normal(size=(5350, 2)), rng.integers(0, 2, 5350), client)
    some, part = choose_samples(given, seed=0)
    sizes = {
        int((some.client == i).sum()): np.bincount(part[some.client == i]).tolist()
        for i in range(3)
    }
    assert sizes[40] == [40]
    assert sorted(sizes[310]) == [103, 103, 104]
    assert sizes[300] == [100] * 3, "parts beyond would hold this client alone"
