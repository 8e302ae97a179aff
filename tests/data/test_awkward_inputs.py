"""What people really bring: each awkward input with its right outcome and the kind it stands for.

An outcome is what is read (values, names, shape), a sentence that is said, or one that refuses.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pytest
import torch
import zstandard
from PIL import Image

from unalike.data.federation import federate
from unalike.data.reading import read
from unalike.errors import InputError

ROWS = 24
CLIENTS = ["north", "south", "west"] * (ROWS // 3)
CLASSES = ["well", "ill"] * (ROWS // 2)


def csv_text(separator=",", clients=CLIENTS, classes=CLASSES, **columns):
    """A table as text: client, y and the given columns, 24 rows."""
    columns = {
        "client": clients,
        "y": classes,
        **(columns or {"a": [f"{i}.5" for i in range(ROWS)]}),
    }
    lines = [separator.join(columns)]
    lines += [separator.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"


def text_file(folder: Path, text: str, name="mine.csv", encoding="utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def csv(folder: Path, **columns) -> Path:
    return text_file(folder, csv_text(**columns))


def every(*values):
    """These values, over and over, one a row."""
    return [values[i % len(values)] for i in range(ROWS)]


def prepared(held):
    """The preprocessing that all samples together teach."""
    return held.fit([held.x])


def becomes(path, name, **wishes):
    """The kind of a column, and its reason and fate as one text."""
    row = next(r for r in prepared(read(path, **wishes)).columns() if r.column == name)
    return row.kind, " | ".join(row)


def said(held):
    return " ".join([*held.notes, *prepared(held).sentences()])


# files: how the text is written ------------------------------------------------------------------

WRITTEN = {
    # the kind: extensions in any case
    "upper case": ("MINE.CSV", lambda t: t.encode()),
    # the kind: packed text
    "gzip": ("mine.csv.gz", lambda t: gzip.compress(t.encode())),
    "zstandard": ("mine.csv.zst", lambda t: zstandard.compress(t.encode())),
    "zstandard, upper case": ("MINE.CSV.ZST", lambda t: zstandard.compress(t.encode())),
    "bzip2": ("mine.csv.bz2", lambda t: bz2.compress(t.encode())),
    "xz": ("mine.csv.xz", lambda t: lzma.compress(t.encode())),
    # the kind: what spreadsheets save
    "byte order mark": ("mine.csv", lambda t: t.encode("utf-8-sig")),
    "UTF-16": ("mine.csv", lambda t: t.encode("utf-16")),
    "carriage returns": ("mine.csv", lambda t: t.replace("\n", "\r\n").encode()),
    "old carriage returns": ("mine.csv", lambda t: t.replace("\n", "\r").encode()),
    "no newline at the end": ("mine.csv", lambda t: t.rstrip("\n").encode()),
    "blank lines": ("mine.csv", lambda t: t.replace("\n", "\n\n").encode()),
    "everything in quotes": (
        "mine.csv",
        lambda t: "\n".join(
            ",".join(f'"{c}"' for c in line.split(",")) for line in t.split("\n") if line
        ).encode(),
    ),
    # the kind: other separators
    "tabs": ("mine.tsv", lambda t: t.replace(",", "\t").encode()),
    "tabs, packed": ("mine.tsv.gz", lambda t: gzip.compress(t.replace(",", "\t").encode())),
    "tabs in a .csv": ("mine.csv", lambda t: t.replace(",", "\t").encode()),
    "semicolons": ("mine.csv", lambda t: t.replace(",", ";").encode()),
    "bars": ("mine.csv", lambda t: t.replace(",", "|").encode()),
    "a line that says sep=": ("mine.csv", lambda t: ("sep=;\r\n" + t.replace(",", ";")).encode()),
    "decimal commas": (
        "mine.csv",
        lambda t: t.replace(",", ";").replace(".5", ",5").encode(),
    ),
    # the kind: names of columns with blanks around them
    "blanks around names": (
        "mine.csv",
        lambda t: t.replace("client,y,a", " client , y , a").encode(),
    ),
    # the kind: a column without name and values, from separators at the end of each line
    "separators at the end": ("mine.csv", lambda t: t.replace("\n", ",,\n").encode()),
}


@pytest.mark.parametrize(("name", "write"), WRITTEN.values(), ids=WRITTEN)
def test_one_table_in_many_writings(tmp_path, name, write):
    path = tmp_path / name
    path.write_bytes(write(csv_text()))
    held = read(path)
    assert held.client.tolist() == CLIENTS
    assert held.class_names == ("ill", "well")
    assert held.y.tolist() == [1, 0] * 12
    assert held.x.names == ("a",)
    assert held.x.column("a").values.tolist() == [f"{i}.5" for i in range(ROWS)]


def test_latin_1_names_are_read_and_said(tmp_path):
    """The kind: text that is not UTF-8."""
    path = text_file(
        tmp_path, csv_text(clients=every("Würzburg", "Orléans", "Ávila")), encoding="latin-1"
    )
    held = read(path)
    assert set(held.client.tolist()) == {"Würzburg", "Orléans", "Ávila"}
    assert "not written in UTF-8" in " ".join(held.notes)


REFUSED_FILES = {
    # the kind: no names above the columns
    "no header": ("\n".join("1.5,2.5,3" for _ in range(9)), {}, "not the names of the columns"),
    # the kind: rows of unequal length
    "a long row": (
        csv_text().replace("south,ill,1.5", "south,ill,1,5"),
        {},
        "Line 3 of .* 4 cells",
    ),
    "a short row": (csv_text().replace("south,ill,1.5", "south,ill"), {}, "Line 3 of .* 2 cells"),
    "rows longer than the names": (
        csv_text().replace("\n", ",7\n").replace("a,7", "a"),
        {},
        "Line 2 of .* 4 cells, but the row of names has 3",
    ),
    # the kind: two columns of one name
    "two columns of one name": (
        csv_text(a=range(ROWS), b=CLASSES).replace(",b", ",a"),
        {},
        "two columns",
    ),
    # the kind: nothing there
    "empty file": ("", {}, "is empty"),
    "names alone": ("client,y,a\n", {}, "holds no rows"),
    "one column alone": ("a\n1\n2\n", {}, "one column alone"),
    # the kind: a column that is not there, the nearest one is named
    "wrong name": (csv_text(), {"client": "clients"}, "no column 'clients'.*mean 'client'"),
    "no label": (
        csv_text().replace("client,y", "client,z"),
        {},
        "label=.*Columns are: client, z, a",
    ),
    # the kind: identity that is not there
    "a client without name": (
        csv_text(clients=[*CLIENTS[:-1], ""]),
        {},
        "names nothing for 1 of 24",
    ),
    "a class without name": (csv_text(classes=[" ", *CLASSES[1:]]), {}, "first for sample 0"),
    # the kind: nothing to learn
    "one class": (
        csv_text(classes=every("ill")),
        {},
        "All 24 samples are of one class in y, 'ill'",
    ),
    "a class for each": (csv_text(classes=[f"c{i}" for i in range(ROWS)]), {}, "class of its own"),
    "no feature": ("client,y\n" + "a,b\nc,d\na,d\n", {}, "No feature is left"),
    # the kind: a quantity in place of classes
    "decimals as classes": (
        csv_text(classes=every(1.5, 2.5)),
        {"task": "classes"},
        "holds 1.5, which is no class",
    ),
    "many whole numbers": (
        csv_text(classes=[i // 2 for i in range(24)]),
        {},
        "which may be classes, counts or quantities",
    ),
    # the kind: a comma that may be decimal or part thousands
    "1,234": (csv_text(";", a=every("1,234", "2,345")), {}, 'decimal="," or decimal="."'),
    # the kind: a wish that fits nothing
    "an unknown kind": (csv_text(), {"kinds": {"a": "numeric"}}, "did you mean 'number'"),
    "an unknown column": (csv_text(), {"drop": ["b"]}, "Unknown column 'b'"),
    "an unknown scale": (csv_text(), {"scale": "minmax"}, "Unknown scale"),
}


@pytest.mark.parametrize(("text", "wishes", "words"), REFUSED_FILES.values(), ids=REFUSED_FILES)
def test_refused_in_one_sentence(tmp_path, text, wishes, words):
    path = text_file(tmp_path, text)
    with pytest.raises(InputError, match=words) as error:
        prepared(read(path, **wishes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.csv.gz", b"no gzip"),
        ("mine.csv.zst", b"no zstd"),
        ("mine.parquet", b"no parquet"),
        ("mine.feather", b"no feather"),
        ("mine.arrow", b"no arrow"),
        ("mine.npz", b"no npz"),
        ("mine.csv", b"\x89PNG\0\0\0\xff\xfe"),
        ("mine.xlsx", b"PK"),
    ],
)
def test_damaged_and_unknown_files(tmp_path, name, content):
    """The kind: files that are not what their name says."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read(tmp_path / name)


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow", ".ARROW", ".PARQUET"])
def test_files_that_keep_types(tmp_path, suffix):
    """The kind: whole numbers with gaps stay whole, ids keep every digit, dates are dates."""
    frame = pd.DataFrame(
        {
            "client": pd.array([2**60 + 1, 2**60 + 2, 7] * 8, dtype="Int64"),
            "y": CLASSES,
            "count": pd.array([1, None, 2**60 + 1] * 8, dtype="Int64"),
            "day": pd.to_datetime(["2020-01-01", "2021-06-30", "2022-01-01"] * 8),
        }
    )
    path = tmp_path / f"mine{suffix}"
    table = pa.Table.from_pandas(frame)
    if suffix.lower() == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".feather":
        pyarrow.feather.write_feather(table, path)
    else:
        options = pa.ipc.new_file if suffix == ".arrow" else pa.ipc.new_stream
        with pa.OSFile(str(path), "wb") as file, options(file, table.schema) as writer:
            writer.write_table(table)
    held = read(path)
    assert set(held.client.tolist()) == {"7", str(2**60 + 1), str(2**60 + 2)}
    assert held.x.column("count").values[2] == 2**60 + 1
    assert held.x.column("count").gaps.sum() == 8
    kinds = {row.column: row.kind for row in prepared(held).columns()}
    assert kinds == {"count": "number", "day": "date"}


