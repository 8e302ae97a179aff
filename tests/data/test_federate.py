"""From a data set to a federation: who holds what, and what methods never see."""

import doctest

import numpy as np
import pytest
import torch

from unalike.data import SPLITS, Arrays, Ragged, federate, federation, load
from unalike.data.federation import _strata
from unalike.errors import InputError


def tagged(samples=600, classes=5, people=None, official=0, groups=None):
    """A data set whose x is the sample's own number, so that it can be followed."""
    part = np.zeros(samples, np.int8)
    part[samples - official :] = 2
    x = np.arange(samples, dtype=np.float32)[:, None]
    return Arrays(x, np.arange(samples) % classes, classes, people, part, groups)


def numbers(tensor):
    return tensor[:, 0].numpy().astype(int)


def samples_of(f, i):
    """The numbers of the samples that client i trains, validates and tests with."""
    return (
        numbers(f.x[f.train.rows(i)]),
        numbers(f.x[f.validation.rows(i)]),
        numbers(f.x_test[f.test.rows(i)]),
    )


@pytest.mark.parametrize("split", sorted(set(SPLITS) - {"natural"}))
def test_every_sample_is_in_one_part_of_one_client(split):
    arrays = tagged()
    f = federate(arrays, split=split, clients=12, seed=3)
    seen = np.concatenate([np.concatenate(samples_of(f, i)) for i in range(f.clients)])
    np.testing.assert_array_equal(np.sort(seen), np.arange(600))
    np.testing.assert_array_equal(f.y, arrays.y[numbers(f.x)])
    np.testing.assert_array_equal(f.y_test, arrays.y[numbers(f.x_test)])
    assert len(f.x) == len(f.train.values) + len(f.validation.values)
    for lists in (f.train, f.validation, f.test):
        assert (lists.sizes >= 1).all()
    assert f.x.dtype == torch.float32
    assert f.y.dtype == torch.int64


def test_the_cut_follows_the_mix_of_the_client():
    """The test samples of a client are a random fifth of its samples, not the last fifth."""
    arrays = tagged(100_000, 4)
    arrays = arrays._replace(y=np.sort(arrays.y))
    f = federate(arrays, split="dirichlet", clients=4, alpha=0.3, seed=1)
    for i in range(4):
        mixes = [
            np.bincount(y, minlength=4) / len(y)
            for y in (f.y[f.train.rows(i)].numpy(), f.y_test[f.test.rows(i)].numpy())
        ]
        np.testing.assert_allclose(*mixes, atol=0.03)
        assert f.test.sizes[i] == pytest.approx(0.2 * f.label_counts[i].sum(), abs=1)


def test_label_counts_are_over_all_parts():
    arrays = tagged()
    f = federate(arrays, split="dirichlet", clients=7)
    assert f.label_counts.shape == (7, 5)
    np.testing.assert_array_equal(f.label_counts.sum(axis=0), np.bincount(arrays.y))
    for i in range(7):
        held = np.concatenate(samples_of(f, i))
        np.testing.assert_array_equal(f.label_counts[i], np.bincount(held % 5, minlength=5))


def test_the_seed_decides_and_newcomers_do_not_change_the_deal():
    same, again = (federate(tagged(), split="dirichlet", clients=10, seed=5) for _ in range(2))
    other = federate(tagged(), split="dirichlet", clients=10, seed=6)
    held_out = federate(tagged(), split="dirichlet", clients=10, seed=5, new_clients=0.3)
    assert torch.equal(same.x, again.x)
    assert not torch.equal(same.x[:50], other.x[:50])
    assert torch.equal(same.x, held_out.x)
    np.testing.assert_array_equal(same.train.values, held_out.train.values)


def test_the_seed_decides_the_cut_where_there_is_nothing_to_deal():
    arrays = tagged(people=np.repeat(["a", "b"], 300))
    first, other = (federate(arrays, split="natural", seed=seed) for seed in (0, 1))
    assert first.names == other.names
    assert not torch.equal(first.x_test, other.x_test)


@pytest.mark.parametrize(
    ("share", "count"), [(0.0, 0), (0.05, 0), (0.2, 2), (0.29, 2), (0.3, 3), (0.99, 9)]
)
def test_newcomers_never_train_and_are_not_in_the_pooled_test(share, count):
    f = federate(tagged(), clients=10, new_clients=share, seed=2)
    assert f.newcomers.sum() == count
    assert f.newcomers.dtype == np.bool_
    trained = np.concatenate([f.test.rows(i) for i in np.flatnonzero(~f.newcomers)])
    np.testing.assert_array_equal(f.pooled_test, np.sort(trained))


def test_a_share_that_floats_write_badly_is_not_rounded_away():
    assert federate(tagged(), clients=100, new_clients=0.29).newcomers.sum() == 29


def test_the_official_test_set_is_kept_whole():
    f = federate(tagged(official=100), clients=10, official_test=True, new_clients=0.2)
    np.testing.assert_array_equal(numbers(f.x_test[f.pooled_test]), np.arange(500, 600))
    held = np.concatenate([np.concatenate(samples_of(f, i)) for i in range(10)])
    np.testing.assert_array_equal(np.sort(held), np.arange(500))
    with pytest.raises(InputError, match="no official test set"):
        federate(tagged(), clients=10, official_test=True)


