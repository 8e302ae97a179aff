"""Values of each of very many clients leave the lines of a record, and come back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import unalike
from small_studies import SMALL, comparable
from unalike.errors import InputError
from unalike.study import client_columns
from unalike.study.store import RunStore


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(client_columns, "MOST_IN_LINE", 2)
    store = RunStore(tmp_path)
    values = np.asarray([1 / 3, np.nan, 0.25])
    store.append(
        {"round": 1, "evaluation": {"personal": {"accuracy": values}, "new": {"a": [1.0]}}}
    )
    return tmp_path


def test_long_columns_come_back_to_the_bit(stored: Path) -> None:
    line = json.loads((stored / "metrics.jsonl").read_text())
    assert line["evaluation"]["personal"] == {"columns": "clients.1.personal.safetensors"}
    evaluation = RunStore(stored).records()[0]["evaluation"]
    assert dict(evaluation["new"]) == {"a": [1.0]}
    np.testing.assert_array_equal(evaluation["personal"]["accuracy"], [1 / 3, np.nan, 0.25])
    assert list(evaluation["personal"]) == ["accuracy"]
    with pytest.raises(KeyError):
        evaluation["personal"]["auc"]


def test_a_missing_file_is_a_sentence(stored: Path) -> None:
    (stored / "clients.1.personal.safetensors").unlink()
    with pytest.raises(InputError, match="missing or damaged"):
        RunStore(stored).records()


def test_a_study_with_files_says_what_a_study_without_says(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = unalike.compare("digits", methods="fedavg,local", **SMALL)
    for room in ("client_columns", "evaluate"):
        monkeypatch.setattr(f"unalike.study.{room}.MOST_IN_LINE", 2)
    monkeypatch.setattr("unalike.results.comparison.MOST_LISTED", 3)
    other = unalike.compare("digits", methods="fedavg,local", **SMALL)
    known, found = (comparable(result.frame) for result in (usual, other))
    names = set(found["client"])
    assert "all" in names
    assert found.equals(known[known["client"].isin(names)].reset_index(drop=True))
    each = found[found["metric"] == "personalised_accuracy_best"].groupby("method")["client"]
    assert (each.nunique() == 3).all()
    assert any("lists 3 of the 5 clients" in remark for remark in other.remarks)