# identity ----------------------------------------------------------------------------------------

IDENTITY = {
    # the kind: names that look like numbers
    "leading zeros": (["007", "07", "7"], ["007", "07", "7"]),
    "zeros after the point": (["1.0", "1", "1.00"], ["1", "1.0", "1.00"]),
    "exponents": (["1e5", "100000", "1E5"], ["100000", "1E5", "1e5"]),
    "long numbers": (
        ["9007199254740993", "9007199254740992", "1"],
        ["1", "9007199254740992", "9007199254740993"],
    ),
    # the kind: names that look like nothing
    "NA and None": (["NA", "None", "null"], ["NA", "None", "null"]),
    "nan and n/a": (["nan", "n/a", "-"], ["-", "n/a", "nan"]),
    # the kind: names that look like something else
    "true and false": (["True", "False", "true"], ["False", "True", "true"]),
    "dates": (["2020-01-01", "01.01.2020", "x"], ["01.01.2020", "2020-01-01", "x"]),
    # the kind: names with everything in them
    "commas and quotes": (['"a, b"', '"say ""x"""', "c"], ["a, b", "c", 'say "x"']),
    "blanks": ([" a", "a", "a "], [" a", "a", "a "]),
    "newline": (['"a\nb"', "a", "b"], ["a", "a\nb", "b"]),
}


