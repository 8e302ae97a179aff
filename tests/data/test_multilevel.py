"""Schools and communities as clients: columns, levels, names, and the sizes that are known."""

import numpy as np
import pandas as pd
import pytest

from real_data import DATA, real
from unalike import compare
from unalike.data import SOURCES, federate
from unalike.data.sources.multilevel import EXAM, GUIMMUN, HSB82, read_multilevel
from unalike.data.sources.tables import Column, feature_names, features
from unalike.errors import InputError

TABLES = {
    "schools": ("Exam", EXAM),
    "hsb82": ("Hsb82", HSB82),
    "guimmun": ("guImmun", GUIMMUN),
}
every_table = pytest.mark.parametrize("name", TABLES)


def table(name):
    real(name)
    return pd.read_csv(f"{DATA}/schools/{TABLES[name][0]}.csv", keep_default_na=False)


def test_numbers_stay_and_categories_become_indicators():
    some = pd.DataFrame({"age": [3, 5], "unused": [1, 1], "sex": ["M", "F"], "cp": [3.0, 2.0]})
    columns = (Column("sex", ("F", "M")), Column("age"), Column("cp", (1, 2, 3)))
    assert feature_names(columns) == ("sex_M", "age", "cp_2", "cp_3")
    x = features(some, columns)
    assert x.dtype == np.float32
    assert x.tolist() == [[1, 3, 0, 1], [0, 5, 1, 0]]


def test_rows_of_a_table(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text("rownames,village,dose,done\n1,9,0.5,Y\n2,10,1.5,N\n")
    given = {"columns": (Column("dose"),), "client": "village"}
    read = read_multilevel(path, target="done", task="classes", **given)
    assert read.x.tolist() == [[0.5], [1.5]]
    assert read.y.tolist() == [1, 0]
    assert read.y.dtype == np.int64
    assert read.client.tolist() == ["village-09", "village-10"]
    numbers = read_multilevel(path, target="dose", task="regression", **given)
    assert numbers.y.dtype == np.float32
    assert (numbers.classes, numbers.task) == (1, "regression")


@every_table
def test_the_levels_are_all_there_are(name):
    """A level that is not named would pass for the reference."""
    held = table(name)
    for column, levels in TABLES[name][1]:
        if levels:
            assert set(held[column]) == set(levels), column
        else:
            assert held[column].dtype.kind in "if", column


def test_the_columns_left_out_follow_from_the_others():
    exam, hsb82 = table("schools"), table("hsb82")
    np.testing.assert_array_equal(exam["type"] == "Mxd", exam["schgend"] == "mixed")
    np.testing.assert_allclose(hsb82["ses"], hsb82["cses"] + hsb82["meanses"], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "least", "median", "most"),
    [("schools", 2, 60, 198), ("hsb82", 14, 47, 67), ("guimmun", 1, 11, 55)],
)
def test_sizes_of_the_clients(name, least, median, most):
    sizes = np.unique(real(name).client, return_counts=True)[1]
    assert (sizes.min(), np.median(sizes), sizes.max()) == (least, median, most)


def test_pupils_of_a_school_resemble_each_other():
    """Scores are standard normal over all; a sixth of their variance lies between schools."""
    arrays = real("schools")
    assert arrays.y.mean() == pytest.approx(0, abs=1e-3)
    assert arrays.y.std() == pytest.approx(1, abs=2e-3)
    schools, held = np.unique(arrays.client, return_inverse=True)
    means = np.bincount(held, arrays.y) / np.bincount(held)
    between = means[held].var() / arrays.y.var()
    assert len(schools) == 65
    assert 0.1 < between < 0.3


@pytest.mark.parametrize("name", ["schools", "hsb82"])
def test_a_study_of_numbers_is_one_of_regression(name):
    held = federate(real(name), split="natural", min_size=1)
    assert held.task.name == "regression"
    assert held.task.main.name == "rmse"


def test_a_community_of_one_child_is_named():
    with pytest.raises(InputError, match=r"Client 'comm-\d+' is too small: it holds \d of the 3"):
        federate(real("guimmun"), split="natural")


def test_a_study_of_communities_from_end_to_end():
    real("guimmun")
    result = compare(
        "guimmun",
        data_dir=DATA,
        split="natural",
        min_size=1,
        model="logistic",
        methods="fedavg",
        rounds=2,
        seeds=1,
    )
    mine = result.frame.query("metric == 'personalised_accuracy_best' and method == 'fedavg'")
    assert mine.value.dropna().between(0, 1).all()
    assert mine.value.count() > 100
    assert SOURCES["guimmun"].natural_clients == 161
