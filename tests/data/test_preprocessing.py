"""Fitted from what clients tell, preprocessing equals scikit-learn's on all samples together."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, RobustScaler, StandardScaler
from unalike.data.federate import federate

from unalike.data.preprocessing.array_fit import (
    ArrayAnswer,
    ArrayQuery,
    answer_array,
    fit_array,
    fit_arrays,
)
from unalike.data.preprocessing.evidence import evidence_of
from unalike.data.preprocessing.exact_sums import (
    grid,
    mean_and_deviation,
    total,
    total_of_squares,
)
from unalike.data.preprocessing.exchange import exchange
from unalike.data.preprocessing.preprocessing import from_dict
from unalike.data.preprocessing.ranks import find_quartiles, histogram
from unalike.data.preprocessing.settings import PreprocessingSettings
from unalike.data.preprocessing.table import Column, Table
from unalike.data.preprocessing.table_fit import fit_table, fit_tables, least_count
from unalike.data.preprocessing.table_queries import TableAnswer, TableQuery, answer
from unalike.data.reading import read
from unalike.data.reading.frames import frame_table
from unalike.errors import InputError

SIZES = (1, 7, 60, 180)  # of the clients: unequal, one of them a single sample


def frame(seed=0):
    """Numbers near and far from 0, with gaps; categories, some rare; yes and no; dates."""
    rng = np.random.default_rng(seed)
    n = sum(SIZES)
    age = rng.normal(60, 12, n).round(1)
    age[rng.random(n) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "far": 1e9 + rng.normal(0, 1e-2, n),
            "count": rng.integers(0, 2**40, n),
            "heavy": rng.standard_cauchy(n),
            "sort": rng.choice(["a", "b", "c", "d", "e"], n, p=[0.5, 0.3, 0.19, 0.005, 0.005]),
            "smokes": rng.choice(["yes", "no"], n),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )


def parts(table, seed=0):
    """The rows of a table among clients of unequal size, by name."""
    rows = np.split(np.random.default_rng(seed).permutation(len(table)), np.cumsum(SIZES)[:-1])
    return {f"client {i}": table[own] for i, own in enumerate(rows)}


def fitted(frame, scale="standard", seed=0, **wishes):
    table = frame_table(frame)[0]
    return table, fit_tables(parts(table, seed), PreprocessingSettings(scale=scale, **wishes))


def column(preprocessing, table, name):
    """The number that a column becomes, in double precision."""
    encoder = next(e for e in preprocessing.encoders if e.name == name)
    values = encoder._scaled(
        table.column(name).values.astype("datetime64[us]").astype(np.int64)
        if table.column(name).values.dtype.kind == "M"
        else table.column(name).values
    )
    return values, encoder


@pytest.mark.parametrize("name", ["age", "far", "count", "heavy"])
@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler), ("robust", RobustScaler)]
)
def test_numbers_equal_the_pooled_scaler(name, scale, scaler):
    held = frame()
    table, ours = fitted(held, scale)
    theirs = scaler().fit_transform(held[[name]].to_numpy(np.float64))[:, 0]
    values, _ = column(ours, table, name)
    known = ~np.isnan(theirs)
    # scikit-learn itself subtracts means of 1e9 in floating point: exact numbers are held below
    tolerance = 1e-5 if name == "far" else 1e-10
    np.testing.assert_allclose(values[known], theirs[known], rtol=tolerance, atol=tolerance)


def test_a_large_offset_costs_no_digit():
    """Mean and deviation of values near 1e9 that differ by 1e-2, against exact arithmetic."""
    from fractions import Fraction

    values = frame()["far"].to_numpy()
    exact = [Fraction(float(v)) for v in values]
    mean = sum(exact) / len(exact)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in exact) / len(exact))
    _, ours = fitted(frame())
    encoder = next(e for e in ours.encoders if e.name == "far")
    assert abs(Fraction(encoder.low) + Fraction(encoder.offset) - mean) < Fraction(1, 10**14)
    assert encoder.scale == pytest.approx(deviation, rel=1e-12)


def test_missing_numbers_equal_the_pooled_imputer_with_its_indicator():
    held = frame()
    for scale, scaler, strategy in (
        ("standard", StandardScaler(), "mean"),
        ("robust", RobustScaler(), "median"),
    ):
        table, ours = fitted(held, scale)
        theirs = make_pipeline(scaler, SimpleImputer(strategy=strategy, add_indicator=True))
        expected = theirs.fit_transform(held[["age"]].to_numpy())
        names = ours.feature_names
        x = ours.transform(table)[:, [names.index("age"), names.index("age missing")]]
        np.testing.assert_allclose(x, expected, atol=1e-6)  # x is float32
        values, encoder = column(ours, table, "age")
        known = ~np.isnan(values)
        np.testing.assert_allclose(values[known], expected[known, 0], atol=1e-10)
        assert abs(encoder.fill - expected[~known, 0][0]) < 1e-10


def test_categories_equal_the_pooled_one_hot_encoder():
    held = frame()
    table, ours = fitted(held)
    theirs = OneHotEncoder(
        min_frequency=least_count(len(held)),
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    ).fit(held[["sort"]])
    places = [i for i, n in enumerate(ours.feature_names) if n.startswith("sort")]
    assert [ours.feature_names[i] for i in places] == ["sort=a", "sort=b", "sort=c", "sort: others"]
    np.testing.assert_array_equal(
        ours.transform(table)[:, places], theirs.transform(held[["sort"]])
    )
    unseen = held.head(4).assign(sort=["z", "a", "e", "zz"])
    np.testing.assert_array_equal(
        ours.transform(frame_table(unseen)[0])[:, places], theirs.transform(unseen[["sort"]])
    )


def test_where_no_category_is_rare_an_unseen_one_is_nothing():
    held = pd.DataFrame({"sort": ["a", "b"] * 124})
    _, ours = fitted(held)
    x = ours.transform(frame_table(pd.DataFrame({"sort": ["a", "z"]}))[0])
    assert x.tolist() == [[1, 0], [0, 0]]


def test_an_empty_category_has_a_column_of_its_own():
    held = pd.DataFrame({"sort": ["a", "b", None, ""] * 62})
    table, ours = fitted(held)
    assert ours.feature_names == ("sort=a", "sort=b", "sort missing")
    assert ours.transform(table)[:4].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_dates_become_one_scaled_number():
    held = frame()
    table, ours = fitted(held)
    days = (held["day"] - held["day"].min()).dt.days.to_numpy(np.float64)
    x = ours.transform(table)[:, ours.feature_names.index("day")]
    np.testing.assert_allclose(x, StandardScaler().fit_transform(days[:, None])[:, 0], atol=1e-6)
    _, unscaled = fitted(held[["day", "age"]], "none")
    x = unscaled.transform(table)[:, 0]
    np.testing.assert_allclose(x, days - days.mean(), atol=1e-4)


@pytest.mark.parametrize("scale", ["standard", "robust", "none"])
def test_who_holds_which_row_changes_no_bit(scale):
    held = frame().drop(columns=["far", "count"])
    _, one = fitted(held, scale)
    _, other = fitted(held, scale, seed=5)
    table = frame_table(held)[0]
    alone = fit_tables({"all": table}, PreprocessingSettings(scale=scale))
    assert one.to_dict() == other.to_dict() == alone.to_dict()


@pytest.mark.parametrize("scale", ["standard", "robust"])
def test_over_json_and_in_any_order_the_same_bits(scale):
    """What a network does: questions and answers travel as text, clients answer in any order."""
    table, here = fitted(frame(), scale)
    clients = dict(list(parts(table).items())[::-1])
    stages = []

    def tell(query):
        stages.append(query.stage)
        sent = TableQuery.model_validate_json(query.model_dump_json())
        return {
            name: TableAnswer.model_validate_json(answer(own, sent).model_dump_json())
            for name, own in clients.items()
        }

    there = exchange(fit_table(PreprocessingSettings(scale=scale)), tell)
    assert there == here
    again = from_dict(json.loads(json.dumps(here.to_dict())))
    assert again == here
    np.testing.assert_array_equal(again.transform(table), here.transform(table))
    assert stages[:2] == ["columns", "totals"]
    assert len(stages) <= 2 + 7


@pytest.mark.parametrize(
    "values",
    [
        np.arange(300) * 7.5,
        np.arange(300) * 3 - 100,
        2**53 + 3 * np.arange(300),
        np.where(np.arange(300) % 9 == 0, np.nan, np.arange(300) / 7),
        np.where(np.arange(300) % 9 == 0, np.nan, np.arange(300.0)),
        pd.date_range("2020-01-01", periods=300).strftime("%Y%m%d").astype(int).to_numpy(),
    ],
)
def test_numbers_by_type_are_told_as_the_same_numbers_in_text(values):
    """A site with a CSV and one with parquet files tell the same of the same samples."""
    written = ["" if value != value else repr(value.item()) for value in values]
    typed = evidence_of(Column("a", values))
    assert typed == evidence_of(Column("a", np.array(written, dtype=object)))
    assert typed.distinct > 100


def test_a_client_without_training_samples_changes_nothing():
    table, ours = fitted(frame())
    with_nobody = {**parts(table), "nobody": table[np.zeros(0, np.int64)]}
    assert fit_tables(with_nobody, PreprocessingSettings(scale="standard")) == ours


@given(
    st.lists(
        st.floats(-1e200, 1e200) | st.floats(-1, 1) | st.integers(-(2**62), 2**62).map(float),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=200, deadline=None)
def test_exact_sums_and_quartiles_of_any_numbers(values):
    held = np.array(values)
    own = grid(held.min(), held.max(), whole=False)
    steps = own.steps(held)
    assert steps.min() == 0
    assert steps.max() <= 2**52
    assert total(steps) == sum(steps.tolist())
    assert total_of_squares(steps) == sum(v * v for v in steps.tolist())
    search = find_quartiles({"x": int(steps.max())}, {"x": len(steps)})
    try:
        asked = next(search)
        while True:
            asked = search.send({"x": [histogram(steps, one) for one in asked["x"]]})
    except StopIteration as done:
        found = done.value["x"]
    spread = held.max() - held.min()
    expected = np.quantile(held, [0.25, 0.5, 0.75])
    ours = [held.min() + own.length(one) for one in found]
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=spread * 2**-50)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_whole_numbers_of_any_size_are_counted_without_overflow(values):
    held = np.array(values, np.int64)
    own = grid(min(values), max(values), whole=True)
    expected = [(v - min(values)) >> own.exponent for v in values]
    assert own.steps(held).tolist() == expected
    mean, deviation = mean_and_deviation(
        len(values), total(own.steps(held)), total_of_squares(own.steps(held))
    )
    if own.exponent == 0:
        assert mean == sum(expected) / len(values) or abs(float(mean) - np.mean(expected)) < 1
        assert deviation == pytest.approx(float(np.std(np.array(expected, float))), rel=1e-9)


class Unreadable:
    """A cell that nobody may look at."""

    def _touched(self, *_):
        raise AssertionError("a sample that is not for training was looked at")

    __str__ = __repr__ = __hash__ = __float__ = __int__ = __eq__ = __bool__ = __len__ = _touched


def test_only_training_samples_of_training_clients_are_looked_at():
    rng = np.random.default_rng(0)
    n = 200
    held = pd.DataFrame(
        {
            "age": rng.normal(60, 9, n),
            "sort": rng.choice(["a", "b"], n),
            "day": [f"2020-01-{1 + i % 28:02d}" for i in range(n)],
            "client": np.repeat(list("abcdefghij"), 20),
            "y": rng.choice(["ill", "well"], n),
        }
    ).astype({"age": object})
    arrays = read(held).arrays()
    looked = []
    places = arrays._replace(
        x=np.arange(n), fit=lambda parts: looked.append(parts) or (lambda x: np.zeros((len(x), 1)))
    )
    federate(places, split="natural", new_clients=0.2, seed=3)
    training = np.concatenate(looked[0])
    assert len(looked[0]) == 8
    planted = Table(
        tuple(
            Column(
                c.name,
                np.array(
                    [
                        v if i in set(training.tolist()) else Unreadable()
                        for i, v in enumerate(c.values)
                    ],
                    dtype=object,
                ),
            )
            for c in arrays.x.columns
        ),
        arrays.x.places,
    )
    with pytest.raises(AssertionError, match="was looked at"):
        arrays.fit([planted])
    fits = []

    def fit(own):
        fits.append(arrays.fit(own))
        return lambda table: fits[0].transform(arrays.x)

    federation = federate(
        arrays._replace(x=planted, fit=fit), split="natural", new_clients=0.2, seed=3
    )
    whole = federate(arrays, split="natural", new_clients=0.2, seed=3)
    assert fits[0] == whole.preprocessing
    assert (federation.x == whole.x).all()
    assert whole.class_names == ("ill", "well")
    assert whole.notes == arrays.notes


# arrays ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler), ("robust", RobustScaler)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_arrays_equal_the_pooled_scaler(scale, scaler, dtype):
    x = np.random.default_rng(0).normal(50, 20, (90, 4)).astype(dtype)
    split = {"a": x[:1], "b": x[1:30], "c": x[30:]}
    ours = fit_arrays(split, scale)
    theirs = scaler().fit_transform(x.astype(np.float64))
    np.testing.assert_allclose(ours.transform(x), theirs, atol=1e-6)
    np.testing.assert_allclose(
        np.array(ours.low) + np.array(ours.offset),
        scaler().fit(x.astype(np.float64)).__dict__["mean_" if scale == "standard" else "center_"],
        rtol=1e-10,
    )
    assert from_dict(json.loads(json.dumps(ours.to_dict()))) == ours


def test_arrays_over_json_the_same_bits():
    x = np.random.default_rng(0).normal(1e6, 1, (90, 3))
    split = {"a": x[:10], "b": x[10:], "nobody": x[:0]}

    def tell(query):
        sent = ArrayQuery.model_validate_json(query.model_dump_json())
        return {
            who: ArrayAnswer.model_validate_json(answer_array(split[who], sent).model_dump_json())
            for who in ("nobody", "b", "a")
        }

    for scale in ("standard", "robust"):
        there = exchange(fit_array(scale), tell)
        assert there == fit_arrays(split, scale) == fit_arrays({"all": x}, scale)


def test_sequences_are_scaled_by_feature_over_all_steps():
    x = np.random.default_rng(0).normal([1, 100, 1e4], [1, 5, 300], (40, 7, 3))
    z = fit_arrays({"a": x[:9], "b": x[9:]}, "auto").transform(x)
    assert z.shape == x.shape
    flat = StandardScaler().fit_transform(x.reshape(-1, 3)).reshape(x.shape)
    np.testing.assert_allclose(z, flat, atol=1e-5)


@pytest.mark.parametrize(
    ("x", "highest", "words"),
    [
        (np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8), 1.0, "8 bits are divided by 255"),
        (np.arange(256, dtype=np.uint16).reshape(4, 1, 8, 8) * 257, 1.0, "divided by 65535"),
        (np.arange(256.0).reshape(4, 1, 8, 8), 1.0, "from 0 to 255: taken for eight bits"),
        (np.arange(256.0).reshape(4, 1, 8, 8) / 255, 1.0, "between 0 and 1 already"),
        (np.arange(256.0).reshape(4, 1, 8, 8) / 127.5 - 1, 1.0, "between -1 and 1 and stay"),
    ],
)
def test_pictures_reach_from_0_to_1_by_their_type_or_range(x, highest, words):
    ours = fit_arrays({"a": x[:1], "b": x[1:]}, "auto")
    z = ours.transform(x)
    assert z.dtype == np.float32
    assert z.max() == highest
    assert words in ours.sentences()[0]


def test_pictures_of_no_known_range_are_scaled_by_channel():
    x = np.random.default_rng(0).normal([[[[5.0]], [[90.0]]]], 3, (50, 2, 6, 6))
    z = fit_arrays({"a": x[:9], "b": x[9:]}, "auto").transform(x)
    np.testing.assert_allclose(z.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(z.std((0, 2, 3)), 1, atol=1e-5)


def test_whole_numbers_stay_whole_where_nothing_is_scaled():
    x = np.array([[3, 1], [2, 9]])
    z = fit_arrays({"a": x}, "none").transform(x)
    assert z.dtype == np.int64
    assert z.tolist() == x.tolist()


def test_free_text_is_learned_in_a_simulation_and_refused_over_a_network():
    words = ["warm and dry again", "cold but dry today", "wind from the north", "rain all day long"]
    held = pd.DataFrame(
        {
            "note": [f"{words[i % 4]} {words[(i // 4) % 4]} number {i % 13}" for i in range(248)],
            "age": np.arange(248.0) % 17,
        }
    )
    table, ours = fitted(held, kinds={"age": "number"})
    x = ours.transform(table)
    assert 2 < x.shape[1] <= 101
    assert any("words were learned from the texts" in said for said in ours.sentences())
    again = from_dict(json.loads(json.dumps(ours.to_dict())))
    np.testing.assert_array_equal(again.transform(table), x)

    def tell(query):
        return {name: answer(own, query) for name, own in parts(table).items()}

    with pytest.raises(InputError, match="Column 'note' holds free text"):
        exchange(fit_table(PreprocessingSettings()), tell)


def test_clients_with_other_columns_are_named():
    table, _ = fitted(frame())
    fit = fit_table(PreprocessingSettings())
    told = {
        "a": answer(table, next(fit)),
        "b": answer(table.without(["age"]), TableQuery(stage="columns")),
    }
    with pytest.raises(InputError, match="Client 'b' lacks the column 'age'"):
        fit.send(told)