@pytest.mark.parametrize(("written", "names"), IDENTITY.values(), ids=IDENTITY)
@pytest.mark.parametrize("role", ["client", "group"])
def test_identity_is_text(tmp_path, written, names, role):
    path = text_file(tmp_path, csv_text(clients=every(*written)))
    held = read(path, **{role: "client"})
    found = held.client if role == "client" else np.array(held.group_names)[held.group]
    assert sorted(set(found.tolist())) == names
    assert found.tolist() == every(*(found[:3].tolist()))


@pytest.mark.parametrize(
    ("classes", "order"),
    [
        (["10", "2", "1"], ("1", "2", "10")),  # the kind: numbers in the order of their values
        (["-1", "1", "0"], ("-1", "0", "1")),
        (["grade 10", "grade 9", "grade 1"], ("grade 1", "grade 9", "grade 10")),
        (["b", "B", "a"], ("a", "B", "b")),
        (["007", "07", "8"], ("007", "07", "8")),
        (["NA", "None", "x"], ("NA", "None", "x")),
    ],
)
def test_classes_stand_in_natural_order(tmp_path, classes, order):
    held = read(csv(tmp_path, classes=every(*classes)))
    assert held.class_names == order
    assert [held.class_names[i] for i in held.y] == every(*classes)


def test_several_columns_of_one_table_are_the_labels(tmp_path):
    """The kind: one-hot rows and rows of labels, of which no column may stay a feature."""
    rows = [
        "a,b,c,u,client",
        *(f"{i % 3 == 0:d},{i % 3 == 1:d},{i % 3 == 2:d},{i},w" for i in range(24)),
    ]
    path = text_file(tmp_path, "\n".join(rows))
    frame = pd.read_csv(path)
    for held in (read(path, label="a,b,c"), read(frame, label=frame[["a", "b", "c"]])):
        assert held.task.name == "classes"
        assert held.y.tolist() == [i % 3 for i in range(24)]
        assert held.x.names == ("u",)
    assert read(path, label="a,b").task.name == "labels"
    with pytest.raises(InputError, match="no column 'a,b,d'"):
        read(path, label="a,b,d")


def test_names_that_differ_in_blanks_alone_are_said(tmp_path):
    """The kind: probably one client, but nobody may decide that in silence."""
    held = read(csv(tmp_path, clients=every("north", "north ", "south")))
    assert len(set(held.client.tolist())) == 3
    assert "count as two" in " ".join(held.notes)


def test_whole_floats_name_what_their_digits_say():
    """The kind: pandas made 1.0 of 1, because of gaps that were filled since."""
    frame = pd.DataFrame({"client": [1.0, 2.0] * 12, "y": [0.0, 1.0] * 12, "a": range(24)})
    held = read(frame, kinds={"a": "number"})
    assert set(held.client.tolist()) == {"1", "2"}
    assert held.class_names == ("0", "1")
    with pytest.raises(InputError, match=r"holds 0\.5, which is no name"):
        read(frame.assign(client=[0.5, 1.0] * 12))


# columns -----------------------------------------------------------------------------------------

