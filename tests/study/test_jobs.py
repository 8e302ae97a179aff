"""Runs in other processes: own classes travel, a worker that dies is named, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from small_studies import comparable
from unalike import Federation, InputError, Problem, Result, WorkerError, compare, resume
from unalike.api.studies import in_order
from unalike.study.backends import workers
from unalike.study.training import ProgressEvent

STUDY: dict[str, Any] = {"methods": "fedavg,scaffold,local", "rounds": 3, "seeds": 1}


def federation() -> Federation:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    x = rng.normal(size=(200, 6)) + np.eye(6)[y]
    return Federation.from_arrays(x, y, np.arange(200) % 5, new_clients=0.2)


def network(deadly: str = "") -> nn.Module:
    """A class defined inside a function; it ends the worker that does runs of this method."""
    parent = os.getpid()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            frame = sys._getframe()
            while deadly and os.getpid() != parent and frame is not None:
                if frame.f_locals.get("label") == deadly:
                    os.kill(os.getpid(), signal.SIGKILL)
                frame = frame.f_back  # type: ignore[assignment]
            return self.layer(x)

    torch.manual_seed(0)
    return Net()


@pytest.fixture(scope="module")
def one_by_one() -> Result:
    return compare(federation(), model=network(), **STUDY)


def same_table(one: Result, other: Result) -> None:
    pd.testing.assert_frame_equal(comparable(one.frame), comparable(other.frame), check_exact=True)


def test_threads(one_by_one: Result) -> None:
    steps: list[ProgressEvent] = []
    result = compare(
        federation(), model=network(), jobs=3, backend="threading", tell=steps.append, **STUDY
    )
    same_table(result, one_by_one)
    told = [(step.label, step.t) for step in steps if step.validation is not None]
    assert sorted(told) == sorted(
        (m, t) for m in ("fedavg", "local", "scaffold") for t in (1, 2, 3)
    )


@pytest.mark.slow
def test_a_worker_that_dies_is_named(one_by_one: Result, tmp_path: Path) -> None:
    folder, said = tmp_path / "study", list[str]()
    model = network(deadly="scaffold")
    with pytest.raises(WorkerError) as caught:
        compare(
            federation(),
            model=model,
            out=folder,
            jobs=2,
            tell=lambda step: said.append(step.remark or ""),
            **STUDY,
        )
    assert "The process that did scaffold, seed 0 died twice (SIGKILL(-9))." in str(caught.value)
    assert f"unalike resume {folder}" in str(caught.value)
    assert "memory" not in str(caught.value)
    assert any("done again, each alone" in remark for remark in said)
    assert not [path for path in folder.rglob("*") if path.name.startswith(("progress", "stop"))]
    steps: list[ProgressEvent] = []
    result = resume(folder, data=federation(), model=network(), tell=steps.append)
    assert {step.label for step in steps if step.label} == {"scaffold"}
    same_table(result, one_by_one)


SCRIPT = """
import numpy as np, torch, unalike
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
    def forward(self, x):
        return self.layer(x)

def loss(output, y):
    return nn.functional.cross_entropy(output, y, reduction="none")

rng = np.random.default_rng(0)
y = rng.integers(0, 2, 120)
own = unalike.Federation.from_arrays(rng.normal(size=(120, 4)), y, np.arange(120) % 4)
torch.manual_seed(0)
model = unalike.Problem(Net(), loss)
tables = []
for jobs in (1, 2):
    frame = unalike.compare(
        own, model=model, methods="fedavg", rounds=2, seeds=1, jobs=jobs
    ).frame
    tables.append(frame[~frame.metric.str.contains("seconds|memory")])
assert tables[0].equals(tables[1])
print("equal")
"""


@pytest.mark.parametrize("way", [pytest.param("cell", marks=pytest.mark.slow), "script"])
@pytest.mark.slow
def test_own_classes_need_no_main_guard(way: str, tmp_path: Path) -> None:
    """A script without a main guard; and, as in a notebook, classes that are in no file."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, path] if way == "script" else [sys.executable, "-"],
        input=None if way == "script" else SCRIPT,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "equal\n"


def test_what_cannot_travel_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    model = network()
    model.lock = __import__("threading").Lock()  # type: ignore[assignment]
    problem = Problem.from_function(
        lambda w, x, y: (w * x).sum(-1) * 0 + float(model.lock is not None), torch.zeros(6)
    )
    with pytest.raises(InputError, match=r"cannot be sent to other processes .* take jobs=1"):
        compare(federation(), model=problem, jobs=2, out=tmp_path / "study", **STUDY)
    assert not (tmp_path / "study").exists()


def test_a_problem_travels_with_its_numbers_and_without_its_traces() -> None:
    problem = Problem(network(), "cross_entropy")
    w, x = problem.init(), torch.randn(4, 6)
    again = cloudpickle.loads(cloudpickle.dumps(problem))
    assert torch.equal(again.logits(w, x), problem.logits(w, x))
    assert torch.equal(again.init(3), problem.init(3))
    assert again.layout == problem.layout


def test_the_backend_of_joblib_counts() -> None:
    with workers(None, None) as found:
        assert (found.count, found.remote) == (1, False)
    with joblib.parallel_config("threading", n_jobs=3), workers(None, None) as found:
        assert (found.count, found.remote, found.mortal) == (3, False, False)
    with joblib.parallel_config("threading", n_jobs=3), workers("loky", 2) as found:
        assert (found.count, found.remote, found.mortal) == (2, False, True)


@pytest.mark.slow
def test_a_dask_cluster(one_by_one: Result, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)
    ) as cluster:
        said: list[ProgressEvent] = []
        named = compare(
            federation(),
            model=network(),
            backend=f"dask:{cluster.scheduler_address}",
            tell=said.append,
            **STUDY,
        )
        same_table(named, one_by_one)
        assert sum(step.finished for step in said) == 3
        with distributed.Client(cluster) as client, joblib.parallel_config("dask", client=client):
            same_table(compare(federation(), model=network(), **STUDY), one_by_one)
        folder = tmp_path / "study"
        with pytest.raises(WorkerError, match="Workers died 2 times of scaffold, seed 0"):
            compare(
                federation(),
                model=network(deadly="scaffold"),
                out=folder,
                backend=f"dask:{cluster.scheduler_address}",
                **STUDY,
            )
    same_table(resume(folder, data=federation(), model=network()), one_by_one)


def test_a_whole_comparison_is_there_before_the_next_seed_begins() -> None:
    runs = [(label, seed) for label in ("local", "fedavg", "mefl") for seed in (0, 1)]
    assert in_order(runs) == [
        *(("fedavg", 0), ("local", 0), ("mefl", 0)),
        *(("fedavg", 1), ("local", 1), ("mefl", 1)),
    ]
