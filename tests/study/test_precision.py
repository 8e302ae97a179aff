"""A study's precision: how it travels, where it is refused, and that nobody mistakes it."""

from __future__ import annotations

from pathlib import Path

import joblib
import pytest
from benchmarks.emulated_bf16 import emulated_bf16

import unalike
from command_line import unalike as command
from small_studies import SMALL, comparable
from unalike.errors import InputError
from unalike.functional.precision import can_be_set
from unalike.network.protocol.messages import MessageError
from unalike.network.protocol.run_description import read_settings, settings_for_sites
from unalike.network.server.study import prepare
from unalike.results.facts import caption, study_facts
from unalike.study.backends import workers
from unalike.study.settings import make_study, read_study
from unalike.study.training import ProgressEvent

Output = pytest.CaptureFixture[str]

settable = pytest.mark.skipif(not can_be_set(), reason="torch has the setting from 2.9 on")

ASKED = {**SMALL, "methods": "fedavg", "rounds": 2}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[unalike.Result, Path]:
    folder = tmp_path_factory.mktemp("usual") / "study"
    return unalike.compare(**ASKED, out=folder), folder


@settable
def test_a_study_in_bf16_says_so_wherever_its_numbers_are_read(
    usual: tuple[unalike.Result, Path], tmp_path: Path
) -> None:
    said: list[ProgressEvent] = []
    with emulated_bf16():
        found = unalike.compare(**ASKED, precision="bf16", out=tmp_path / "s", tell=said.append)
        resumed = unalike.resume(tmp_path / "s")
    exact, here = (comparable(result.frame) for result in (usual[0], found))
    assert exact[["method", "client", "metric"]].equals(here[["method", "client", "metric"]])
    losses = exact["metric"] == "personalised_log_loss_mean_last"
    away = (here.loc[losses, "value"] - exact.loc[losses, "value"]).abs()
    assert away.between(1e-7, 1e-2).tolist() == [True, True]  # Local and FedAvg
    assert comparable(resumed.frame).equals(here)

    assert read_study(tmp_path / "s" / "study.toml").precision == "bf16"
    assert any("precision = 'bf16': clients train" in (event.remark or "") for event in said)
    assert any("precision = 'bf16': clients train" in remark for remark in found.remarks)
    assert "clients trained in bf16" in study_facts(found)
    assert "clients trained in bf16" in caption(found)
    assert found.model("fedavg").description.precision == "bf16"
    report = (tmp_path / "s" / "report.html").read_text("utf-8")
    assert "clients trained in bf16" in report
    plans = {event.plan for event in said if event.plan}
    assert plans
    assert all(plan.startswith("chunks of 64 clients") for plan in plans)  # none is tried


def test_a_usual_study_says_nothing(usual: tuple[unalike.Result, Path]) -> None:
    result, folder = usual
    assert read_study(folder / "study.toml").precision == "float32"
    assert not any("trained in" in fact for fact in study_facts(result))
    assert not any("precision" in remark for remark in result.remarks)
    assert result.model("fedavg").description.precision == "float32"


@settable
def test_a_run_is_not_continued_in_another_precision(usual: tuple[unalike.Result, Path]) -> None:
    _, folder = usual
    study = read_study(folder / "study.toml")
    before = {path: path.read_bytes() for path in folder.rglob("*.jsonl")}
    longer = study.model_copy(update={"rounds": 4, "precision": "bf16"})
    try:
        longer.write(folder / "study.toml")
        with emulated_bf16(), pytest.raises(InputError, match="in float32 up to round 2, and its"):
            unalike.resume(folder)
    finally:
        study.write(folder / "study.toml")
    assert {path: path.read_bytes() for path in folder.rglob("*.jsonl")} == before


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("bf16", "--precision bf16 would change nothing"),
        ("fp8", "precision"),
    ],
)
def test_the_command_refuses_before_anything_is_written(
    given: str,
    sentence: str,
    tmp_path: Path,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("unalike.engines.precision.can_be_set", lambda: True)
    monkeypatch.setattr("unalike.engines.precision.reduces", lambda: False)
    folder = tmp_path / "study"
    assert command("compare", "--precision", given, "--rounds", 1, "--out", folder) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not folder.exists()


def test_runs_that_share_a_process_are_refused() -> None:
    asked, usual = (make_study({**SMALL, "precision": each}) for each in ("bf16", "float32"))
    with joblib.parallel_config("threading", n_jobs=2), workers(None, None) as found:
        with pytest.raises(InputError, match="holds for a whole process"):
            found.require_apart(asked)
        found.require_apart(usual)
    for backend, jobs in (("threading", 1), ("loky", 2)):
        with workers(backend, jobs) as found:
            found.require_apart(asked)


@settable
def test_threads_of_one_process_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with emulated_bf16(), pytest.raises(InputError, match="take --backend loky, or --jobs 1"):
        unalike.compare(**ASKED, precision="bf16", out=tmp_path / "s", backend="threading", jobs=2)
    assert not (tmp_path / "s").exists()


def test_a_network_refuses_it_at_either_end(tmp_path: Path) -> None:
    study = make_study({**SMALL, "precision": "bf16"})
    with pytest.raises(InputError, match="precision is for simulated studies"):
        prepare(study, tmp_path / "study")
    assert not (tmp_path / "study").exists()
    with pytest.raises(MessageError, match="precision is for simulated studies"):
        read_settings(settings_for_sites(study))