COLUMNS = {
    # the kind: numbers, with what stands for a missing one
    "marks among numbers": (
        every("1.5", "NA", "2", "?", "-", "null", "nan", "7"),
        "number",
        "indicator",
    ),
    "signs and exponents": (every("+1", "-2.5e3", ".5", "5."), "number", ""),
    "thousands": (every('"1,234.5"', '"12,345.0"', '"7.25"'), "number", ""),
    "a number of many digits": (every("0.1234567890123456789", "2"), "number", ""),
    # the kind: codes that look like numbers
    "leading zeros": (every("0101", "0202", "0303"), "category", "leading zeros"),
    # the kind: yes and no, in several languages
    "yes and no": (every("yes", "no"), "yes/no", ""),
    "0 and 1": (every("0", "1", "1"), "yes/no", ""),
    "True and false": (every("True", "False", ""), "yes/no", "indicator"),
    "ja and nein": (every("ja", "nein", "NA"), "yes/no", "indicator"),
    # the kind: categories
    "two texts": (every("f", "m"), "category", "2 columns"),
    "names of marks": (every("None", "mild", "severe"), "category", "3 columns"),
    "empty categories": (every("a", "b", ""), "category", "empty ones apart"),
    # the kind: dates
    "ISO dates": (every("2020-01-31", "2021-02-28"), "date", "2020-01-31 to 2021-02-28"),
    "dates with times": (every("2020-01-31 23:59:59", "2021-02-28T01:02:03Z"), "date", ""),
    "times with an offset": (
        every("2020-01-01T00:30+02:00", "2020-01-02T00:00Z"),
        "date",
        "2019-12-31",
    ),
    "German dates": (every("31.12.2019", "1.2.2020"), "date", "day comes first"),
    "day first by one value": (
        every("03/04/2020", "30/04/2020"),
        "date",
        "day comes first",
    ),
    "month first by one value": (every("04/03/2020", "04/30/2020"), "date", "month comes first"),
    "eight digits": (every("20200131", "20210228"), "date", "2020-01-31"),
    "missing dates": (every("2020-01-31", "2021-02-28", "NA"), "date", "indicator"),
    "seconds since 1970": ([1_600_000_000 + 86_400 * i for i in range(ROWS)], "number", ""),
    "milliseconds since 1970": (
        [1_600_000_000_000 + i for i in range(ROWS)],
        "date",
        "milliseconds",
    ),
    "microseconds since 1970": (
        [1_600_000_000_000_000 + i for i in range(ROWS)],
        "date",
        "microseconds",
    ),
    "nanoseconds since 1970": (
        [1_600_000_000_000_000_000 + i for i in range(ROWS)],
        "date",
        "nanoseconds",
    ),
    "years": (every("1999", "2020", "1987"), "number", ""),
    # the kind: what tells samples apart
    "all different texts": ([f"p{i}x" for i in range(ROWS)], "identifier", "left out"),
    "a counter": (range(ROWS), "identifier", "row index"),
    "a counter from 1": (range(1, ROWS + 1), "identifier", "row index"),
    # the kind: columns that say nothing
    "one value": (every("same"), "category", "left out"),
    "nothing": (every(""), "category", "holds nothing"),
    "marks alone": (every("NA", "?"), "category", "holds nothing"),
}


@pytest.mark.parametrize(("values", "kind", "words"), COLUMNS.values(), ids=COLUMNS)
def test_the_kind_of_a_column(tmp_path, values, kind, words):
    path = csv(tmp_path, b=every("1.5", "2.5", "0.5"), a=list(values))
    found, text = becomes(path, "a")
    assert found == kind
    assert words in text


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("patient_id", [97 * i % 1009 for i in range(ROWS)], "identifier"),
        ("Unnamed: 0", range(ROWS), "identifier"),
        ("", range(ROWS), "identifier"),  # what to_csv writes without index=False
        ("patientID", [f"p{i}" for i in range(ROWS)], "identifier"),
        ("paid", [97 * i % 1009 for i in range(ROWS)], "number"),  # ends in "id", is none
        ("year", range(1990, 1990 + ROWS), "number"),  # rises, but is a time
        ("day", range(ROWS), "number"),
        ("taken_at", [1_600_000_000 + 7 * i for i in range(ROWS)], "date"),
        ("phone", [1_600_000_000 + 7 * i for i in range(ROWS)], "number"),
    ],
)
def test_the_name_of_a_column_counts(tmp_path, name, values, kind):
    path = text_file(tmp_path, csv_text(**{name: list(values), "b": every("1.5", "2.5", "0.5")}))
    assert becomes(path, name or "Unnamed: 2")[0] == kind


REFUSED_COLUMNS = {
    # the kind: nearly numbers
    "a few words": ([*range(3, 25), "low", "high"], "such as 'high' in 2: say a=number"),
    "bounds": (every("<5", "7", "9"), "numbers with something beside them, such as '<5'"),
    "units": (every("5 mg", "7 mg"), "numbers with something beside them"),
    "percent": (every("5%", "7%"), "numbers with something beside them"),
    "currency": (every("€5", "€7"), "numbers with something beside them"),
    # the kind: dates in two readings
    "3/4": (every("03/04/2020", "05/06/2020"), "say a=date-dmy if the day comes first"),
    # the kind: numbers that no float holds
    "too large": (every("1e999", "2"), "infinite or too large numbers in 12 of 24"),
    "infinity": (every("inf", "2", "3"), "infinite or too large numbers in 8 of 24"),
    "a spread beyond all numbers": (every("1.7e308", "-1.7e308", "3"), "too far for any scale"),
    "20 digits": (every("12345678901234567891", "12345678901234567892"), "would lose digits"),
}


@pytest.mark.parametrize(("values", "words"), REFUSED_COLUMNS.values(), ids=REFUSED_COLUMNS)
def test_columns_in_two_readings(tmp_path, values, words):
    path = csv(tmp_path, b=every("1.5", "2.5", "0.5"), a=list(values))
    with pytest.raises(InputError, match=words):
        prepared(read(path))


@pytest.mark.parametrize(
    ("values", "wish", "kind", "words"),
    [
        ([*range(3, 25), "low", "high"], "number", "number", "2 of 24"),
        (every("<5", "7", "9"), "category", "category", "3 columns"),
        (every("03/04/2020", "05/06/2020"), "date-mdy", "date", "2020-03-04 to 2020-05-06"),
        (every("03/04/2020", "05/06/2020"), "date-dmy", "date", "2020-04-03 to 2020-06-05"),
        (every(1, 2, 3), "category", "category", "3 columns"),
        (range(ROWS), "number", "number", "over standard deviation"),
        (every("f", "m"), "identifier", "identifier", "left out"),
    ],
)
def test_what_somebody_says_about_a_column_holds(tmp_path, values, wish, kind, words):
    path = csv(tmp_path, b=every("1.5", "2.5", "0.5"), a=list(values))
    found, text = becomes(path, "a", kinds={"a": wish})
    assert found == kind
    assert words in text
    assert "you said so" in text


