"""What a stranger's table holds that a careless reader takes for something else."""

import numpy as np
import pandas as pd
import pytest

from unalike.data import federate
from unalike.data.reading import read
from unalike.errors import InputError
from unalike.study.data_files import check_one_deal
from unalike.study.inputs import deal_study
from unalike.study.settings import make_study

ROWS = 60
RNG = np.random.default_rng(0)
QUANTITY = RNG.normal(20, 5, ROWS).round(1)
FRAME = pd.DataFrame(
    {
        "client": ["a", "b", "c"] * (ROWS // 3),
        "y": RNG.permutation(["ill", "well"] * (ROWS // 2)),
        "age": RNG.normal(60, 9, ROWS).round(1),
        "sex": RNG.choice(["f", "m"], ROWS),
    }
)


def csv(folder, frame, name="mine.csv", **writing):
    path = folder / name
    frame.to_csv(path, index=False, **writing)
    return path


def some(values, *others):
    """The values with the first ones replaced."""
    return [*others, *values[len(others) :]]


def sentences(frame, **reading):
    """What is said of a frame that is read and dealt."""
    federation = federate(read(frame, **reading).arrays(), split="natural")
    return " ".join([*federation.notes, *federation.preprocessing.sentences()])


# labels ------------------------------------------------------------------------------------------


def test_decimal_commas_of_labels_and_times_are_read(tmp_path):
    comma = [str(value).replace(".", ",") for value in QUANTITY]
    frame = FRAME.assign(y=comma, seen=[0, 1] * (ROWS // 2))
    path = csv(tmp_path, frame, sep=";")
    assert read(path).y.tolist() == pytest.approx(QUANTITY.tolist())
    survival = read(path, label="y", event="seen")
    assert survival.y[:, 0].tolist() == pytest.approx(QUANTITY.tolist())


def test_names_of_clients_keep_their_commas(tmp_path):
    frame = FRAME.assign(client=["1,5", "2,5", "3,5"] * (ROWS // 3), age=["1,5", "2,25"] * 30)
    held = read(csv(tmp_path, frame, sep=";"))
    assert set(held.client.tolist()) == {"1,5", "2,5", "3,5"}
    assert held.x.column("age").values[:2].tolist() == ["1.5", "2.25"]


NO_CLASSES = {
    "gaps among quantities": (some(QUANTITY, "NA", "NA"), "holds 'NA' for 2 of 60 samples"),
    "gaps among answers": (some([0, 1] * 30, "?"), r"holds '\?' for 1 of 60 samples"),
    "bounds among quantities": (
        some(QUANTITY, "<1"),
        "numbers in 59 of 60 samples and something else such as '<1' in 1",
    ),
    "units": ([f"{value} kg" for value in QUANTITY], " kg' in 60: leave a number alone"),
    "dates": (
        pd.date_range("2020-01-01", periods=30).strftime("%Y-%m-%d").tolist() * 2,
        "holds dates such as '2020-01-01'",
    ),
    "hardly a sample each": ([f"n{i // 2}" for i in range(ROWS)], "fewer than 3 samples each"),
}


@pytest.mark.parametrize(("labels", "words"), NO_CLASSES.values(), ids=NO_CLASSES)
def test_labels_that_are_no_classes_are_refused(tmp_path, labels, words):
    path = csv(tmp_path, FRAME.assign(y=labels))
    with pytest.raises(InputError, match=words):
        read(path)
    assert len(read(path, task="classes").class_names) == len({str(label) for label in labels})


def test_a_quantity_asked_for_names_the_text_that_is_none(tmp_path):
    path = csv(tmp_path, FRAME.assign(y=some(QUANTITY, "<1")))
    with pytest.raises(
        InputError, match=r"y holds '<1', which is no number, for sample 0 .1 of 60"
    ):
        read(path, task="regression")


def test_classes_with_units_in_them_stay_classes(tmp_path):
    """The kind: few different texts that begin with numbers are names."""
    for labels in (["5 mg", "10 mg"], ["<5", "5-10", ">10"], ["1", "2", "3+"], ["NA", "mild"]):
        path = csv(tmp_path, FRAME.assign(y=np.resize(labels, ROWS)))
        assert set(read(path).class_names) == set(labels)


# clients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [{"clients": 3}, {"alpha": 0.5}, {"split": "iid"}])
def test_clients_that_are_named_are_not_dealt_anew(wish):
    with pytest.raises(InputError, match=r"named: say how samples are dealt once.*drop = 'site'"):
        check_one_deal({"client_column": "site", **wish}, ("alpha",))
    check_one_deal({"client_column": "site", "split": "natural", "clients": 3}, ("alpha",))


def test_clients_of_the_usual_name_are_not_dealt_anew(tmp_path):
    """The kind: a column `client` that nobody has mentioned."""
    wish = {"data": str(csv(tmp_path, FRAME)), "clients": 4, "alpha": 5.0}
    with pytest.raises(InputError, match="with 4 clients beside samples whose clients are named"):
        deal_study(make_study(wish), 0)
    assert deal_study(make_study({**wish, "drop": ["client"]}), 0).clients == 4


def test_clients_can_be_renounced():
    held = read(FRAME, drop=["client"])
    assert held.client is None
    assert "client" not in held.fit([held.x]).feature_names


def test_small_clients_are_counted():
    frame = FRAME.assign(client=["one", "two", *["rest"] * (ROWS - 2)])
    with pytest.raises(InputError, match=r"2 of 3 clients are.*lower min_size \(--min-size\)"):
        federate(read(frame).arrays(), split="natural")


# columns -----------------------------------------------------------------------------------------

IDS = {
    "different": ("Patientennummer", RNG.permutation(ROWS) + 1000, "tell samples apart"),
    "named by nothing": ("a", RNG.permutation(ROWS) + 1000, "fill a range"),
    "repeated": (
        "patient_id",
        RNG.permutation(np.repeat(np.arange(20), 3)),
        "tell people or things apart",
    ),
    "or counted": (
        "customer_number",
        RNG.permutation(np.repeat(np.arange(20), 3)),
        "can stand in training and in test without --subject-column customer_number",
    ),
    "repeated text": (
        "SubjectID",
        [f"P{i // 3}" for i in range(ROWS)],
        "tell people or things apart",
    ),
}


@pytest.mark.parametrize(("name", "values", "words"), IDS.values(), ids=IDS)
def test_identifiers_are_left_out_and_said(name, values, words):
    frame = FRAME.assign(**{name: values})
    said = sentences(frame)
    assert f"Column {name!r} is left out" in said
    assert words in said
    kept = read(frame, kinds={name: "category"})
    assert any(name in feature for feature in kept.fit([kept.x]).feature_names)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ward_id", np.arange(ROWS) % 5),
        ("body_mass_index", RNG.integers(18, 40, ROWS)),
        ("score", RNG.integers(0, 10_000, ROWS)),
        ("ages", RNG.integers(20, 80, ROWS)),
    ],
)
def test_what_is_no_identifier_stays(name, values):
    assert f"Column {name!r} is left out" not in sentences(FRAME.assign(**{name: values}))


@pytest.mark.parametrize("low", [1.0, -3.0])
def test_a_client_in_another_unit_is_named(low):
    """The kind: far from all others, or of positive numbers as many times as large."""
    values = low + RNG.random(ROWS) * 4
    values[FRAME.client == "b"] *= 40
    values[FRAME.client == "b"] += 400 * (low < 0)
    said = sentences(FRAME.assign(test=values))
    assert "Column 'test' runs from" in said
    assert "at 'b', but" in said
    assert "check its unit" not in sentences(FRAME)


def test_numbers_far_outside_of_training_are_said():
    fitted = (held := read(FRAME)).fit([held.x])
    assert fitted.range_sentences(held.x) == []
    other = read(FRAME.assign(age=FRAME.age * 38.67))
    (sentence,) = fitted.range_sentences(other.x)
    assert "Column 'age' runs from" in sentence
    assert "(60 of 60 cells lie far outside)" in sentence


def test_copies_and_a_column_that_is_the_label_are_said():
    plain = " ".join(read(FRAME).notes)
    assert "rows equal" not in plain
    assert "says y itself" not in plain
    whole = pd.concat([FRAME, FRAME], ignore_index=True)
    copies = f"{whole.duplicated().sum()} of 120 rows equal an earlier one"
    assert copies in " ".join(read(whole).notes)
    leak = FRAME.assign(code=FRAME.y.map({"ill": 3, "well": 1}))
    assert "Column 'code' says y itself" in " ".join(read(leak).notes)
    same = FRAME.assign(y=QUANTITY, code=QUANTITY)
    assert "Column 'code' says y itself" in " ".join(read(same).notes)


# one part for each client ------------------------------------------------------------------------

PARTS = {name: part.drop(columns="client") for name, part in FRAME.groupby("client")}


def same_as_one_table(held):
    order = np.argsort(FRAME.client.to_numpy(), kind="stable")
    assert held.client.tolist() == FRAME.client.to_numpy()[order].tolist()
    assert (
        held.x.column("age").values.astype(float).tolist() == FRAME.age.to_numpy()[order].tolist()
    )
    assert np.array(held.class_names)[held.y].tolist() == FRAME.y.to_numpy()[order].tolist()


def test_one_table_for_each_client(tmp_path):
    for name, part in PARTS.items():
        csv(tmp_path, part[part.columns[:: -1 if name == "b" else 1]], f"{name}.csv")
    same_as_one_table(read(tmp_path))
    same_as_one_table(read(PARTS))
    same_as_one_table(read({name: (p.drop(columns="y"), p.y) for name, p in PARTS.items()}))
    with pytest.raises(InputError, match=r"pattern: give the folder"):
        read(tmp_path / "*.csv")


def test_a_column_that_one_client_lacks_is_named():
    lacking = {**PARTS, "b": PARTS["b"].drop(columns="sex")}
    with pytest.raises(InputError, match=r"'b' of 3 clients has no column 'sex'.*drop='sex'"):
        read(lacking)
    held = read(lacking, drop=["sex"])
    assert held.fit([held.x]).feature_names == ("age",)
    with pytest.raises(InputError, match="'b' alone of 3 clients has the column 'extra'"):
        read({**PARTS, "b": PARTS["b"].assign(extra=1.5)})


def test_pairs_of_arrays_of_different_lengths():
    x, y = RNG.normal(size=(30, 3)), np.arange(30) % 2
    held = read([(x, y), (x[:20], y[:20])])
    assert held.client.tolist() == ["0"] * 30 + ["1"] * 20
    assert held.x.tolist() == np.concatenate([x, x[:20]]).tolist()
    assert read({"n": (x, y), "s": (x, y)}).client.tolist() == ["n"] * 30 + ["s"] * 30
    with pytest.raises(InputError, match="Client 's' has 30 samples in x and 20 labels"):
        read({"n": (x, y), "s": (x, y[:20])})
    with pytest.raises(InputError, match="'s' have the shape"):
        read({"n": (x, y), "s": (x[:, :2], y)})


def test_a_spreadsheet_is_to_be_saved_as_text(tmp_path):
    (tmp_path / "mine.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"mine\.xlsx is a spreadsheet: save its sheet as CSV"):
        read(tmp_path / "mine.xlsx")


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("2024-01-12T08:00:00", "from 2023-11-14 to 2024-01-12"),
        ("2023-11-14T08:59:00", "from 2023-11-14T08:00:00 to 2023-11-14T08:59:00"),
    ],
    ids=["days", "one day"],
)
def test_dates_within_one_day_are_told_as_moments(last, told):
    taken = np.repeat(["2023-11-14T08:00:00", "2023-11-14T08:30:00", last], ROWS // 3)
    said = sentences(FRAME.assign(taken=taken))
    assert f"Column 'taken' is a date (year, month and day), {told}: it becomes" in said
