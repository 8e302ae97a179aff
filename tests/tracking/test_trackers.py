"""Trackers write the numbers of every round where others look for them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from small_studies import SMALL
from unalike import InputError, compare
from unalike.study.settings import make_study
from unalike.study.store import RunStore
from unalike.study.training import ProgressEvent
from unalike.tracking import TRACKERS, event_log, tracked

STUDY = make_study({**SMALL, "methods": "fedavg"})
ROUNDS = [
    ProgressEvent("fedavg", 0, t, numbers={"global_accuracy": 0.5 + t / 10, "bytes_up": 8.0})
    for t in (1, 2)
]


def told(name: str, folder: Path) -> None:
    with tracked(name, STUDY, folder, lambda _: None) as tell:
        for event in (ProgressEvent("", 0, 0, runs=1), *ROUNDS):
            tell(event)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_study_writes_event_files_of_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    compare("digits", methods="fedavg", out=tmp_path, track="tensorboard", **SMALL)
    records = RunStore(tmp_path / "runs" / "fedavg" / "seed-0").records()
    read = EventAccumulator(str(tmp_path / "tensorboard" / "fedavg" / "seed-0"))
    read.Reload()
    for name, of in (
        ("global_accuracy", lambda record: record["evaluation"]["global"]["accuracy"]),
        ("bytes_up", lambda record: record["bytes_up"]),
    ):
        found = [(event.step, event.value) for event in read.Scalars(name)]
        wanted = [(record["round"], pytest.approx(of(record), rel=1e-6)) for record in records]
        assert found == wanted
    assert "study/text_summary" in read.Tags()["tensors"]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_keeps_a_run_for_each_method_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    for name in ("MLFLOW_ALLOW_FILE_STORE", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "true")
    from mlflow.tracking import MlflowClient

    told("mlflow", tmp_path)
    client = MlflowClient((tmp_path / "mlflow").as_uri())
    experiment = client.get_experiment_by_name(tmp_path.name)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["method"] == "fedavg"
    history = client.get_metric_history(run.info.run_id, "global_accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.6), (2, 0.7)]


def test_wandb_is_offline_unless_somebody_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []
    logged: list[tuple[Any, int]] = []

    def init(**options: Any) -> Any:
        made.append(options)
        ended = made[-1].setdefault("ended", [])
        return SimpleNamespace(
            log=lambda numbers, step: logged.append((numbers, step)),
            finish=lambda: ended.append(True),
        )

    package = SimpleNamespace(init=init, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "wandb", package)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    told("wandb", tmp_path)
    (run,) = made
    assert (run["mode"], run["name"], run["ended"]) == ("offline", "fedavg-seed-0", [True])
    assert logged == [(event.numbers, event.t) for event in ROUNDS]


def test_trackers_that_cannot_be_had_are_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="Unknown tracker 'tensorbord': did you mean"):
        compare("digits", methods="fedavg", out=tmp_path / "x", track="tensorbord", **SMALL)
    monkeypatch.setattr("unalike.tracking.tracker.find_spec", lambda _: None)
    for name in TRACKERS:
        with pytest.raises(InputError, match=rf"pip install 'unalike\[{name}\]'"):
            compare("digits", methods="fedavg", out=tmp_path / "x", track=name, **SMALL)
    assert not (tmp_path / "x").exists()
    monkeypatch.undo()
    pytest.importorskip("tensorboard")
    with pytest.raises(InputError, match=r"track='tensorboard' needs out=\.\.\."):
        compare("digits", methods="fedavg", track="tensorboard", **SMALL)


def test_the_log_says_ends_and_remarks(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="unalike"):
        event_log(ROUNDS[0])
        event_log(ProgressEvent("fedavg", 0, 3, finished=True))
        event_log(ProgressEvent("", 0, 0, remark="take care."))
    assert [(record.levelname, record.name) for record in caplog.records] == [
        ("DEBUG", "unalike"),
        ("INFO", "unalike"),
        ("WARNING", "unalike"),
    ]
    assert caplog.messages[1] == "fedavg, seed 0: finished after round 3"
