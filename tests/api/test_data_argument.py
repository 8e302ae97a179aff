"""Whatever people bring reaches training by the same door, in every verb and command."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from command_line import unalike
from unalike import Federation, InputError, advise, compare, diagnose, resume
from unalike.api.result import open_study, read_result
from unalike.data.preprocessing.table_preprocessing import TablePreprocessing
from unalike.study.data_files import file_checksum
from unalike.study.inputs import deal_study

Output = pytest.CaptureFixture[str]
QUICK: dict[str, Any] = {"methods": "fedavg", "rounds": 1, "seeds": 1, "model": "logistic"}
COLUMNS = {"client_column": "hospital", "label_column": "outcome"}


def patients(rows: int = 120) -> pd.DataFrame:
    """Four hospitals of unequal size; one of them has one class only, ages have gaps."""
    rng = np.random.default_rng(0)
    hospital = rng.choice(["north", "007", "NA", "7"], rows, p=[0.4, 0.3, 0.2, 0.1])
    age = rng.normal(60, 10, rows).round()
    outcome = np.where((age + 10 * rng.normal(size=rows) > 60) & (hospital != "7"), "ill", "well")
    return pd.DataFrame(
        {
            "patient_id": np.arange(rows) + 5_000,
            "hospital": hospital,
            "age": np.where(rng.random(rows) < 0.1, np.nan, age),
            "sex": rng.choice(["f", "m"], rows),
            "outcome": outcome,
        }
    )


def saved(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    path = folder / "patients.csv"
    (patients() if frame is None else frame).to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_a_file_is_compared_by_one_command(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path)
    options = ["--client-column", "hospital", "--label-column", "outcome", "--model", "logistic"]
    command = ["compare", "--data", path.name, *options, "--methods", "fedavg"]
    assert unalike(*command, "--rounds", 1, "--seeds", 1, "--out", "study") == 0
    printed = capsys.readouterr()
    assert "patient_id identifier" in " ".join(printed.out.split())
    assert "Column 'patient_id' is left out" in printed.err
    study = open_study(tmp_path / "study")
    assert (study.split, study.new_clients, study.data) == ("natural", 0.0, str(path))
    assert study.checksum == file_checksum(path)
    federation = deal_study(study, 0)
    assert federation.names == ("007", "7", "NA", "north")
    assert federation.class_names == ("ill", "well")
    assert unalike("report", "study") == 0


def test_what_was_fitted_stays_with_the_federation(tmp_path: Path) -> None:
    compare(saved(tmp_path), out=tmp_path / "study", drop=["sex"], **COLUMNS, **QUICK)
    federation = deal_study(open_study(tmp_path / "study"), 0)
    fitted = federation.preprocessing
    assert isinstance(fitted, TablePreprocessing)
    assert [row.kind for row in fitted.columns()][:2] == ["identifier", "number"]
    assert list(fitted.feature_names) == ["age", "age missing"]
    trained = federation.x[federation.train.values][:, 0]
    assert float(trained.mean()) == pytest.approx(0.0, abs=1e-6)


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    compare(path, out=tmp_path / "study", **COLUMNS, **QUICK)
    before = read_result(tmp_path / "study").frame
    pd.testing.assert_frame_equal(resume(tmp_path / "study").frame, before)
    saved(tmp_path, patients().assign(age=1.0))
    with pytest.raises(InputError, match=r"patients\.csv has changed since the study began"):
        read_result(tmp_path / "study")
    path.unlink()
    with pytest.raises(InputError, match="There is no file or folder"):
        read_result(tmp_path / "study")


@pytest.mark.slow
def test_every_form_of_the_same_samples_gives_the_same_study(tmp_path: Path) -> None:
    frame = patients()
    from_file = compare(saved(tmp_path), **COLUMNS, **QUICK).frame
    from_frame = compare(frame, client="hospital", label="outcome", **QUICK).frame
    beside = compare(
        frame.drop(columns=["hospital", "outcome"]),
        client=frame.hospital,
        label=frame.outcome,
        **QUICK,
    ).frame
    timed = "train_seconds|peak_memory_bytes"
    for other in (from_frame, beside):
        kept = [table[~table.metric.str.contains(timed)] for table in (from_file, other)]
        pd.testing.assert_frame_equal(*kept)


@pytest.mark.slow
def test_numbers_from_python() -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    client = np.repeat(["a", "b", "c"], 20)
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    first = compare((x, y, client), **QUICK)
    second = compare(pairs, client=client, **QUICK)
    for result in (first, second):
        assert {"a", "b", "c"} <= set(result.frame.client.dropna())
    assert compare(
        (x, y), split="dirichlet", alpha=1.0, clients=3, new_clients=0, **QUICK
    ).frame.client.nunique()


@pytest.mark.slow
def test_the_same_data_go_to_diagnose_and_advise(tmp_path: Path) -> None:
    path = saved(tmp_path)
    found = diagnose(path, shuffles=40, optimise=False, **COLUMNS)
    assert found.names == ("007", "7", "NA", "north")
    assert f"<b>{escape(found.headline)}</b>" in found._repr_html_()
    advice = advise(
        path, methods="fedprox", rounds=1, folds=2, seeds=1, model="logistic", **COLUMNS
    )
    assert advice.method in ("local", "fedavg", "finetuning", "fedprox")
    shown = advice._repr_html_()
    assert all(escape(sentence) in shown for sentence in advice.sentences)


@pytest.mark.parametrize(
    ("data", "settings", "words"),
    [
        ("nowhere.csv", {}, "There is no file or folder nowhere.csv"),
        ("digit", {}, "did you mean 'digits'"),
        ("digits", {"client_column": "a"}, "--client-column is for your own files"),
        ("digits", {"scale": "robust"}, "--scale is for your own files"),
        ((np.ones((9, 2)), np.arange(9) % 2), {}, "no natural clients"),
        (
            (np.ones((9, 2)), np.arange(9) % 2, np.repeat(["a", "b", "c"], 3)),
            {"alpha": 0.1},
            "beside samples whose clients are named",
        ),
        (
            Federation.from_arrays(np.ones((9, 2)), np.arange(9) % 2, np.repeat([1, 2, 3], 3)),
            {"drop": ["a"]},
            "not for a Federation",
        ),
    ],
)
def test_refusals(data: Any, settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        compare(data, out=tmp_path / "study", **settings, **QUICK)
    assert not (tmp_path / "study").exists()


def test_options_of_columns(tmp_path: Path, capsys: Output) -> None:
    path = saved(tmp_path)
    options = ["--client-column", "hospital", "--label-column", "outcome", "--out", tmp_path / "s"]
    assert unalike("compare", "--data", path, *options, "--column", "age") == 2
    assert "--column 'age': write NAME=KIND" in capsys.readouterr().err
    assert unalike("compare", "--data", path, *options, "--column", "agee=number") == 2
    assert "did you mean 'age'" in capsys.readouterr().err
    assert unalike("compare", "--data", path, *options, "--scale", "standart") == 2
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_a_study_file_says_how_its_file_is_read(tmp_path: Path) -> None:
    saved(tmp_path)
    text = (
        'data = "patients.csv"\nclient_column = "hospital"\nlabel_column = "outcome"\n'
        'drop = ["sex"]\nrounds = 1\nseeds = 1\nmodel = "logistic"\nrun = ["fedavg"]\n'
        '[columns]\npatient_id = "number"\n'
    )
    (tmp_path / "study.toml").write_text(text)
    assert unalike("compare", tmp_path / "study.toml", "--out", tmp_path / "s") == 0
    fitted = deal_study(open_study(tmp_path / "s"), 0).preprocessing
    assert isinstance(fitted, TablePreprocessing)
    assert list(fitted.feature_names) == ["patient_id", "age", "age missing"]