def test_neighbouring_timestamps_stay_apart(tmp_path):
    """The kind: whole numbers beyond 2^24, of which single precision alone makes one."""
    held = read(
        csv(tmp_path, b=every("1.5", "2.5"), a=[1_700_000_000_000 + i for i in range(ROWS)])
    )
    ours = prepared(held)
    x = ours.transform(held.x)[:, ours.feature_names.index("a")]
    assert len(set(x.tolist())) == ROWS
    assert (np.diff(x) > 0).all()


def test_digits_that_must_be_lost_are_said_or_refused(tmp_path):
    """The kind: a range beyond single precision, scaled or not."""
    rng = np.random.default_rng(0)
    path = csv(tmp_path, b=every("1.5", "2.5"), a=rng.integers(0, 2**40, ROWS).tolist())
    assert "become equal in single precision" in said(read(path))
    with pytest.raises(InputError, match="single precision cannot tell apart"):
        prepared(read(path, scale="none"))


def test_a_text_where_training_had_numbers_is_refused(tmp_path):
    """The kind: a cell that no training sample prepared for."""
    path = csv(tmp_path, a=[*(f"{i}.5" for i in range(ROWS - 1)), "unknown"])
    held = read(path)
    fitted = held.fit([held.x[np.arange(ROWS - 1)]])
    with pytest.raises(InputError, match="'a' holds 'unknown', while it is a number column"):
        fitted.transform(held.x)


# Python ------------------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(ROWS, 3))
FRAME = pd.DataFrame({"client": CLIENTS, "y": CLASSES, "age": X[:, 0], "sex": every("f", "m")})


class Interchanged:
    """A data frame of a library that speaks the interchange protocol alone."""

    def __init__(self, frame):
        self._frame = frame
        self.columns = frame.columns

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        return self._frame.__dataframe__(nan_as_null, allow_copy)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME,
        FRAME.astype({"sex": "category", "client": "category"}),
        FRAME.convert_dtypes(),
        FRAME.convert_dtypes(dtype_backend="pyarrow"),
        FRAME.astype({"age": object}),
        FRAME.set_index("client"),
        FRAME.sample(frac=1, random_state=0).sort_index(),
        pl.from_pandas(FRAME),
        pl.from_pandas(FRAME).lazy(),
        pa.Table.from_pandas(FRAME),
    ],
    ids=[
        "pandas",
        "categories",
        "nullable",
        "arrow types",
        "objects",
        "client as index",
        "index of integers",
        "polars",
        "polars, lazy",
        "arrow",
    ],
)
def test_one_table_from_many_libraries(frame):
    held = read(frame, client="client")
    assert held.client.tolist() == CLIENTS
    assert held.class_names == ("ill", "well")
    ours = prepared(held)
    assert ours.feature_names == ("age", "sex=f", "sex=m")
    expected = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    np.testing.assert_allclose(ours.transform(held.x)[:, 0], expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_interchange_protocol():
    """The kind: data frames of libraries that nobody here has heard of."""
    held = read(Interchanged(FRAME))
    assert held.client.tolist() == CLIENTS
    assert held.x.names == ("age", "sex")


OBJECTS = {
    # the kind: what only Python can hold in a cell
    "decimals": (every(Decimal("1.50"), Decimal("2.25"), None), "number"),
    "days": (every(date(2020, 1, 31), date(2021, 2, 28)), "date"),
    "months": (pd.period_range("2020-01", periods=ROWS, freq="M"), "date"),
    "times in a zone": (pd.date_range("2020", periods=ROWS, tz="Europe/Berlin"), "date"),
    "durations": (pd.to_timedelta(every(1, 7, 30), "h"), "number"),
    "truth with gaps": (every(True, False, None), "yes/no"),
    "numbers with gaps": (pd.array(every(1, 2, None), dtype="Int64"), "number"),
    "intervals": (pd.cut(np.arange(ROWS), 3), "category"),
    "bytes": (every(b"a", b"b"), "category"),
}


@pytest.mark.parametrize(("values", "kind"), OBJECTS.values(), ids=OBJECTS)
def test_the_kind_of_a_column_of_objects(values, kind):
    held = read(FRAME.assign(a=values))
    ours = prepared(held)
    assert {row.column: row.kind for row in ours.columns()}["a"] == kind
    assert np.isfinite(ours.transform(held.x)).all()
    assert not any("equal in single precision" in said for said in ours.sentences())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[1, 2]] * ROWS, "holds lists or other objects"),
        ([{"k": 1}] * ROWS, "holds lists or other objects"),
        (np.ones(ROWS) * 1j, "complex numbers"),
        (every(1, "x", 2.5), "numbers in 16 training samples and something else such as 'x' in 8"),
        (every(np.inf, 1.0, 2.0), "infinite or too large"),
    ],
)
def test_columns_of_objects_refused_in_one_sentence(values, words):
    with pytest.raises(InputError, match=words):
        prepared(read(FRAME.assign(a=values)))


