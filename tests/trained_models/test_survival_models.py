"""Models of survival say how likely it is to live on, by a hazard from training samples alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

import unalike
from command_line import unalike as run
from unalike import InputError, Result, compare
from unalike.measures.baseline_hazard import breslow
from unalike.study.inputs import deal_study

Output = pytest.CaptureFixture[str]


def patients() -> pd.DataFrame:
    """120 of two hospitals of unlike risk, half of them seen until the event."""
    rng = np.random.default_rng(4)
    north = np.arange(120) < 70
    age = rng.normal(size=120)
    days = np.ceil(100 * rng.exponential(np.exp(-age - north)))
    frame = pd.DataFrame({"age": age, "days": days, "died": (rng.random(120) < 0.6).astype(int)})
    return frame.assign(hospital=np.where(north, "north", "south"))


class Trained(NamedTuple):
    folder: Path
    result: Result


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("survival")
    patients().to_csv(folder / "patients.csv", index=False)
    result = compare(
        str(folder / "patients.csv"),
        client="hospital",
        label="days",
        event_column="died",
        methods="ditto,local",
        model="logistic",
        rounds=2,
        seeds=1,
        out=folder / "study",
    )
    return Trained(folder, result)


def test_the_hazard_is_of_the_training_samples_alone(trained: Trained) -> None:
    study = trained.result.models.study if trained.result.models else None
    given = deal_study(study, 0)
    everybody = np.arange(2)
    for client, rows in ((None, everybody), ("north", everybody[:1]), ("south", everybody[1:])):
        model = trained.result.model("ditto", client)
        mine = torch.from_numpy(given.train.of_rows(rows).values)
        risk = model.outputs(given.x[mine].numpy(), prepared=True).numpy().astype(float)[:, 0]
        time, event = given.y[mine].numpy().astype(float).T
        times = np.unique(time[event > 0])
        expected = breslow(risk, time, event > 0).survival(risk[:5], times)
        found = model.predict_survival(given.x[mine][:5].numpy(), prepared=True)
        assert found.columns.tolist() == times.tolist()
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_hazard_travels_with_the_model(trained: Trained, tmp_path: Path) -> None:
    model, rows = trained.result.model("ditto", "north"), patients()[:9]
    again = unalike.load(model.save(tmp_path / "north.safetensors"))
    survival = model.predict_survival(rows, [0, 20, 50.5])
    pd.testing.assert_frame_equal(again.predict_survival(rows, [0, 20, 50.5]), survival)
    assert (survival[0.0] == 1).all()
    assert (survival[50.5] < survival[20.0]).all()
    order = np.argsort(model.predict(rows))
    assert (np.diff(survival[20.0].to_numpy()[order]) <= 0).all()


def test_a_new_client_has_a_hazard_of_its_own(trained: Trained) -> None:
    rows = patients()[:40]
    model = trained.result.adapt("ditto", rows, rows[["days", "died"]].to_numpy())
    risk, event = model.predict(rows).astype(float), rows["died"].to_numpy() > 0
    expected = breslow(risk, rows["days"].to_numpy(), event).survival(risk, np.array([30.0]))
    np.testing.assert_allclose(model.predict_survival(rows, 30), expected, rtol=1e-6)


def test_the_command(trained: Trained, tmp_path: Path, capsys: Output) -> None:
    table, out = trained.folder / "patients.csv", tmp_path / "predictions.csv"
    target = tmp_path / "each"
    study = trained.folder / "study"
    assert run("export", study, "--method", "ditto", "--client", "all", "--out", target) == 0
    assert run("predict", target, table, "--times", "20,50", "--out", out) == 0
    found = pd.read_csv(out)
    assert found.columns.tolist() == ["hospital", "prediction", "survival_20", "survival_50"]
    north = patients()["hospital"] == "north"
    expected = trained.result.model("ditto", "north").predict_survival(patients()[north], [20, 50])
    np.testing.assert_allclose(found[north][["survival_20", "survival_50"]], expected)
    for times, words in {
        "soon": "--times soon: give numbers",
        "-1": "give numbers that are not below zero",
        "1e9": "Nobody of the training samples was observed longer than",
    }.items():
        capsys.readouterr()
        assert run("predict", target, table, "--times", times, "--out", out) == 2
        assert words in " ".join(capsys.readouterr().err.split())


def test_what_has_no_survival() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 2)).astype(np.float32), np.arange(60) % 3
    small = {"model": "logistic", "methods": "fedavg", "rounds": 1, "seeds": 1}
    found = compare((x, y, np.repeat(["a", "b"], 30)), **small)
    with pytest.raises(InputError, match="The task 'classes' has no survival: take predict"):
        found.model("fedavg").predict_survival(x)


def test_without_training_samples_there_is_no_hazard(trained: Trained) -> None:
    model = trained.result.model("ditto", "north")
    bare = model.description.model_copy(update={"hazard": None})
    with pytest.raises(InputError, match=r"holds no baseline hazard.* a client's own model"):
        unalike.TrainedModel(model.module, bare).predict_survival(patients())
