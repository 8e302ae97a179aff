"""The real data sets, where their files lie in UNALIKE_DATA or beside the checkout."""

import numpy as np
import pytest

from real_data import DATA, real
from unalike import compare
from unalike.data import SOURCES, federate
from unalike.data.sources.source import TRAIN

UNBOUNDED = {name for name in SOURCES if name.startswith("synthetic-")} - {"synthetic-mixture"} | {
    "leaf-synthetic"
}
"""Sets of normal features."""
TEXTS = {"sent140", "sent140-sample"}
MEASUREMENTS = (
    {name for name, source in SOURCES.items() if source.natural} - TEXTS - {"mnist-writers"}
)
"""Sets whose columns have units of their own."""


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_real_set_is_what_its_source_says(name):
    source, arrays = SOURCES[name], real(name)
    if name not in TEXTS:
        assert arrays.x.shape == (source.samples, *source.shape)
        assert arrays.x.dtype == (np.int64 if source.task == "sequence" else np.float32)
        if name in UNBOUNDED | MEASUREMENTS:
            assert np.isfinite(arrays.x).all()
        else:
            assert arrays.x.min() == (0 if len(source.shape) == 3 else pytest.approx(-1, abs=0.01))
            assert arrays.x.max() == pytest.approx(1, abs=0 if len(source.shape) == 3 else 0.01)
    else:
        assert arrays.x.shape == (source.samples,)
        assert arrays.x.dtype.kind == "U"
    assert arrays.classes == source.classes
    assert arrays.task == source.task
    assert len(arrays.y) == len(arrays.part) == source.samples
    if source.task == "classes":
        assert arrays.y.dtype == np.int64
        assert np.unique(arrays.y).tolist() == list(range(source.classes))


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("mnist", [60_000, 0, 10_000]),
        ("breastmnist", [546, 78, 156]),
        ("retinamnist", [1080, 120, 400]),
        ("cifar10-subset", [10_000, 0, 2_000]),
    ],
)
def test_the_official_cut(name, sizes):
    assert np.bincount(real(name).part, minlength=3).tolist() == sizes


def test_mnist_begins_as_everybody_knows_it():
    assert real("mnist").y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_mnist_by_its_writers():
    """539 people, 19 to 131 digits each, in two groups; 297 others wrote the test images."""
    arrays = real("mnist-writers")
    np.testing.assert_array_equal(arrays.y, real("mnist").y)
    f = federate(arrays, split="natural", official_test=True, new_clients=0.2)
    held = f.label_counts.sum(axis=1)
    assert f.clients == 539
    assert held.sum() == 60_000
    assert (held.min(), int(np.median(held)), held.max()) == (19, 116, 131)
    assert f.newcomers.sum() == 107
    assert np.unique(f.groups).tolist() == [0, 4]
    assert len(f.pooled_test) == 10_000
    assert len(np.unique(arrays.client[arrays.part == 2])) == 297
    assert federate(arrays, split="natural").clients == 539


@pytest.mark.parametrize("name", [n for n, source in SOURCES.items() if source.natural])
def test_natural_clients(name):
    """As many as the source says, where those of an official test part of its own do not count."""
    arrays = real(name)
    assert len(np.unique(arrays.client[arrays.part == TRAIN])) == SOURCES[name].natural_clients


def test_tweets_by_their_users():
    """2,875 people, 3 to 55 tweets each, every one enough for training, validation and test."""
    arrays = real("sent140")
    assert np.bincount(arrays.y).tolist() == [6308, 9717]
    held = np.unique(arrays.client, return_counts=True)[1]
    assert (len(held), held.min(), int(np.median(held)), held.max()) == (2875, 3, 5, 55)
    f = federate(arrays, split="natural", clients=60, new_clients=0.2)
    assert f.x.shape[1:] == f.x_test.shape[1:] == SOURCES["sent140"].shape
    for lists in (f.train, f.validation, f.test):
        assert (lists.sizes >= 1).all()


@pytest.mark.parametrize(
    ("data", "setting"),
    [
        ("sent140", {"split": "natural", "model": "text-mlp", "clients": 60}),
        ("sent140", {"split": "natural", "model": "auto", "clients": 60}),
        pytest.param(
            "sent140-sample",
            {"split": "iid", "model": "text-mlp", "clients": 60},
            marks=pytest.mark.slow,
        ),
        ("retinamnist", {"split": "iid", "model": "simple-cnn", "clients": 10}),
        pytest.param("retinamnist", {"split": "dirichlet", "model": "cnn"}, marks=pytest.mark.slow),
        ("fcube", {"split": "natural", "model": "logistic", "new_clients": 0}),
    ],
)
def test_a_comparison_from_end_to_end(data, setting):
    real(data)
    result = compare(
        data,
        data_dir=DATA,
        methods="fedavg",
        rounds=1,
        seeds=1,
        batch_size=32,
        settings={"local": {"adapt_epochs": 1}},
        **setting,
    )
    frame = result.frame
    mine = frame[(frame.method == "fedavg") & frame.metric.eq("personalised_accuracy_last")]
    assert len(mine) > 1
    assert mine.value.between(0, 1).all()