def test_natural_clients_keep_their_names_and_groups():
    people = np.repeat(["zoe", "adam", "mary"], 200)
    groups = np.repeat([7, 4, 4], 200)
    f = federate(tagged(people=people, groups=groups), split="natural")
    assert f.names == ("adam", "mary", "zoe")
    np.testing.assert_array_equal(f.groups, [4, 4, 7])
    np.testing.assert_array_equal(np.sort(np.concatenate(samples_of(f, 2))), np.arange(200))
    mixed = federate(tagged(people=people, groups=groups), split="iid", clients=3)
    assert mixed.groups is None
    assert mixed.names == ("client-0", "client-1", "client-2")


def test_other_people_of_the_official_test_set_are_no_clients():
    people = np.repeat(["a", "b", "c"], 200)
    arrays = tagged(people=people, official=200)
    assert federate(arrays, split="natural").names == ("a", "b")
    assert len(federate(arrays, clients=2).label_counts) == 2
    assert federate(arrays, clients=2).label_counts.sum() == 600
    assert federate(tagged(people=people, official=100), split="natural").clients == 3


def test_many_labels_are_dealt_by_the_rarest():
    y = np.array([[1, 0], [1, 1], [0, 0], [1, 0]], np.float32)
    part = np.zeros(4, np.int8)
    arrays = Arrays(np.zeros((4, 1), np.float32), y, 2, None, part, task="labels")
    np.testing.assert_array_equal(_strata(arrays), [0, 1, 2, 0])
    many = arrays.only(np.tile(np.arange(4), 100))
    f = federate(many, split="dirichlet", clients=5)
    assert f.task.name == "labels"
    assert f.y.dtype == torch.float32
    np.testing.assert_array_equal(f.label_counts.sum(axis=0), [300, 100])


def test_small_clients():
    scarce = federate(tagged(samples=20), clients=20)
    assert (scarce.train.sizes == 1).all()
    assert len(scarce.x_test) == 0
    ample = federate(tagged(samples=600), split="dirichlet", clients=100, alpha=0.01)
    assert (ample.test.sizes >= 1).all()
    empty = federate(tagged(), split="dirichlet", clients=100, alpha=0.01, min_size=0)
    assert (empty.train.sizes == 0).any()
    assert empty.label_counts.sum() == 600


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"clients": 1}, "at least 2 clients, not 1"),
        ({"clients": 601}, "more clients than samples"),
        ({"clients": 5, "new_clients": 1.0}, "somebody has to train"),
        ({"clients": 5, "new_clients": -0.1}, "from 0 to below 1"),
        ({"clients": 5, "test": 0.9, "validation": 0.2}, "leave nothing for training"),
        ({"split": "dirichlet"}, "needs the number of clients"),
        ({"split": "naturl"}, "did you mean 'natural'"),
        ({"split": "natural"}, "no natural clients"),
        ({"clients": 5, "alpha": 0.1}, "has no options"),
        ({"clients": 5, "split": "dirichlet", "alpha": -3}, "alpha must be a positive number"),
    ],
)
def test_bad_input_is_one_clear_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        federate(tagged(), **options)


def test_ragged_lists():
    lists = Ragged.of(np.array([4, 5, 6]), np.array([2, 0, 1]))
    assert lists.sizes.tolist() == [2, 0, 1]
    assert lists.owner.tolist() == [0, 0, 2]
    assert [lists.rows(i).tolist() for i in range(3)] == [[4, 5], [], [6]]


def test_digits_are_there_without_a_network():
    arrays = load("digits")
    f = federate(arrays, split="dirichlet", clients=20, alpha=0.1, new_clients=0.2)
    assert arrays.x.shape == (1797, 1, 8, 8)
    assert arrays.x.min() == 0
    assert arrays.x.max() == 1
    assert f.clients == 20
    assert f.newcomers.sum() == 4
    assert len(f.x) + len(f.x_test) == 1797


def test_the_example_of_the_docstring():
    assert doctest.testmod(federation).attempted == 3
    assert doctest.testmod(federation).failed == 0


def test_a_part_of_a_data_set():
    people = np.repeat(["ann", "bob"], 5)
    arrays = tagged(10, 5, people=people, official=2, groups=np.repeat([7, 8], 5))
    some = arrays.only(np.array([9, 1, 4]))
    assert some.x[:, 0].tolist() == [9, 1, 4]
    assert some.y.tolist() == [4, 1, 4]
    assert some.client.tolist() == ["bob", "ann", "ann"]
    assert some.part.tolist() == [2, 0, 0]
    assert some.group.tolist() == [8, 7, 7]
    assert some.classes == 5
    alone = tagged(10, 5).only(np.arange(10) > 7)
    assert alone.x[:, 0].tolist() == [8, 9]
    assert alone.client is alone.group is None
