"""Samples before it is clear what is asked: roles, several columns of labels, one client alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unalike.data.reading import read
from unalike.data.reading.raw_samples import read_raw
from unalike.errors import InputError

FRAME = pd.DataFrame(
    {"age": [1.0, 2, 3, 4], "months": [5, 6.5, 7, 8], "died": ["yes", "no", "no", "yes"]}
)


def test_time_and_event_from_two_columns_ask_for_survival() -> None:
    held = read(FRAME, label="months", event="died")
    assert held.task.name == "survival"
    np.testing.assert_array_equal(held.y, [[5, 1], [6.5, 0], [7, 0], [8, 1]])
    assert held.x.names == ("age",)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (FRAME.assign(died=["yes", None, "no", "no"]), "'died' holds no yes or no, 1 or 0 for 1"),
        (FRAME.assign(died=["yes", "later", "no", "no"]), "'died' holds no yes or no"),
        (FRAME.assign(months=["5", "soon", "6", "7"]), "'months' holds no number for 1 of 4"),
        (FRAME.assign(died="no"), "no event at all"),
        (FRAME.assign(months=[-1, 1, 2, 3.0]), "times are never below zero"),
    ],
)
def test_times_and_events_that_cannot_be_read(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(frame, label="months", event="died")


def test_an_event_beside_labels_of_several_columns() -> None:
    with pytest.raises(InputError, match="an event beside it has no meaning"):
        read(np.zeros((4, 2)), label=np.eye(4), event=[1, 0, 1, 1])


def test_one_client_by_its_name_to_the_letter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,y,who\n1,a,007\n2,b,7\n3,a,007\n")
    raw = read_raw(tmp_path / "a.csv", client="who")
    own = raw.of_client("007")
    assert len(own) == 2
    assert own.x.column("age").values.tolist() == ["1", "3"]  # type: ignore[union-attr]
    assert own.client is None
    assert len(raw.of_client("07")) == 0


def test_pictures_that_name_no_client(tmp_path: Path) -> None:
    for name in ("ill/1", "ill/2", "well/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / f"{name}.npy", np.zeros((3, 3), np.uint8))
    held = read(tmp_path, layout="class")
    assert held.client is None
    assert held.class_names == ("ill", "well")
    with pytest.raises(InputError, match=r'or "class" alone'):
        read(tmp_path, layout="client")
