"""Four hospitals, embedded: UCI's own files by FLamby's rule, on the scale of training patients."""

import hashlib
import io
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from unalike import compare
from unalike.data import SOURCES, federate, is_here, load
from unalike.data.sources.fed_heart import COLUMNS, FEATURES, HOSPITALS, processed

MD5 = {
    "cleveland": "2d91a8ff69cfd9616aa47b59d6f843db",
    "hungarian": "22e96bee155b5973568101c93b3705f6",
    "switzerland": "9a87f7577310b3917730d06ba9349e20",
    "va": "4249d03ca7711e84f4444768c9426170",
}


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_the_embedded_files_are_those_of_uci(hospital):
    assert hashlib.md5(processed(hospital)).hexdigest() == MD5[hospital]


def test_the_licence_lies_beside_them():
    folder = files("unalike.data.sources") / "embedded" / "fed-heart"
    text = (folder / "LICENCE.md").read_text("utf-8")
    assert SOURCES["fed-heart"].licence in text
    for word in ("Janosi", "Steinbrunn", "Pfisterer", "Detrano", *MD5.values()):
        assert word in text


def test_patients_and_cases_of_each_hospital():
    """The counts of FLamby's rule, and its 13 inputs."""
    arrays = load("fed-heart")
    assert is_here("fed-heart")
    assert arrays.x.shape == (740, 13)
    assert arrays.x.dtype == np.float32
    assert np.isfinite(arrays.x).all()
    held = {name: arrays.y[arrays.client == name] for name in HOSPITALS}
    assert [len(y) for y in held.values()] == [303, 261, 46, 130]
    assert [round(float(y.mean()), 2) for y in held.values()] == [0.46, 0.38, 0.98, 0.78]


def test_the_preparation_is_that_of_pandas():
    """The same rule in other words: drop, dropna, get_dummies without the first level."""
    tables = [
        pd.read_csv(io.BytesIO(processed(name)), header=None, names=COLUMNS, na_values="?")
        for name in HOSPITALS
    ]
    kept = pd.concat([t.drop(columns=["slope", "ca", "thal"]).dropna() for t in tables])
    x = pd.get_dummies(
        kept.drop(columns="num").astype({"cp": int, "restecg": int}),
        columns=["cp", "restecg"],
        drop_first=True,
    )
    arrays = load("fed-heart")
    assert tuple(x.columns) == FEATURES
    np.testing.assert_array_equal(arrays.x, x.to_numpy(np.float32))
    np.testing.assert_array_equal(arrays.y, kept["num"].to_numpy() > 0)


def test_training_patients_alone_set_the_scale():
    """Mean 0 and deviation 1 over the training patients of all hospitals, and only over those."""
    f = federate(load("fed-heart"), split="natural", seed=3)
    assert f.names == HOSPITALS
    training = f.x[f.train.values].double()
    np.testing.assert_allclose(training.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(training.std(0, unbiased=False), 1, atol=1e-6)
    assert (f.x_test.double().mean(0).abs() > 1e-3).all()


def test_hospitals_that_differ_stay_different():
    """Nobody in Switzerland has a measured cholesterol: its column is one value, far from 0."""
    f = federate(load("fed-heart"), split="natural")
    swiss = f.x[f.train.rows(HOSPITALS.index("switzerland")), FEATURES.index("chol")]
    assert len(swiss.unique()) == 1
    assert swiss[0] < -1


def test_a_column_of_one_value_keeps_its_scale():
    arrays = load("fed-heart")
    swiss = arrays.x[arrays.client == "switzerland"]
    scaled = arrays.fit([swiss])(arrays.x)
    chol = FEATURES.index("chol")
    np.testing.assert_array_equal(scaled[:, chol], arrays.x[:, chol])


def test_a_study_from_end_to_end_without_any_file(tmp_path):
    result = compare(
        "fed-heart",
        data_dir=str(tmp_path),
        split="natural",
        model="logistic",
        methods="finetuning",
        rounds=3,
        seeds=1,
    )
    mine = result.frame.query("metric == 'personalised_accuracy_best' and method == 'local'")
    assert set(mine.client.dropna()) == set(HOSPITALS)
    assert mine.value.between(0.5, 1).all()