def test_a_column_that_names_the_client_is_said():
    """The kind: a feature from which a model learns who holds a sample."""
    held = read(FRAME.assign(scanner=every("p", "q", "r")))
    parts = [held.x[np.flatnonzero(held.client == name)] for name in ("north", "south", "west")]
    assert "Column 'scanner' has one value within each client" in " ".join(
        held.fit(parts).sentences()
    )


def test_a_series_in_another_order_is_brought_into_this_one():
    """The kind: a misaligned index with the same labels."""
    shuffled = FRAME.sample(frac=1, random_state=1)
    held = read(FRAME[["age"]], label=shuffled["y"], client=shuffled["client"])
    assert held.client.tolist() == CLIENTS
    assert [held.class_names[i] for i in held.y] == CLASSES
    assert "put in order by their index" in " ".join(held.notes)


def test_a_series_of_other_labels_is_refused():
    """The kind: a misaligned index that nothing can mend."""
    other = FRAME["y"].set_axis(range(100, 100 + ROWS))
    with pytest.raises(InputError, match="nothing says which rows belong together"):
        read(FRAME[["age"]], label=other)


ARRAYS = {
    "array": (X, np.array(CLASSES)),
    "tensor": (torch.tensor(X), CLASSES),
    "half precision": (torch.tensor(X).bfloat16(), CLASSES),
    "tensor that needs a gradient": (torch.tensor(X, requires_grad=True), CLASSES),
    "lists": (X.tolist(), CLASSES),
    "list of tensors": (list(torch.tensor(X)), CLASSES),
    "column of classes": (X, np.array(CLASSES)[:, None]),
    "objects": (X.astype(object), np.array(CLASSES, dtype=object)),
    "torch data set": (
        torch.utils.data.TensorDataset(torch.tensor(X), torch.arange(ROWS) % 2),
        None,
    ),
}


@pytest.mark.parametrize(("x", "y"), ARRAYS.values(), ids=ARRAYS)
def test_one_array_in_many_forms(x, y):
    held = read(x, label=y, client=CLIENTS)
    assert held.x.shape == (ROWS, 3)
    assert np.abs(held.x - X).max() < 0.02
    assert len(held.class_names) == 2
    assert held.client.tolist() == CLIENTS


REFUSED_ARRAYS = {
    "one value": (3.0, CLASSES, "not a single value"),
    "nothing": (np.zeros((0, 3)), [], "x is empty"),
    "no numbers in a sample": (np.zeros((ROWS, 0)), CLASSES, "hold no numbers"),
    "samples of two lengths": ([[1, 2], [3]], ["a", "b"], "different shapes"),
    "tensors of two lengths": ([torch.zeros(2), torch.zeros(3)], ["a", "b"], "different shapes"),
    "text": (np.array([["a", "b"]] * ROWS), CLASSES, "give a data frame"),
    "fewer labels": (X, CLASSES[:-1], "must hold one value a sample: 24, not 23|same length"),
    "a column name": (X, "y", "no column 'y': give the values themselves"),
    "no labels": (X, None, "with label="),
    "twos among zeros and ones": (
        X,
        np.eye(3)[[0, 1, 2] * 8] * 2,
        "rows of 3 whole numbers, which may be",
    ),
    "labels of three dimensions": (X, np.zeros((ROWS, 2, 2)), r"must hold one value|\[n, labels\]"),
    "not a number": (
        np.where(X.max() == X, np.nan, X),
        CLASSES,
        "NaN or infinite values in 1 of 24",
    ),
    "infinite": (np.where(X.max() == X, np.inf, X), CLASSES, "NaN or infinite values in 1 of 24"),
    "data loader": (
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X))),
        None,
        "give its .dataset",
    ),
    "samples that are no pairs": (torch.utils.data.TensorDataset(torch.tensor(X)), None, "no pair"),
}


@pytest.mark.parametrize(("x", "y", "words"), REFUSED_ARRAYS.values(), ids=REFUSED_ARRAYS)
def test_arrays_refused_in_one_sentence(x, y, words):
    with pytest.raises(InputError, match=words):
        prepared(read(x, label=y))


@pytest.mark.parametrize("dtype", [int, float, bool])
def test_one_hot_rows_are_classes(dtype):
    """The kind: classes as rows of zeros with a single one."""
    held = read(X, label=np.eye(4, dtype=dtype)[np.arange(ROWS) % 4])
    assert held.y.tolist() == [i % 4 for i in range(ROWS)]
    assert held.class_names == ("0", "1", "2", "3")
    assert "one-hot" in " ".join(held.notes)


def test_many_labels_stay_many():
    many = (np.arange(ROWS * 3).reshape(ROWS, 3) % 2).astype(int)
    many[0] = 1
    held = read(X, label=many)
    assert held.y.dtype == np.float32
    np.testing.assert_array_equal(held.y, many)


def test_class_names_of_a_torch_data_set():
    class Named(torch.utils.data.Dataset):
        classes = ("well", "ill")

        def __len__(self):
            return ROWS

        def __getitem__(self, i):
            return Image.fromarray(np.full((6, 5), i, np.uint8)), i % 2

    held = read(Named(), client=CLIENTS)
    assert held.x.shape == (ROWS, 1, 6, 5)
    assert [held.class_names[i] for i in held.y] == CLASSES


