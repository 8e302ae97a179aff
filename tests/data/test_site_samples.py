"""The samples of one client: read as they are, or refused in one sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unalike.data.site_samples import SiteSamples, read_site_samples
from unalike.errors import InputError

FRAME = pd.DataFrame(
    {
        "age": [30.0, 40, 50, 60],
        "dose": [1, 2, 1, 2],
        "grade": ["mild", "none", "mild", "mild"],
        "hospital": ["north", "north", "south", "south"],
    }
)
X = FRAME[["age", "dose"]].to_numpy(np.float32)
CLASSES = ("none", "mild", "severe")


def csv(folder: Path, frame: pd.DataFrame = FRAME) -> Path:
    frame.to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


def parquet(folder: Path, frame: pd.DataFrame = FRAME) -> Path:
    frame.to_parquet(folder / "mine.parquet")
    return folder / "mine.parquet"


def npz(folder: Path) -> Path:
    np.savez(
        folder / "mine.npz",
        x=X,
        grade=FRAME["grade"].to_numpy(str),
        hospital=FRAME["hospital"].to_numpy(str),
    )
    return folder / "mine.npz"


def picture(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    np.save(folder / name, np.full((2, 3), 51, np.uint8))


@pytest.mark.parametrize("write", [csv, parquet, npz])
def test_the_samples_of_one_of_several_clients(tmp_path: Path, write) -> None:
    path = write(tmp_path)
    held = read_site_samples(
        path, label_column="grade", client_column="hospital", client="south"
    ).to_arrays(CLASSES)
    np.testing.assert_array_equal(held.x, X[2:])
    assert held.y.tolist() == [1, 1]
    assert (held.classes, held.client) == (3, None)


def test_a_file_of_one_client(tmp_path: Path) -> None:
    frame = FRAME.drop(columns="hospital")
    for path in (csv(tmp_path, frame), csv(tmp_path, frame.assign(client="anybody"))):
        held = read_site_samples(path, label_column="grade").to_arrays(CLASSES)
        np.testing.assert_array_equal(held.x, X)
        assert held.y.tolist() == [1, 0, 1, 1]


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for name in ("mild/1.npy", "mild/2.npy", "none/1.npy"):
        picture(tmp_path / "north", name)
    held = read_site_samples(tmp_path / "north").to_arrays(CLASSES)
    np.testing.assert_allclose(held.x, np.full((3, 1, 2, 3), 0.2))
    assert held.y.tolist() == [1, 1, 0]
    with pytest.raises(InputError, match=r"several clients: give .* such as .*north\."):
        read_site_samples(tmp_path)
    with pytest.raises(InputError, match="no column 'hospital': give the folder"):
        read_site_samples(tmp_path / "north", client_column="hospital")
    with pytest.raises(InputError, match=r"holds no pictures: .* folders of their classes"):
        read_site_samples(tmp_path / "north" / "mild")


@pytest.mark.parametrize("y", [[0, 2, 2, 0], [0.0, 2, 2, 0], [False, True, True, False]])
def test_numbers_stay_as_they_are(tmp_path: Path, y: list[float]) -> None:
    held = read_site_samples(csv(tmp_path, FRAME[["age"]].assign(y=y))).to_arrays(None)
    assert held.y.tolist() == [int(value) for value in y]
    assert held.classes == max(held.y) + 1


def test_numbers_may_be_names() -> None:
    samples = SiteSamples(X, np.array([-1, 1, 1, -1]))
    assert samples.to_arrays(("-1", "1")).y.tolist() == [0, 1, 1, 0]
    with pytest.raises(InputError, match="from 0 to 1, but y holds -1"):
        samples.to_arrays(None)
    with pytest.raises(InputError, match="class '-1', but the study's classes are 'a', 'b'"):
        samples.to_arrays(("a", "b"))


def test_many_labels_a_sample() -> None:
    samples = SiteSamples(X, np.eye(4, 2))
    assert samples.to_arrays(None).classes == samples.to_arrays(("a", "b")).classes == 2
    with pytest.raises(InputError, match="2 labels a sample, but classes=3"):
        samples.to_arrays(CLASSES)


def test_names_without_an_order_for_everybody() -> None:
    with pytest.raises(InputError) as caught:
        SiteSamples(X, FRAME["grade"].to_numpy(str)).to_arrays(None)
    assert str(caught.value) == (
        "This site calls its classes 'mild', 'none': the study file must name all classes in one "
        'order for all sites, as in classes = ["benign", "malignant"].'
    )
    with pytest.raises(InputError, match="'0', '1', '2', '3', '4' and 4 more: the study"):
        SiteSamples(X, np.arange(9).astype(str)).to_arrays(None)


@pytest.mark.parametrize(
    ("frame", "columns", "words"),
    [
        (FRAME, {}, "has no column 'y'"),
        (FRAME, {"label_column": "grade"}, "'hospital' .* holds text"),
        (
            FRAME,
            {"label_column": "grade", "client_column": "hospital", "client": "nort"},
            "this site's name in column 'hospital'. Unknown client 'nort': did you mean 'north'",
        ),
        (FRAME, {"label_column": "grade", "client_column": "site"}, "has no column 'site'"),
        (
            FRAME.rename(columns={"hospital": "client"}),
            {"label_column": "grade"},
            "holds samples of 2 clients: say --client-column client",
        ),
        (FRAME[:0], {"label_column": "grade"}, "holds no rows"),
        (
            FRAME.assign(grade=["mild", None, "none", "mild"]),
            {"label_column": "grade", "client_column": "hospital", "client": "south"},
            "grade names no class for 1 of 4 samples",
        ),
        (FRAME[["age"]].assign(y=0.5), {}, "y holds 0.5, which is no class"),
    ],
)
def test_what_cannot_be_used(
    tmp_path: Path, frame: pd.DataFrame, columns: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_site_samples(csv(tmp_path, frame), **columns)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file or folder .*none.csv\."):
        read_site_samples(tmp_path / "none.csv")
    (tmp_path / "mine.txt").write_text("1")
    with pytest.raises(InputError, match="no known kind"):
        read_site_samples(tmp_path / "mine.txt")
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, X)
    (tmp_path / "cut.npz").write_bytes(npz(tmp_path).read_bytes()[:-30])
    for name in ("array.npz", "cut.npz"):
        with pytest.raises(InputError, match="cannot be read as npz"):
            read_site_samples(tmp_path / name)
