"""Studies with skews: what is kept, what is said, and windows of time judged test-then-train."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from small_studies import SMALL, comparable
from unalike import Federation, InputError, compare, resume
from unalike.cli.main import main
from unalike.core import Batch, Batches, Problem, average
from unalike.core.method import Method, NoState
from unalike.data.windows import Windows, in_window
from unalike.engines.local import LocalEngine
from unalike.engines.personal_prediction import PersonalPredictor
from unalike.engines.plan import Plan
from unalike.engines.prediction import Lookup
from unalike.methods import METHODS
from unalike.rounds import rounds
from unalike.study.inputs import UserInputs, problem_for
from unalike.study.settings import make_study
from unalike.study.training import ProgressEvent

TIMED: dict[str, Any] = {**SMALL, "split": "iid", "alpha": None, "rounds": 4}
DRIFT = "label-drift:windows=2,strength=1"


def own(clients: int = 4, samples: int = 160, **options: Any) -> Federation:
    rng = np.random.default_rng(0)
    y = np.arange(samples) % 4
    x = np.eye(4)[y] + 0.3 * rng.standard_normal((samples, 4))
    return Federation.from_arrays(x, y, split="iid", clients=clients, **options)


class Mean(Method):
    """Sends the mean of what a client holds; predicts with it."""

    name = "mean"

    def client_update(
        self, problem: Any, down: Any, client: NoState, batches: Batches
    ) -> tuple[NoState, torch.Tensor]:
        return client, torch.cat([average(_mean, batches), average(_mean, batches.validation)])

    def personalise(self, problem: Any, down: Any, client: Any, batches: Batches) -> torch.Tensor:
        return average(_mean, batches)


def _mean(batch: Batch) -> torch.Tensor:
    return (batch.weight[:, None] * batch.x).sum(0) / batch.size


@pytest.mark.parametrize("mode", ["stacked", "single"])
def test_a_client_holds_the_samples_of_the_round(mode: Any) -> None:
    f = own(new_clients=0.25, validation=0.2, skew=["label-drift:windows=3", "gain"])
    module = nn.Linear(4, 4)
    engine = LocalEngine(
        Mean(), Problem(module), f, seed=0, batch_size=8, epochs=1, plan=Plan(mode, 2, 1), rounds=6
    )
    w = engine.w
    for t in (1, 4, 2, 6, 3, 5):
        now = f.at_window((t - 1) // 2)
        downs = w.expand(3, -1)
        ups = engine.train(t, np.arange(3), downs).ups
        personal, new = engine.personalise(t, w), engine.adapt(t, w)
        for i, row in enumerate(engine.rows):
            mine = f.x[now.train.rows(row)].mean(0)
            assert torch.allclose(ups[i, :4], mine, atol=1e-5)
            assert torch.allclose(personal[i], mine, atol=1e-5)
            held_out = f.x[now.validation.rows(row)]
            if len(held_out):
                assert torch.allclose(ups[i, 4:], held_out.mean(0), atol=1e-5)
        assert torch.allclose(new[0], f.x[now.train.rows(engine.new_rows[0])].mean(0), atol=1e-5)


def one_class_a_window(clients: int = 3) -> Federation:
    """Window t holds class t alone, and samples say nothing: a model can only count."""
    y = np.arange(clients * 90) % 3
    f = Federation.from_arrays(np.zeros((len(y), 1)), y, split="iid", clients=clients)
    windows = Windows(3, f.y.numpy().copy(), f.y_test.numpy().copy())
    return Federation(**{**vars(f), "window": windows})


def test_test_then_train_and_forgetting_in_closed_form() -> None:
    result = compare(
        one_class_a_window(),
        model="logistic",
        methods="local",
        rounds=6,
        seeds=1,
        local_epochs=30,
        settings={"local": {"lr": 1.0}, "fedavg": {"lr": 1.0}},
    )
    frame = result.frame.set_index(["method", "client", "metric"]).sort_index().value
    for method in ("local", "fedavg"):
        assert frame[method, "all", "next_window_accuracy_mean"] == 0
        assert frame[method, "all", "past_windows_accuracy_mean"] == 0
        assert frame[method, "all", "forgetting_mean"] == 1
        third = frame[method, "all", "personalised_accuracy_mean_last"]
        assert third == pytest.approx(1 / 3, abs=0.06)
    assert result.table(full=True).loc["local", "next_window"] == 0
    assert result.table(full=True).loc["local", "forgetting"] == 1


def test_the_next_window_is_judged_before_it_is_trained_on() -> None:
    """The number in the summary is that of the model after the last round of the window before."""
    f = own(skew=["label-drift:windows=2,strength=1"])
    settings = {"methods": "local", "seeds": 1, "model": "logistic", "rounds": 4}
    frame = compare(f, **settings).frame
    study = make_study({"data": "own", **settings})
    method, problem = study.method("local"), problem_for(study, f, UserInputs(f))
    engine = LocalEngine(
        method,
        problem,
        f,
        seed=0,
        batch_size=study.batch_size,
        epochs=study.local_epochs,
        plan=Plan("stacked", 4, 1),
        w=problem.init(0),
        rounds=4,
    )
    server = method.init_server(problem, engine.w, engine.population)
    *_, last = islice(rounds(method, engine, server, cohort=4, seed=0), 2)
    ahead = in_window(f.train, f.window.samples, np.ones(4, np.int64))
    judged = PersonalPredictor(engine).predict(2, last.server, [Lookup("train", ahead)]).of[0]
    right = np.split(
        (judged.output.argmax(-1) == judged.truth).numpy(), np.cumsum(ahead.sizes)[:-1]
    )
    told = frame[(frame.method == "local") & frame.metric.eq("next_window_accuracy")]
    np.testing.assert_allclose(told.value, [each.mean() for each in right])


@pytest.mark.slow
def test_every_method_goes_over_time() -> None:
    f = own(clients=5, samples=200, new_clients=0.2, skew=["arrival:windows=2", "swap"])
    said: list[ProgressEvent] = []
    result = compare(
        f, model="mlp", methods="all", rounds=2, seeds=1, batch_size=32, tell=said.append
    )
    left_out = {one.remark.split()[0] for one in said if one.remark and "left out" in one.remark}
    frame = result.frame[result.frame.metric == "next_window_accuracy_mean"]
    assert set(frame.method) == set(METHODS) - left_out
    assert len(left_out) <= 3
    assert frame.value.between(0, 1).all()
    finite = result.frame[result.frame.metric == "forgetting_mean"].value
    assert np.isfinite(finite).all()


def test_groups_that_share_a_model_are_held_against_the_true_ones() -> None:
    """IFCA finds who names classes otherwise; FedAvg and Local have no groups to judge."""
    f = own(clients=8, samples=1200, new_clients=0.25, skew=["permutation:groups=2"])
    assert np.flatnonzero(f.newcomers)[0] < 7  # so that places among all and among training differ
    result = compare(
        f,
        model="logistic",
        methods="fedavg,ifca",
        rounds=6,
        seeds=1,
        local_epochs=3,
        settings={"ifca": {"clusters": 2}},
    )
    rows = result.frame[result.frame.metric == "cluster_agreement_last"]
    assert rows.method.tolist() == ["ifca"]
    assert rows.value.item() == 1
    assert result.table(full=True).loc["ifca", "cluster_agreement"] == 1
    plain = compare(own(), model="logistic", methods="ifca", rounds=1, seeds=1)
    assert not plain.frame.metric.str.contains("agreement").any()


class StoppedError(Exception):
    """The study is interrupted."""


@pytest.mark.slow
def test_a_stopped_study_over_time_ends_in_the_same_numbers(tmp_path: Path) -> None:
    settings = {**TIMED, "methods": "fedavg,scaffold", "skew": [DRIFT, "rotation"], "rounds": 6}
    whole = compare("digits", **settings)

    def stop(progress: ProgressEvent) -> None:
        if progress.label == "scaffold" and progress.t == 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        compare("digits", out=tmp_path / "s", tell=stop, **settings)
    again = resume(tmp_path / "s")
    pd.testing.assert_frame_equal(
        comparable(again.frame), comparable(whole.frame), check_exact=True
    )
    chunked = compare("digits", chunk=2, **settings)
    pd.testing.assert_frame_equal(
        comparable(chunked.frame), comparable(whole.frame), check_exact=True
    )


def test_a_study_without_time_has_no_such_numbers() -> None:
    frame = compare("digits", methods="local", **SMALL).frame
    assert not frame.metric.str.contains("window|forgetting").any()


def test_skews_are_kept_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "study"
    settings = {**TIMED, "methods": "fedavg", "skew": ["rotation:groups=2", DRIFT, "swap"]}
    result = compare("digits", out=folder, **settings)
    truth = pd.read_csv(folder / "truth.csv")
    assert set(truth["skew"]) == {"rotation", "swap"}
    assert truth.groupby("skew").client.nunique().tolist() == [5, 5]
    assert set(truth[truth["skew"] == "rotation"].drawn) == {"0 degrees", "180 degrees"}
    page = (folder / "report.html").read_text()
    for words in (
        "rotation (groups by 0, 180 degrees)",
        "all images of a client turned by one angle",
        "label-drift (windows 2, law linear, strength 1)",
        "exchange the names of pairs of classes",
        "Next window",
        "Forgetting",
    ):
        assert words in page
    assert any("skew rotation" in remark for remark in result.remarks)
    assert 'kind = "rotation"' in (folder / "study.toml").read_text()


def test_the_command_takes_skews(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'model = "logistic"\nrounds = 2\nseeds = 1\nclients = 4\nrun = ["fedavg"]\n'
        'skew = ["gain", {kind = "noise", level = 0.2}]\n'
    )
    out = tmp_path / "out"
    assert _unalike("compare", file, "--out", out, "--jobs", 1) == 0
    assert 'kind = "noise"' in (out / "study.toml").read_text()
    other = tmp_path / "other"
    options = ("--skew", "swap:pairs=2", "--skew", "pathological:classes_per_client=3")
    assert _unalike("compare", file, *options, "--out", other, "--jobs", 1) == 0
    written = (other / "study.toml").read_text()
    assert 'split = "pathological"' in written
    assert 'kind = "gain"' not in written
    capsys.readouterr()
    assert _unalike("compare", "--skew", "rotatoin") == 2
    assert "did you mean 'rotation'" in " ".join(capsys.readouterr().err.split())


def test_the_command_lists_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert _unalike("skews") == 0
    assert "label-drift" in capsys.readouterr().out
    assert _unalike("skews", "noise", "--json") == 0
    assert '"name": "level"' in capsys.readouterr().out
    assert _unalike("skews", "nois") == 2
    assert "did you mean 'noise'" in capsys.readouterr().err


def _unalike(*arguments: object) -> int:
    import sys

    before, sys.argv = sys.argv, ["unalike", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


def test_clients_from_python_can_be_skewed_for_a_study() -> None:
    plain = compare(own(), model="logistic", methods="local", rounds=1, seeds=2)
    with_skews = compare(own(), model="logistic", methods="local", rounds=1, seeds=2, skew=["swap"])
    assert not comparable(plain.frame).equals(comparable(with_skews.frame))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"skew": ["label-drift"], "rounds": 3}, "3 rounds are too few for 5 windows"),
        (
            {
                "skew": [DRIFT],
                "rounds": 4,
                "methods": "mocha",
                "settings": {"mocha": {"form": "dual"}},
            },
            "mocha keeps a number for each sample",
        ),
        ({"skew": ["natural"], "split": "iid"}, "say how samples are dealt once"),
        ({"skew": ["dirichlet:alpa=1"]}, "did you mean 'alpha'"),
    ],
)
def test_what_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        compare("digits", **{"clients": 5, "model": "logistic", "seeds": 1, **settings})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"skew": ["arrival"]}, "does not judge"),
        ({"data": "own", "skew": ["noise"]}, "not for the sites' own samples"),
    ],
)
def test_what_a_network_cannot_have(settings: dict[str, Any], words: str) -> None:
    pytest.importorskip("flwr")
    from unalike.network.server.study import _suitable

    with pytest.raises(InputError, match=words):
        _suitable(make_study(settings), lambda _: None)
