"""What holds for every split: each sample once, nobody empty, the seed decides all."""

import inspect
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unalike.data.splits import SPLITS, deal
from unalike.data.splits.dealing import ensure_min_size, proportional_sizes
from unalike.errors import InputError

MADE_UP = sorted(name for name, split in SPLITS.items() if not split.natural)
checked = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def worlds(draw):
    """Labels in any order, a number of clients and a smallest size that the samples allow."""
    counts = draw(st.lists(st.integers(6, 30), min_size=2, max_size=6))
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(draw(st.integers(0, 99))).permutation(labels)
    min_size = draw(st.integers(1, 3))
    most = min(sum(n // min_size for n in counts), len(labels) // (2 * min_size))
    clients = draw(st.integers(len(counts), most))
    return labels, clients, min_size, draw(st.integers(0, 2**32))


def rng(seed):
    return np.random.default_rng(seed)


def hold_every_sample_once(held, samples):
    np.testing.assert_array_equal(np.sort(np.concatenate(held)), np.arange(samples))


@pytest.mark.parametrize("name", MADE_UP)
@checked
@given(world=worlds())
def test_each_sample_goes_to_one_client_and_no_client_is_too_small(name, world):
    labels, clients, min_size, seed = world
    held = deal(name, labels, clients, rng(seed), min_size=min_size)
    assert len(held) == clients
    assert min(map(len, held)) >= min_size
    hold_every_sample_once(held, len(labels))


@pytest.mark.parametrize("name", MADE_UP)
def test_the_seed_decides_the_deal(name):
    labels = np.tile(np.arange(10), 60)
    first, again, other = (deal(name, labels, 15, rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", sorted(set(MADE_UP) - {"shards"}))
def test_which_samples_of_a_class_is_left_to_chance(name):
    """Of one class and two clients, the first half must not all go to the same one."""
    held = deal(name, np.repeat([0, 1], 500), 2, rng(0), min_size=100)
    early = [np.mean(rows[rows < 500] < 250) for rows in held if (rows < 500).sum() > 50]
    np.testing.assert_allclose(early, 0.5, atol=0.15)


@pytest.mark.parametrize("name", MADE_UP)
def test_ten_thousand_clients_take_seconds(name):
    labels = rng(0).integers(10, size=100_000)
    start = time.perf_counter()
    held = deal(name, labels, 10_000, rng(0), min_size=3)
    assert time.perf_counter() - start < 5
    assert len(held) == 10_000
    hold_every_sample_once(held, len(labels))


@pytest.mark.parametrize("name", ["iid", "dirichlet-mix"])
@checked
@given(world=worlds())
def test_sizes_are_equal(name, world):
    labels, clients, min_size, seed = world
    sizes = [len(rows) for rows in deal(name, labels, clients, rng(seed), min_size=min_size)]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1e4])
@pytest.mark.parametrize("name", ["dirichlet", "dirichlet-mix"])
def test_extreme_alphas_lose_nothing(name, alpha):
    labels = np.repeat(np.arange(7), [500, 3, 80, 0, 1, 200, 40])
    held = deal(name, labels, 30, rng(4), alpha=alpha)
    assert min(map(len, held)) >= 1
    hold_every_sample_once(held, len(labels))


def test_an_empty_client_only_where_asked_for():
    labels = np.zeros(50, np.int64)
    asked = deal("dirichlet", labels, 30, rng(0), alpha=0.05, min_size=0)
    assert min(map(len, asked)) == 0
    assert min(map(len, deal("dirichlet", labels, 30, rng(0), alpha=0.05))) == 1


def test_lift_moves_single_samples_from_the_largest():
    table = np.array([[5, 2], [0, 0], [1, 3], [0, 1]])
    lifted = ensure_min_size(table, 2)
    np.testing.assert_array_equal(lifted, [[2, 2], [2, 0], [1, 3], [1, 1]])
    assert table.sum() == 12, "the argument stays as it was"
    np.testing.assert_array_equal(ensure_min_size(table, 3).sum(axis=1), 3)


def test_proportional_sizes_sum_to_the_total():
    np.testing.assert_array_equal(proportional_sizes(10, np.array([0.25, 0.25, 0.5])), [2, 3, 5])


@checked
@given(world=worlds(), k=st.integers(1, 6))
def test_pathological_clients_know_at_most_k_classes_and_no_class_is_left_out(world, k):
    labels, clients, min_size, seed = world
    k = min(k, len(np.unique(labels)))
    held = deal("pathological", labels, clients, rng(seed), classes_per_client=k, min_size=min_size)
    assert max(len(np.unique(labels[rows])) for rows in held) <= k
    hold_every_sample_once(held, len(labels))


def test_pathological_owners_are_balanced_and_share_evenly():
    labels = np.repeat(np.arange(10), 120)
    held = deal("pathological", labels, 20, rng(3), classes_per_client=3)
    counts = np.stack([np.bincount(labels[rows], minlength=10) for rows in held])
    np.testing.assert_array_equal((counts > 0).sum(axis=1), 3)
    owners = (counts > 0).sum(axis=0)
    assert set(owners) <= {5, 6, 7}
    np.testing.assert_array_equal(counts.max(axis=0), -(-120 // owners))
    np.testing.assert_array_equal(np.where(counts > 0, counts, 999).min(axis=0), 120 // owners)


def test_pathological_needs_a_client_for_every_class():
    with pytest.raises(InputError, match="4 clients with 2 classes each cannot hold all 9"):
        deal("pathological", np.arange(90) % 9, 4, rng(0))


def test_pathological_names_a_class_that_would_be_left_out():
    labels = np.repeat([0, 1, 2], [30, 30, 2])
    with pytest.raises(InputError, match="Class 2 has only 2 samples"):
        deal("pathological", labels, 9, rng(0), classes_per_client=1, min_size=3)
    with pytest.raises(InputError, match=r"21 clients with at most 1 classes .* fewer clients"):
        deal("pathological", np.arange(64) % 2, 21, rng(0), classes_per_client=1, min_size=3)


def test_shards_are_the_published_recipe():
    labels = rng(0).permutation(np.repeat(np.arange(10), 600))
    held = deal("shards", labels, 100, rng(1))
    place = np.empty(6000, np.int64)
    place[np.argsort(labels, kind="stable")] = np.arange(6000)
    for rows in held:
        shards, sizes = np.unique(place[rows] // 30, return_counts=True)
        assert len(shards) == 2
        np.testing.assert_array_equal(sizes, 30)


def test_quantity_keeps_the_mix_and_spreads_the_sizes():
    labels = np.tile(np.arange(4), 25_000)
    for law in ("lognormal", "power"):
        held = deal("quantity", labels, 20, rng(0), law=law, sigma=1.5, exponent=1.5)
        sizes = np.array([len(rows) for rows in held])
        assert sizes.max() > 10 * sizes.min()
        largest = labels[held[sizes.argmax()]]
        np.testing.assert_allclose(np.bincount(largest) / len(largest), 0.25, atol=0.02)
    np.testing.assert_array_equal(
        np.sort(sizes)[::-1],
        np.sort(1 + np.diff(np.floor(99_980 * _running(sizes)), prepend=0).astype(int))[::-1],
    )


def _running(sizes):
    """Running shares of the power law, in the order of the clients."""
    ranks = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable") + 1.0
    shares = np.cumsum(ranks**-1.5)
    return shares / shares[-1]


def test_natural_keeps_people_together():
    people = np.array(["b", "a", "b", "c", "a", "b"])
    held = deal("natural", np.zeros(6, np.int64), None, rng(0), client=people)
    assert [rows.tolist() for rows in held] == [[1, 4], [0, 2, 5], [3]]
    two = deal("natural", np.zeros(6, np.int64), 2, rng(0), client=people)
    assert len(two) == 2
    with pytest.raises(InputError, match="Client 'c' is too small: it holds 1 of the 2"):
        deal("natural", np.zeros(6, np.int64), None, rng(0), client=people, min_size=2)
    with pytest.raises(InputError, match="There are 3 natural clients, so 4"):
        deal("natural", np.zeros(6, np.int64), 4, rng(0), client=people)
    with pytest.raises(InputError, match="have no natural clients"):
        deal("natural", np.zeros(6, np.int64), None, rng(0))


@pytest.mark.parametrize("name", MADE_UP)
def test_the_options_of_a_split_are_those_of_its_function(name):
    parameters = inspect.signature(SPLITS[name].function).parameters
    keywords = {
        key: parameter.default
        for key, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert keywords.pop("min_size") == 1
    assert keywords == {option.name: option.default for option in SPLITS[name].options}


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("dirichle", {}, "Unknown split 'dirichle': did you mean 'dirichlet'"),
        ("dirichlet", {"alhpa": 1}, "Unknown dirichlet option 'alhpa': did you mean 'alpha'"),
        ("iid", {"alpha": 1}, "The split 'iid' has no options, but 'alpha' was given"),
        ("dirichlet", {"alpha": 0}, "alpha must be a positive number, not 0"),
        ("dirichlet-mix", {"alpha": -1.0}, "alpha must be a positive number, not -1"),
        ("dirichlet", {"alpha": float("nan")}, "alpha must be a positive number, not nan"),
        ("dirichlet", {"alpha": "small"}, "alpha must be a number, not 'small'"),
        ("pathological", {"classes_per_client": 2.5}, "must be a whole number, not 2.5"),
        ("pathological", {"classes_per_client": 0}, "between 1 and 3"),
        ("pathological", {"classes_per_client": 4}, "between 1 and 3"),
        ("shards", {"shards_per_client": 0}, "every client needs a shard"),
        ("shards", {"shards_per_client": 9}, "every client needs a shard"),
        ("quantity", {"law": "normal"}, "'lognormal' or 'power', not 'normal'"),
        ("quantity", {"sigma": -1.0}, "sigma must be a number from 0 up"),
    ],
)
def test_wrong_options_are_one_clear_sentence(name, options, sentence):
    with pytest.raises(InputError, match=sentence):
        deal(name, np.arange(30) % 3, 5, rng(0), **options)


@pytest.mark.parametrize("name", MADE_UP)
def test_too_few_samples_are_one_clear_sentence(name):
    labels = np.arange(12) % 3
    with pytest.raises(InputError, match=r"more clients than samples \(13 and 12\)"):
        deal(name, labels, 13, rng(0))
    with pytest.raises(InputError, match="ask for at most 4 clients"):
        deal(name, labels, 5, rng(0), min_size=3)
    with pytest.raises(InputError, match="at least 1, not 0"):
        deal(name, labels, 0, rng(0))
    with pytest.raises(InputError, match="at least 0, not -1"):
        deal(name, labels, 2, rng(0), min_size=-1)
    with pytest.raises(InputError, match="needs the number of clients"):
        deal(name, labels, None, rng(0))


def test_shards_too_small_for_the_smallest_size():
    with pytest.raises(InputError, match="2 shards hold only 2 samples"):
        deal("shards", np.arange(19) % 3, 5, rng(0), min_size=3)