def test_hugging_face_tables_and_pictures(tmp_path):
    datasets = pytest.importorskip("datasets")
    labels = datasets.ClassLabel(names=["well", "ill"])
    columns = {"client": CLIENTS, "label": [i % 2 for i in range(ROWS)], "age": X[:, 0].tolist()}
    features = {
        "client": datasets.Value("string"),
        "label": labels,
        "age": datasets.Value("float64"),
    }
    table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    held = read(table)
    assert held.client.tolist() == CLIENTS
    assert [held.class_names[i] for i in held.y] == CLASSES
    assert held.x.names == ("age",)
    pictures = [Image.fromarray(np.full((6, 5), i, np.uint8)) for i in range(ROWS)]
    features = {"image": datasets.Image(), "label": labels, "client": datasets.Value("string")}
    shown = datasets.Dataset.from_dict(
        {"image": pictures, "label": columns["label"], "client": CLIENTS},
        features=datasets.Features(features),
    )
    held = read(shown)
    assert held.x.shape == (ROWS, 1, 6, 5)
    assert held.x[:, 0, 0, 0].tolist() == list(range(ROWS))
    assert [held.class_names[i] for i in held.y] == CLASSES
    with pytest.raises(InputError, match=r"dataset\['train'\]"):
        read(datasets.DatasetDict({"train": table, "test": table}))


# pictures ----------------------------------------------------------------------------------------

LAYOUTS = {
    "channels last": ((20, 20, 3), (3, 20, 20), "channels last"),
    "channels first": ((3, 20, 20), (3, 20, 20), "channels first"),
    "grey, last": ((20, 30, 1), (1, 20, 30), "channels last"),
    "volumes, last": ((6, 7, 8, 1), (1, 6, 7, 8), "channels last"),
    "twelve channels last": ((20, 20, 12), (12, 20, 20), "channels last"),
    "twelve channels first": ((12, 20, 20), (12, 20, 20), "channels first"),
}


@pytest.mark.parametrize(("shape", "right", "words"), LAYOUTS.values(), ids=LAYOUTS)
def test_channels_are_found_by_shape(shape, right, words):
    x = np.random.default_rng(0).random((ROWS, *shape))
    held = read(x, label=CLASSES)
    assert held.x.shape == (ROWS, *right)
    assert words in " ".join(held.notes)
    if words == "channels last":
        np.testing.assert_array_equal(held.x[:, 0], x[..., 0])


@pytest.mark.parametrize("shape", [(3, 20, 3), (1, 28, 1), (12, 20, 30), (9, 9, 9)])
def test_channels_that_may_be_first_or_last(shape):
    x = np.zeros((ROWS, *shape))
    with pytest.raises(InputError, match='channels="first" or channels="last"'):
        read(x, label=CLASSES)
    assert read(x, label=CLASSES, channels="last").x.shape[1] == shape[-1]
    assert read(x, label=CLASSES, channels="first").x.shape[1:] == shape


def test_grey_pictures_of_eight_bits_get_their_channel():
    held = read(np.zeros((ROWS, 9, 9), np.uint8), label=CLASSES)
    assert held.x.shape == (ROWS, 1, 9, 9)


def saved(folder: Path, name: str, picture) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(folder / name)


GREY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8


def folder_of(root: Path, pictures, names=("a/ill", "b/well", "c/ill", "d/ill")) -> Path:
    for name in names:
        for i, picture in enumerate(pictures):
            saved(root, f"{name}/{i}.png", picture)
    return root


MODES = {
    "grey": (Image.fromarray(GREY), 1, np.uint8, ""),
    "black and white": (Image.fromarray(GREY > 99), 1, np.uint8, ""),
    "colours": (Image.fromarray(np.stack([GREY] * 3, -1)), 3, np.uint8, ""),
    "transparent colours": (Image.fromarray(np.stack([GREY] * 4, -1)), 3, np.uint8, "Transparency"),
    "transparent grey": (Image.fromarray(GREY).convert("LA"), 1, np.uint8, "Transparency"),
    "palette": (Image.fromarray(GREY).convert("P"), 3, np.uint8, "palette"),
    "sixteen bits": (Image.fromarray(GREY.astype(np.uint16) * 257), 1, np.uint16, ""),
}


@pytest.mark.parametrize(("picture", "channels", "dtype", "words"), MODES.values(), ids=MODES)
def test_pictures_of_every_mode(tmp_path, picture, channels, dtype, words):
    held = read(folder_of(tmp_path, [picture]))
    assert held.x.shape == (4, channels, 5, 6)
    assert held.x.dtype == dtype
    assert words in " ".join(held.notes)
    x = prepared(held).transform(held.x)
    assert x.min() >= 0
    assert 0.5 < x.max() <= 1


def test_grey_among_colours(tmp_path):
    held = read(
        folder_of(tmp_path, [Image.fromarray(GREY), Image.fromarray(np.stack([GREY] * 3, -1))])
    )
    assert held.x.shape == (8, 3, 5, 6)
    assert "get three equal colours" in " ".join(held.notes)


