"""Whatever a study reports of a round, the models of that round reach outside of the study too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from model_scores import reported, score, summary_of
from unalike import Federation, Result, compare
from unalike.data.sources import load
from unalike.errors import InputError
from unalike.functional.trees import size_in_bytes
from unalike.methods import METHODS
from unalike.study.kept_size import kept_size
from unalike.study.run import method_of_run
from unalike.trained_models.loading import load as load_model
from unalike.trained_models.network import problem_of
from unalike.trained_models.run_models import StudyModels

FUSED = "fusedspacefed"
SMALL: dict[str, Any] = {
    "rounds": 2,
    "seeds": 1,
    "batch_size": 16,
    "evaluate_every": 1,
    "settings": {
        "local": {"adapt_epochs": 2},
        "mocha": {"adapt_epochs": 2},
        FUSED: {"adapt_epochs": 1},
    },
}


class Net(nn.Module):
    """With everything that a plain module has to bring along: statistics, dropout, a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.full((64,), 0.1))
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2)
        )
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x + self.shift.reshape(x.shape[1:])))


class Trained(NamedTuple):
    result: Result
    federation: Federation
    folder: Path


def _clients(samples: int) -> Federation:
    arrays = load("digits")
    return Federation.from_arrays(
        arrays.x[:samples],
        arrays.y[:samples],
        split="dirichlet",
        alpha=1.0,
        clients=4,
        new_clients=0.25,
    )


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """All methods that train any module, on one of the user's own."""
    folder, given = tmp_path_factory.mktemp("every") / "study", _clients(150)
    names = [name for name in METHODS if name != FUSED]
    torch.manual_seed(0)
    result = compare(given, model=Net(), methods=names, out=folder, **SMALL)
    return Trained(result, given, folder)


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The method that needs a network of its own."""
    folder, given = tmp_path_factory.mktemp("fused") / "study", _clients(60)
    model = "fused:classifier=logistic"
    return Trained(compare(given, model=model, methods=FUSED, out=folder, **SMALL), given, folder)


@pytest.fixture
def trained(request: pytest.FixtureRequest, name: str) -> Trained:
    found: Trained = request.getfixturevalue("fused" if name == FUSED else "every")
    return found


@pytest.mark.parametrize("name", METHODS)
def test_models_reach_what_the_summary_reports(name: str, trained: Trained) -> None:
    result, given, folder = trained
    summary = summary_of(folder)
    for when in ("best", "last"):
        for row, client in enumerate(given.names):
            test, train = given.test.rows(row), given.train.rows(row)
            if given.newcomers[row]:
                model = result.adapt(name, given.x[train], given.y[train], when=when, client=client)
                family = "new"
            else:
                model = result.model(name, client, when=when)
                family = "personalised"
            expected = reported(summary, name, f"{family}_accuracy_{when}", client)
            assert score(model, given.x_test[test], given.y_test[test]) == expected, (client, when)
            assert model.description.form == "module"
        metric = f"global_accuracy_{when}"
        if ((summary.method == name) & (summary.metric == metric)).any():
            pooled = given.pooled_test
            found = score(result.model(name, when=when), given.x_test[pooled], given.y_test[pooled])
            assert found == reported(summary, name, metric)


@pytest.mark.parametrize("name", METHODS)
def test_a_saved_model_is_the_same(name: str, trained: Trained, tmp_path: Path) -> None:
    result, given, _ = trained
    model = result.model(name, given.names[~given.newcomers.argmax()])
    saved = model.save(tmp_path / "model.safetensors")
    again = load_model(saved, None if name == FUSED else Net())
    with torch.no_grad():
        assert torch.equal(again.module(given.x), model.module(given.x))
    assert again.description.client == model.description.client


@pytest.mark.parametrize("name", METHODS)
def test_the_size_is_foretold(name: str, trained: Trained) -> None:
    result, given, _ = trained
    models = result.models
    kept = models.kept(name, "best", 0)
    problem = problem_of(kept.description, models.given)
    foretold = kept_size(
        models.study, method_of_run(models.study, name, given, problem), problem, given
    )
    bytes_kept = sum(
        size_in_bytes(leaf)
        for tree, leaves in kept.trees.items()
        if tree != "places"
        for leaf in leaves.values()
    )
    assert bytes_kept <= sum(foretold)
    if name in ("local", "fedavg", "finetuning", "ditto", "fedper", "fedem"):
        assert bytes_kept == sum(foretold)


def test_a_module_of_ones_own_is_asked_for(every: Trained) -> None:
    result, given, folder = every
    study = result.models.study if result.models else None
    client = given.names[~given.newcomers.argmax()]
    model = StudyModels(study, folder, Net()).model("ditto", client)
    with torch.no_grad():
        assert torch.equal(model.module(given.x), result.model("ditto", client).module(given.x))
    with pytest.raises(InputError, match=r"a module of your own \(Net\)"):
        StudyModels(study, folder).model("ditto", client)
    with pytest.raises(InputError, match="The module Linear is not the one"):
        StudyModels(study, folder, nn.Linear(64, 10)).model("ditto", client)
