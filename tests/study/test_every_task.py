"""Studies of every kind of question, from samples to the page; and what is refused beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_scores import reported, score
from task_samples import MAKERS
from unalike import Federation, compare, diagnose
from unalike.errors import InputError
from unalike.results.verdict import judge

SMALL: dict[str, Any] = {"rounds": 2, "seeds": 1, "evaluate_every": 1, "batch_size": 32}
OWNER = np.repeat(["a", "b", "c", "d"], (40, 25, 61, 34))


def clients(name: str, **options: Any) -> Federation:
    _, output, truth = MAKERS[name](160, 2.0, 4)
    if name == "sequence":
        return Federation.from_arrays(np.maximum(truth, 0), truth, OWNER, task=name, **options)
    noise = np.random.default_rng(1).normal(size=(160, 3))
    x = noise + output.reshape(160, -1)[:, :1]
    return Federation.from_arrays(x, truth, OWNER, task=name, **options)


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("survival", "sequence") else pytest.param(name, marks=pytest.mark.slow)
        for name in MAKERS
    ],
)
def test_a_study_of_every_task(name: str, tmp_path: Path) -> None:
    given = clients(name, new_clients=0.25)
    model = "auto" if name == "sequence" else "logistic"
    result = compare(given, model=model, methods="finetuning", out=tmp_path / "study", **SMALL)
    main = result.task.main
    frame = result.frame[result.frame.method == "finetuning"]
    for metric in (
        f"personalised_{main.name}_mean_best",
        f"global_{main.name}_last",
        f"new_{main.name}_mean_best",
        "gain_over_local_mean_best",
        "qoi_mean_last",
    ):
        value = frame[(frame.metric == metric) & (frame.client == "all")].value.item()
        assert np.isfinite(value), metric
    assert np.isfinite(result.baseline)
    training = int(np.flatnonzero(~given.newcomers)[0])
    mine, client = given.test.rows(training), given.names[training]
    found = score(result.model("finetuning", client), given.x_test[mine], given.y_test[mine])
    expected = reported(frame, "finetuning", f"personalised_{main.name}_best", client)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    means = {
        method: reported(result.frame, method, f"personalised_{main.name}_mean_best", "all")
        for method in ("local", "fedavg", "finetuning")
    }
    assert judge(result).best == min(means, key=lambda method: float(main.key(means[method])))
    assert main.title in str(judge(result))
    assert main.title in (tmp_path / "study" / "report.html").read_text("utf-8")


def test_quantities_are_diagnosed_in_ranges() -> None:
    found = diagnose(clients("regression"), shuffles=20, optimise=False)
    assert len(found.labels) == 10
    assert any("Quantities are looked at in 10 ranges" in remark for remark in found.remarks)


def test_a_named_data_set_under_another_task(tmp_path: Path) -> None:
    settings = {**SMALL, "clients": 4, "alpha": 1.0, "model": "logistic"}
    out = tmp_path / "study"
    result = compare(
        "digits", methods="fedavg", task="regression", loss="huber", out=out, **settings
    )
    assert result.task.name == "regression"
    assert result.settings["loss"] == "huber"
    assert result.table()["personalised"].notna().all()
    with pytest.raises(InputError, match="task 'binary' asks for one of two"):
        compare("digits", task="binary", **settings)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("survival", {"methods": "fedem"}, "FedEM needs a loss for each sample"),
        ("regression", {"methods": "fedas", "model": "mlp"}, "FedAS needs samples of classes"),
        ("regression", {"task": "counts"}, "task = 'counts' beside clients whose task is 'regress"),
        ("regression", {"task": "regresion"}, "regression"),
        ("regression", {"loss": "cross_entropy"}, "No loss|no loss|loss of the task"),
        ("sequence", {"model": "logistic"}, "needs numbers of shape"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    name: str, options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    given = {"methods": "fedavg", "model": "logistic", **SMALL, **options}
    with pytest.raises(InputError, match=words) as error:
        compare(clients(name), out=tmp_path / "study", **given)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "study").exists()


def test_a_client_without_an_event_is_named(tmp_path: Path) -> None:
    _, output, truth = MAKERS["survival"](160, 2.0, 4)
    truth[OWNER == "b", 1] = 0
    held = Federation.from_arrays(output, truth, OWNER, task="survival")
    with pytest.raises(InputError, match="Client 'b' has no event"):
        compare(held, model="logistic", methods="fedavg", out=tmp_path / "study", **SMALL)
    assert not (tmp_path / "study").exists()