def test_two_sizes_are_refused_unless_one_is_asked_for(tmp_path):
    folder_of(tmp_path, [GREY, np.zeros((7, 7), np.uint8)])
    with pytest.raises(InputError, match=r"of two sizes: .* is 5 x 6, .* is 7 x 7: say resize=28"):
        read(tmp_path)
    assert read(tmp_path, resize=4).x.shape == (8, 1, 4, 4)
    held = read(tmp_path, resize=(4, 3))
    assert held.x.shape == (8, 1, 4, 3)
    assert "resized to 4 x 3" in " ".join(held.notes)


def test_a_damaged_picture_is_named(tmp_path):
    folder_of(tmp_path, [GREY])
    (tmp_path / "a/ill/9.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"9\.png is no picture"):
        read(tmp_path)


FOLDERS = {
    # the kind: client/class, told by names that come back
    "client/class": (
        ["n/ill/1", "n/well/1", "s/ill/1", "s/well/1", "w/ill/1", "e/well/1"],
        {"n", "s", "w", "e"},
        "client/class",
    ),
    # the kind: class/client, told by clients that never come back
    "class/client": (
        ["ill/a/1", "ill/b/1", "well/c/1", "well/d/1"],
        {"a", "b", "c", "d"},
        "class/client",
    ),
    # the kind: told by what the folders are called
    "named clients below": (
        ["ill/site_1/1", "ill/site_2/1", "well/site_1/1", "well/site_2/1"],
        {"site_1", "site_2"},
        "class/client",
    ),
    "named clients above": (
        ["Hospital 1/x/1", "Hospital 2/x/1", "Hospital 1/y/1", "Hospital 2/y/1"],
        {"Hospital 1", "Hospital 2"},
        "client/class",
    ),
    # the kind: a level that says nothing
    "one folder around": (
        ["all/ill/a/1", "all/ill/b/1", "all/well/c/1"],
        {"a", "b", "c"},
        "class/client",
    ),
    # the kind: an official cut above
    "train and test": (
        ["train/ill/a/1", "test/ill/b/1", "train/well/c/1"],
        {"a", "b", "c"},
        "taken together",
    ),
    # the kind: nested deeper
    "deeper": (
        ["client1/ill/monday/1", "client2/ill/monday/1", "client1/well/x/y/1", "client2/well/1"],
        {"client1", "client2"},
        "not told apart",
    ),
}


@pytest.mark.parametrize(("files", "clients", "words"), FOLDERS.values(), ids=FOLDERS)
def test_folders_of_pictures(tmp_path, files, clients, words):
    for name in files:
        saved(tmp_path, f"{name}.PNG", GREY)
    held = read(tmp_path)
    assert set(held.client.tolist()) == clients
    assert len(held.class_names) == 2
    assert words in " ".join(held.notes)


def test_folders_in_two_readings_are_asked_about(tmp_path):
    for name in ("a/x/1", "a/y/1", "b/x/1", "b/y/1"):
        saved(tmp_path, f"{name}.png", GREY)
    with pytest.raises(InputError, match="say layout='client/class' or 'class/client'"):
        read(tmp_path)
    assert read(tmp_path, layout="client/class").class_names == ("x", "y")
    assert read(tmp_path, layout="class/client").class_names == ("a", "b")


@pytest.mark.parametrize("files", [[], ["1"], ["a/1"]])
def test_folders_without_clients_and_classes(tmp_path, files):
    for name in files:
        saved(tmp_path, f"{name}.png", GREY)
    with pytest.raises(InputError, match=str(tmp_path)):
        read(tmp_path)


def test_a_whole_table_from_file_to_federation(tmp_path):
    """Everything at once: identifiers, gaps, categories, dates, and clients named by zeros."""
    rng = np.random.default_rng(0)
    n = 240
    frame = pd.DataFrame(
        {
            "patient_id": np.arange(1000, 1000 + n),
            "site": rng.choice(["007", "07", "7"], n),
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(60, 9, n).round()),
            "sex": rng.choice(["f", "m"], n),
            "smoker": rng.choice(["yes", "no", ""], n),
            "admitted": (
                pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")
            ).strftime("%d.%m.%Y"),
            "outcome": rng.choice(["lived", "died"], n),
        }
    )
    frame.to_csv(tmp_path / "p.csv", index=False, sep=";", decimal=",")
    held = read(tmp_path / "p.csv", client="site", label="outcome")
    federation = federate(held.arrays(), split="natural")
    assert sorted(federation.names) == ["007", "07", "7"]
    assert federation.class_names == ("died", "lived")
    assert federation.preprocessing.feature_names == (
        "age",
        "age missing",
        "sex=f",
        "sex=m",
        "smoker",
        "smoker missing",
        "admitted",
    )
    training = federation.x[federation.train.values]
    assert abs(float(training[:, 6].mean())) < 1e-6
    assert abs(float(training[:, 6].std(correction=0)) - 1) < 1e-6
    assert torch.isfinite(federation.x).all()


def test_the_first_lines_of_the_page_on_data(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "data.md").read_text("utf-8")
    block = page.split("```python\n")[1].split("```")[0]
    frame = pd.DataFrame(
        {
            "patient_id": range(1000, 1000 + 120),
            "hospital": ["north", "south", "west"] * 40,
            "age": np.random.default_rng(0).normal(60, 9, 120).round(),
            "outcome": ["died", "lived"] * 60,
        }
    )
    frame.to_csv(tmp_path / "patients.csv", index=False)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "data.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "2 classes, in this order: died, lived" in printed
    assert "Column 'patient_id' is left out" in printed
