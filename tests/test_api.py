"""Comparing methods from Python."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import unalike
from pages import ROOT, blocks_of
from small_studies import SMALL, comparable
from unalike import Federation, InputError, compare, resume
from unalike.methods import METHODS
from unalike.results.summary import read_summary
from unalike.results.verdict import judge
from unalike.study.training import ProgressEvent
from unalike.tasks import SHARE, Task, register_measure


def test_public_names() -> None:
    assert unalike.__all__ == sorted(unalike.__all__)
    assert all(hasattr(unalike, name) for name in unalike.__all__)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[unalike.Result, Path]:
    folder = tmp_path_factory.mktemp("study") / "out"
    return compare("digits", methods="fedavg,scaffold,local", out=folder, **SMALL), folder


def test_the_summary_is_tidy(small: tuple[unalike.Result, Path]) -> None:
    result, folder = small
    frame = read_summary(folder / "summary.csv")
    assert frame.columns.tolist() == ["method", "seed", "client", "metric", "value"]
    assert not frame.duplicated(["method", "seed", "client", "metric"]).any()
    assert set(frame["client"]) == {"all", *result.names}
    assert set(frame["method"]) == {"local", "fedavg", "scaffold"}
    pd.testing.assert_frame_equal(frame, result.frame, check_exact=True)


def test_a_result_is_taken_away_as_the_page_says(
    small: tuple[unalike.Result, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = small
    monkeypatch.chdir(tmp_path)
    (block,) = [b for b in blocks_of(ROOT / "docs/how-to/results.md") if b.mark == "run by"]
    exec(block.text, {"result": result})
    assert str(result).startswith(f"{judge(result)}\n\nMethod")
    assert str(result).startswith(result.headline)
    assert r"\toprule" in (tmp_path / "table.tex").read_text()
    assert (tmp_path / "table.md").read_text() == result.to_markdown()
    back, whole = pd.read_csv(tmp_path / "table.csv", index_col="method"), result.table(full=True)
    for name in ("personalised", "traffic"):
        pd.testing.assert_series_equal(back[name], whole[name], check_dtype=False, rtol=1e-14)
    assert set(result.table()) < set(result.table(full=True))
    assert "<b>" in result._repr_html_()


def test_a_measure_is_added_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "own", {})
    register_measure(
        "classes",
        "error",
        lambda output, truth: float((output.argmax(1) != truth).mean()),
        higher_is_better=False,
        unit=SHARE,
    )
    result = compare("digits", methods="fedavg", **SMALL)
    frame = result.frame
    found = (
        frame[(frame.method == "fedavg") & (frame.seed == 0)]
        .set_index(["client", "metric"])
        .sort_index()
    )
    for client in set(frame.client) - {"all"}:
        for when in ("best", "last"):
            told = found.value.get((client, f"personalised_error_{when}"))
            if told is not None:
                right = found.value[client, f"personalised_accuracy_{when}"]
                assert told == pytest.approx(1 - right)
    mean = found.value["all", "personalised_error_mean_last"]
    assert mean == pytest.approx(1 - found.value["all", "personalised_accuracy_mean_last"])
    right = found.value["all", "global_accuracy_last"]
    assert found.value["all", "global_error_last"] == pytest.approx(1 - right)
    assert result.table(full=True)["error"].notna().all()


def test_every_measure_is_in_the_frame_and_the_table(small: tuple[unalike.Result, Path]) -> None:
    result, _ = small
    known = set(result.frame[result.frame.method == "fedavg"].metric)
    measures = result.task.measures
    assert {f"global_{one.name}_last" for one in measures} | {"global_loss_last"} <= known
    assert {f"personalised_{one.name}_mean_best" for one in measures} <= known
    beside = {one.column for one in measures if one != result.task.main}
    assert beside == {"balanced", "f1", "auc", "log_loss", "calibration_error"}
    assert beside | {f"global_{column}" for column in beside} <= set(
        result.table(full=True).columns
    )


def test_the_mean_is_that_of_the_clients(small: tuple[unalike.Result, Path]) -> None:
    frame = small[0].frame
    mine = frame[(frame.method == "fedavg") & frame.metric.eq("personalised_accuracy_last")]
    mean = frame[
        (frame.method == "fedavg") & frame.metric.eq("personalised_accuracy_mean_last")
    ].value.item()
    assert mean == pytest.approx(mine.value.mean(), abs=1e-12)
    assert len(mine) == 4


def test_the_same_study_gives_the_same_numbers(small: tuple[unalike.Result, Path]) -> None:
    again = compare("digits", methods="fedavg,scaffold,local", **SMALL)
    pd.testing.assert_frame_equal(
        comparable(again.frame), comparable(small[0].frame), check_exact=True
    )


@pytest.mark.slow
def test_two_jobs_give_the_same_numbers(small: tuple[unalike.Result, Path]) -> None:
    again = compare("digits", methods="fedavg,scaffold,local", jobs=2, **SMALL)
    pd.testing.assert_frame_equal(
        comparable(again.frame), comparable(small[0].frame), check_exact=True
    )


def test_bytes_are_those_on_the_wire(small: tuple[unalike.Result, Path]) -> None:
    frame = small[0].frame.query("client == 'all'").set_index(["method", "metric"]).value
    numbers = 64 * 10 + 10
    assert frame["fedavg", "bytes_down"] == 3 * 4 * numbers * 4
    assert frame["scaffold", "bytes_up"] == 2 * frame["fedavg", "bytes_up"]
    assert frame["local", "bytes_down"] == 0


def test_a_finished_study_is_only_read(small: tuple[unalike.Result, Path]) -> None:
    steps: list[ProgressEvent] = []
    again = resume(small[1], tell=steps.append)
    assert [step.label for step in steps] == [""]
    pd.testing.assert_frame_equal(again.frame, small[0].frame, check_exact=True)


def test_resuming_equals_never_stopping(small: tuple[unalike.Result, Path], tmp_path: Path) -> None:
    class CutError(Exception):
        pass

    def stop(step: ProgressEvent) -> None:
        if (step.label, step.t) == ("scaffold", 2):
            raise CutError

    folder = tmp_path / "cut"
    with pytest.raises(CutError):
        compare("digits", methods="fedavg,scaffold,local", out=folder, tell=stop, **SMALL)
    again = resume(folder)
    pd.testing.assert_frame_equal(
        comparable(again.frame), comparable(small[0].frame), check_exact=True
    )


def test_an_old_study_is_not_overwritten(small: tuple[unalike.Result, Path]) -> None:
    with pytest.raises(InputError, match="already holds a study"):
        compare("digits", methods="fedavg", out=small[1], **SMALL)


def test_divergence_ends_one_method_and_not_the_others() -> None:
    settings = {**SMALL, "settings": {"fedprox": {"lr": 1e30}, "local": {"adapt_epochs": 1}}}
    result = compare("digits", methods="fedprox,fedavg", **settings)
    frame = result.frame.query("client == 'all'").set_index(["method", "metric"]).value
    assert frame["fedprox", "diverged_round"] == 1
    assert frame["fedavg", "rounds"] == 3
    assert any("fedprox" in remark and "round 1" in remark for remark in result.remarks)


def own_data() -> Federation:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 240)
    x = rng.normal(size=(240, 4)) + y[:, None]
    return Federation.from_arrays(x, y, client=np.repeat(["north", "south", "west"], 80))


def test_own_data_and_own_module() -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    before = [p.clone() for p in module.parameters()]
    result = compare(own_data(), model=module, methods="fedavg", rounds=2, seeds=2)
    assert result.names == ("north", "south", "west")
    assert set(result.frame["seed"]) == {0, 1}
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_own_studies_are_resumed_with_their_data(tmp_path: Path) -> None:
    compare(own_data(), model="logistic", methods="fedavg", rounds=2, seeds=1, out=tmp_path / "o")
    with pytest.raises(InputError, match="given from Python"):
        resume(tmp_path / "o")
    assert resume(tmp_path / "o", data=own_data()).names == ("north", "south", "west")


def test_a_module_that_does_not_fit_the_classes() -> None:
    with pytest.raises(InputError, match="5"):
        compare(own_data(), model=nn.Linear(4, 5), methods="fedavg", rounds=1, seeds=1)


def test_classes_are_named_for_sites_only() -> None:
    with pytest.raises(InputError, match="named for sites of a federation"):
        compare(own_data(), model="logistic", methods="fedavg", classes=["a", "b", "c"])


def test_vacuous_settings_are_said() -> None:
    settings = {**SMALL, "settings": {"fedprox": {"mu": 0}}, "new_clients": 0.0}
    result = compare("digits", methods="fedprox", **settings)
    assert any("mu = 0" in remark for remark in result.remarks)


def test_table_and_report(small: tuple[unalike.Result, Path], tmp_path: Path) -> None:
    assert len(small[0].table()) == 3
    assert small[0].report(tmp_path / "page.html").stat().st_size > 10_000


@pytest.mark.slow
def test_all_leaves_out_what_does_not_fit_and_says_so() -> None:
    steps: list[ProgressEvent] = []
    settings = {**SMALL, "rounds": 1}
    result = compare("digits", methods="all", tell=steps.append, **settings)
    said = [step.remark for step in steps if step.remark and "left out" in step.remark]
    assert [remark.split()[0] for remark in said] == ["fedas", "fusedspacefed"]
    assert set(result.frame["method"]) == set(METHODS) - {"fedas", "fusedspacefed"}
    with pytest.raises(InputError, match="encoder"):
        compare("digits", methods="fusedspacefed", **settings)


def test_own_weights_are_the_start() -> None:
    module = nn.Linear(4, 3)
    with torch.no_grad():
        module.weight.zero_()
        module.bias.copy_(torch.tensor([9.0, 0.0, 0.0]))
    result = compare(
        own_data(),
        model=module,
        methods="fedavg",
        rounds=1,
        seeds=1,
        settings={"fedavg": {"lr": 0.0}, "local": {"lr": 0.0}},
    )
    predicted = result.frame.query("metric == 'global_accuracy_last'").value.item()
    counts = result.label_counts.sum(0)
    assert predicted == pytest.approx(counts[0] / counts.sum(), abs=0.1)
