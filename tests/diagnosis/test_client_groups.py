"""The map of the clients and the groups on it."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from unalike.diagnosis.client_groups import classical_scaling, group_clients, silhouette
from unalike.diagnosis.embedding import embed, main_directions
from unalike.diagnosis.samples import prepare_samples
from unalike.measures.distances import jensen_shannon, otdd
from unlike_worlds import world


def test_clients_that_are_alike_are_near_zero_on_average() -> None:
    given = prepare_samples(*world(0, samples=2000, clients=10))
    alike = group_clients(given, shuffles=5, level=0.05, seed=0)
    half = prepare_samples(*world(0, samples=2000, clients=10, feature=0.75))
    unlike = group_clients(half, shuffles=5, level=0.05, seed=0)
    pairs = np.triu_indices(10, 1)
    near = np.square(alike.distances["together"][pairs]).mean()
    assert near < 0.1 * np.square(unlike.distances["together"][pairs]).mean()


def test_label_and_feature_distances_of_pairs() -> None:
    given = prepare_samples(*world(1, samples=120, clients=3, label=0.5))
    found = group_clients(given, shuffles=5, level=0.05, seed=0).distances
    share = given.counts / given.counts.sum(1, keepdims=True)
    assert found["label"][0, 1] == pytest.approx(np.sqrt(jensen_shannon(share[0], share[1])))
    phi, total, weight = embed(given.x, 0), 0.0, 0
    for k in range(5):
        a, b = (phi[(given.client == i) & (given.y == k)] for i in (0, 1))
        shared = min(len(a), len(b))
        if shared:
            total += shared * np.square(a.mean(0) - b.mean(0)).sum()
            weight += shared
    assert found["feature"][0, 1] == pytest.approx(np.sqrt(total / weight))


def test_groups_that_name_classes_differently() -> None:
    given = prepare_samples(*world(4, source="digits", concept=None))
    groups = group_clients(given, shuffles=50, level=0.05, seed=0)
    assert groups.count == 2
    same = groups.group == groups.group[0]
    first = [int(given.names[i]) % 2 == int(given.names[0]) % 2 for i in range(10)]
    assert same.tolist() == first
    near = groups.distances["together"][0, first.index(True, 1)]
    far = groups.distances["together"][0, first.index(False)]
    assert near < far


def test_data_sets_are_apart_by_looks_and_not_by_names() -> None:
    given = world(13, samples=400, clients=4, feature=0.75)
    renamed = np.where(given.client == 1, (given.y + 1) % 5, given.y)
    apart = []
    for y in (given.y, renamed):
        held = prepare_samples(given.x, y, given.client)
        groups = group_clients(held, shuffles=5, level=0.05, seed=0)
        apart.append(groups.renumber(np.argsort(held.shown[0])).distances)
    np.testing.assert_allclose(apart[0]["data set"], apart[1]["data set"], rtol=1e-9)
    assert (apart[0]["feature"] != apart[1]["feature"]).any()
    some = prepare_samples(given.x[:60], given.y[:60], given.client[:60])
    few = group_clients(some, shuffles=5, level=0.05, seed=0).distances["data set"]
    x = main_directions(some.x, 8)
    a, b = (np.flatnonzero(some.client == i) for i in (0, 1))
    expected = otdd(x[a], some.y[a], x[b], some.y[b])
    assert max(len(a), len(b)) <= 40
    assert few[0, 1] == pytest.approx(np.sqrt(expected))


def test_scaling_recovers_a_plane() -> None:
    places = np.random.default_rng(3).normal(size=(6, 2))
    distances = np.linalg.norm(places[:, None] - places, axis=2)
    again = classical_scaling(distances)
    np.testing.assert_allclose(np.linalg.norm(again[:, None] - again, axis=2), distances, atol=1e-9)


def test_silhouette() -> None:
    places, group = np.array([0.0, 1, 5, 6, 20]), np.array([0, 0, 1, 1, 2])
    distances = np.abs(np.subtract.outer(places, places))
    by_hand = [1 - 1 / 5.5, 1 - 1 / 4.5, 1 - 1 / 4.5, 1 - 1 / 5.5, 0]
    assert silhouette(distances, group) == pytest.approx(np.mean(by_hand), abs=1e-12)
    expected = silhouette_score(distances, group, metric="precomputed")
    assert silhouette(distances, group) == pytest.approx(expected, abs=1e-12)
