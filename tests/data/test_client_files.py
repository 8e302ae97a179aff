"""A user's files: read as they are, or refused in one sentence."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from unalike.data.client_files import read_client_files
from unalike.errors import InputError

FRAME = pd.DataFrame(
    {
        "age": [30.0, 40, 50, 60],
        "dose": [1, 2, 1, 2],
        "y": [0, 1, 0, 1],
        "hospital": ["north", "north", "south", "south"],
        "year": [2019, 2020, 2019, 2020],
    }
)


def csv(folder: Path, **changed: object) -> Path:
    path = folder / "mine.csv"
    FRAME.assign(**changed).to_csv(path, index=False)
    return path


def read(path: Path, **given: str):
    return read_client_files(path, client_column="hospital", **given)


def picture(folder: Path, name: str, values: np.ndarray) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    np.save(folder / name, values)


def pictures(folder: Path) -> Path:
    for k, name in enumerate(("north/ill", "north/well", "south/well")):
        picture(folder, f"{name}/1.npy", np.full((4, 5), 51 * k, np.uint8))
    return folder


def test_csv(tmp_path: Path) -> None:
    own = read(csv(tmp_path), time_column="year")
    np.testing.assert_array_equal(own.arrays.x, FRAME[["age", "dose"]])
    assert own.arrays.y.tolist() == [0, 1, 0, 1]
    assert own.arrays.client.tolist() == FRAME.hospital.tolist()
    assert own.time.tolist() == FRAME.year.tolist()


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    x = np.random.default_rng(0).random((4, 1, 3, 3))
    np.savez(path, x=x, y=FRAME.y, hospital=FRAME.hospital.to_numpy(str))
    own = read(path)
    np.testing.assert_allclose(own.arrays.x, x, rtol=1e-6)
    assert own.time is None
    assert own.arrays.client.tolist() == FRAME.hospital.tolist()


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    FRAME.assign(y=["ill", "well", "ill", "well"]).to_parquet(path)
    own = read(path, time_column="year")
    np.testing.assert_array_equal(own.arrays.x, FRAME[["age", "dose"]])
    assert own.arrays.y.tolist() == [0, 1, 0, 1]
    assert own.arrays.client.tolist() == FRAME.hospital.tolist()
    assert own.time.tolist() == FRAME.year.tolist()
    assert own.arrays.class_names == ("ill", "well")


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("mine.parquet", "pyarrow", r"needs pyarrow: pip install 'unalike\[parquet\]', or save"),
        ("a/ill/1.png", "PIL.Image", r"needs Pillow: pip install 'unalike\[images\]', or save"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, words: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, module, None)
    if module == "pyarrow":
        monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(InputError, match=words) as said:
        read_client_files(tmp_path / name if module == "pyarrow" else tmp_path)
    assert str(said.value).count("\n") == 0


@pytest.mark.parametrize(
    ("y", "codes", "labels"),
    [
        (["well", "ill", "well", "ill"], [1, 0, 1, 0], ("ill", "well")),
        ([10, 2, 10, 2], [1, 0, 1, 0], ("2", "10")),
        ([-1.0, 1.0, 1.0, -1.0], [0, 1, 1, 0], ("-1", "1")),
        ([True, False, True, True], [1, 0, 1, 1], ("0", "1")),
    ],
)
def test_classes_of_any_names(
    tmp_path: Path, y: list[object], codes: list[int], labels: tuple[str, ...]
) -> None:
    own = read(csv(tmp_path, y=y))
    assert own.arrays.y.tolist() == codes
    assert own.arrays.class_names == labels
    assert own.arrays.classes == len(labels)


def test_many_labels_of_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    many = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0], [1, 1, 1]])
    np.savez(path, x=np.zeros((4, 2)), y=many, hospital=FRAME.hospital.to_numpy(str))
    own = read(path)
    np.testing.assert_array_equal(own.arrays.y, many)
    assert own.arrays.task == "labels"
    np.savez(path, x=np.zeros((4, 2)), y=2 * many, hospital=FRAME.hospital.to_numpy(str))
    with pytest.raises(InputError, match="holds 2, but labels are 0 or 1"):
        read(path, task="labels")


def test_pictures_where_a_client_lacks_a_class(tmp_path: Path) -> None:
    own = read_client_files(pictures(tmp_path))
    assert own.arrays.x.shape == (3, 1, 4, 5)
    np.testing.assert_allclose(own.arrays.x[:, 0, 0, 0], [0, 0.2, 0.4])
    assert own.arrays.y.tolist() == [0, 1, 1]
    assert own.arrays.client.tolist() == ["north", "north", "south"]
    assert own.arrays.class_names == ("ill", "well")


def test_coloured_pictures_as_files(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    for client in ("a", "b"):
        (tmp_path / client / "0").mkdir(parents=True)
        Image.fromarray(colours).save(tmp_path / client / "0" / "1.png")
    x = read_client_files(tmp_path).arrays.x
    np.testing.assert_allclose(x[0], np.moveaxis(colours, -1, 0) / 255, atol=1e-6)


def test_sixteen_bits_are_numbers_up_to_one(tmp_path: Path) -> None:
    for client, values in (("a", [0, 65535]), ("b", [13107, 26214])):
        (tmp_path / client / "0").mkdir(parents=True)
        Image.fromarray(np.array([values], np.uint16)).save(tmp_path / client / "0/1.png")
    x = read_client_files(tmp_path).arrays.x
    np.testing.assert_allclose(x[:, 0, 0], [[0, 1], [0.2, 0.4]], atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "columns", "words"),
    [
        ({}, {"label_column": "yy"}, "has no column 'yy'. .*did you mean 'y'"),
        ({"hospital": "north"}, {}, "belong to one client, 'north'"),
        ({"age": [1, None, 3, 4]}, {}, "'age' .* NaN .* in 1 of 4 rows, first in row 1"),
        ({"y": ["ill", None, "ill", "well"]}, {}, "y names no class for 1 of 4 .* for sample 1"),
        ({"y": [0, 1, None, 1]}, {}, "y names no class for 1 of 4 samples, first for sample 2"),
        ({"y": [0.5, 1, 2, 1]}, {}, "y holds 0.5, which is no class"),
        ({"y": ["a", "b", "c", "d"]}, {}, "class of its own in y: is that the column of classes"),
        ({"dose": ["low", "high", "low", "high"]}, {}, "'dose' .* holds text"),
        ({"hospital": ["north", None, "south", "south"]}, {}, "names nobody for sample 1"),
    ],
)
def test_broken_tables(tmp_path: Path, changed: dict, columns: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(csv(tmp_path, **changed), **columns)


def test_broken_npz(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as npz"):
        read(path)
    np.savez(path, y=FRAME.y, hospital=FRAME.y)
    with pytest.raises(InputError, match="no column 'x'"):
        read(path)
    np.savez(path, x=np.zeros((4, 2)), y=FRAME.y, hospital=FRAME.y, when=np.zeros(3))
    with pytest.raises(InputError, match="one time a sample"):
        read(path, time_column="when")


def test_files_that_are_not_there_or_of_no_known_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder"):
        read(tmp_path / "none.csv")
    (tmp_path / "mine.txt").write_text("1")
    with pytest.raises(InputError, match="no known kind"):
        read(tmp_path / "mine.txt")
    FRAME[["y", "hospital"]].to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(InputError, match="holds no feature"):
        read(tmp_path / "bare.csv")


def test_broken_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no pictures"):
        read_client_files(tmp_path)
    folder = pictures(tmp_path)
    picture(folder, "south/ill/1.npy", np.zeros((5, 5), np.uint8))
    with pytest.raises(InputError, match=r"of two sizes: .* 4 x 5, .* 5 x 5"):
        read_client_files(folder)
    picture(folder, "south/ill/1.npy", np.zeros(5, np.uint8))
    with pytest.raises(InputError, match=r"must be \[height, width\]"):
        read_client_files(folder)
    (folder / "south/ill/1.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no picture that can be read"):
        read_client_files(folder)


def test_pictures_of_two_sizes_or_colours(tmp_path: Path) -> None:
    for k, (client, mode, size) in enumerate([("a", "L", (4, 5)), ("b", "RGB", (4, 5))]):
        (tmp_path / client / "0").mkdir(parents=True)
        Image.new(mode, size).save(tmp_path / client / "0" / f"{k}.png")
    with pytest.raises(InputError, match=r"two sizes: .* 5 x 4, .* 5 x 4 with 3 colours"):
        read_client_files(tmp_path)
    Image.new("L", (6, 5)).save(tmp_path / "b/0/1.png")
    with pytest.raises(InputError, match=r"two sizes: .*0.png is 5 x 4, .*1.png is 5 x 6"):
        read_client_files(tmp_path)
    (tmp_path / "b/0/1.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"1.png is no picture that can be read"):
        read_client_files(tmp_path)


def test_one_client_of_pictures(tmp_path: Path) -> None:
    picture(tmp_path, "north/ill/1.npy", np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match="belong to one client"):
        read_client_files(tmp_path)
