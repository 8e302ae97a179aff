"""When a study over a network ends, each site has its own model, and the server the shared part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from flwr.app import Message as FlowerMessage

import unalike
from command_line import unalike as run
from model_scores import reported, score
from network_grid import InProcessGrid, node
from site_files import QUICK, STUDY, blobs, table
from unalike import Federation, InputError, Result, compare
from unalike.api.result import read_result
from unalike.engines.personal_prediction import OwnModels
from unalike.functional.trees import named_tree
from unalike.network.protocol.flower_message import unwrap
from unalike.network.protocol.messages import Message, pack
from unalike.network.server.study import prepare, run_study
from unalike.network.site.own_samples import read_own_samples
from unalike.network.site.session import Session
from unalike.network.site.site_models import SiteModels
from unalike.network.site.site_record import SiteRecord
from unalike.network.site.site_settings import SiteSettings
from unalike.study.inputs import deal_study
from unalike.study.keep import NONE
from unalike.study.kept_models import RoundModels, kept_rounds, read_models
from unalike.study.kept_size import readable
from unalike.study.settings import make_study

SETTINGS: dict[str, Any] = {
    "data": "digits",
    "methods": "ditto",
    "model": "logistic",
    "clients": 4,
    "new_clients": 0.25,
    "alpha": 0.3,
    "rounds": 4,
    "seeds": 1,
    "batch_size": 64,
    "evaluate_every": 1,
    "settings": {
        "local": {"adapt_epochs": 1},
        "fedavg": {"lr": 0.5},
        "ditto": {"lr": 0.5, "personal_lr": 0.5},
    },
}
HIDDEN = 0


class Ended(NamedTuple):
    folder: Path  # of everything
    said: dict[int, list[str]]  # by site
    clients: Federation
    simulated: Result
    grid: InProcessGrid


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("federation")
    study, said = make_study(SETTINGS), {}
    clients = deal_study(study, 0)

    def session(row: int) -> Session:
        settings = SiteSettings(
            clients.names[row], folder / str(row), client=row, reveal_scores=row != HIDDEN
        )
        said[row] = []

        def tell(event: str, **more: Any) -> None:
            if event == "said":
                said[row].append(more["text"])

        return Session(settings, tell)

    grid = InProcessGrid({1 + row: node(session(row).handle) for row in range(4)})
    prepare(study, folder / "study")
    run_study(grid, folder / "study", replace(QUICK, baselines=True), lambda _: None)
    plain = {name: value for name, value in SETTINGS.items() if name != "data"}
    return Ended(folder, said, clients, compare("digits", **plain), grid)


def _model(ended: Ended, row: int, method: str = "ditto") -> unalike.TrainedModel:
    return unalike.load(ended.folder / str(row) / "models" / f"{method}-seed-0.safetensors")


@pytest.mark.parametrize("method", ["local", "fedavg", "ditto"])
def test_each_site_has_the_model_of_the_simulation(method: str, ended: Ended) -> None:
    for row, client in enumerate(ended.clients.names):
        model = _model(ended, row, method)
        assert model.description.client == client
        if ended.clients.newcomers[row]:
            continue
        simulated = ended.simulated.model(method, client)
        assert model.description.round == simulated.description.round
        if method == "ditto":
            assert model.description.round < SETTINGS["rounds"], "the last round leads"
        with torch.no_grad():
            torch.testing.assert_close(
                model.module(ended.clients.x), simulated.module(ended.clients.x), atol=1e-6, rtol=0
            )


def test_what_the_site_is_told(ended: Ended) -> None:
    for row, sentences in ended.said.items():
        assert len(sentences) == 3
        ditto = next(one for one in sentences if one.startswith("ditto, seed 0: the model of"))
        test = ended.clients.test.rows(row)
        x, y = ended.clients.x_test[test], ended.clients.y_test[test]
        values = {
            name: score(_model(ended, row, name), x, y) for name in ("ditto", "local", "fedavg")
        }
        text = ended.clients.task.main.text
        assert f"accuracy on this site's test samples {text(values['ditto'])} (" in ditto
        assert f"Local {text(values['local'])}" in ditto
        assert str(ended.folder / str(row) / "models") in ditto


def _size(message: FlowerMessage) -> int:
    head, body = unwrap(message)
    return len(head) + len(body)


def test_each_site_writes_down_what_it_sent_and_how_it_fared(ended: Ended) -> None:
    for row, name in enumerate(ended.clients.names):
        page = (ended.folder / str(row) / "report.html").read_text()
        (folder,) = (path.parent for path in (ended.folder / str(row)).glob("*/record.json"))
        record = SiteRecord.read(folder)
        sent: dict[str, int] = {}
        received = dict(sent)
        for node_id, request, reply in ended.grid.log:
            if node_id == 1 + row and reply is not None:
                verb = Message.of(unwrap(request)).verb
                sent[verb] = sent.get(verb, 0) + _size(reply)
                received[verb] = received.get(verb, 0) + _size(request)
        assert {verb: one.sent for verb, one in record.exchanged.items()} == sent
        assert {verb: one.received for verb, one in record.exchanged.items()} == received
        assert readable(sum(sent.values())) in page
        assert f"{name}, and how it fared" in page
        test = ended.clients.test.rows(row)
        x, y = ended.clients.x_test[test], ended.clients.y_test[test]
        text = ended.clients.task.main.text
        for method in ("ditto", "local", "fedavg"):
            assert f"<td>{text(score(_model(ended, row, method), x, y))}</td>" in page
        assert ("did not tell how well models do" in page) == (row == HIDDEN)


def test_the_server_keeps_the_shared_part_alone(ended: Ended) -> None:
    result = read_result(ended.folder / "study")
    for description in kept_rounds(ended.folder / "study/runs/ditto/seed-0").items():
        assert set(read_models(*description).trees) == {"global", "newcomer", "start"}
    shared = result.model("ditto")
    pooled = ended.clients.pooled_test
    told = np.setdiff1d(np.arange(4), [HIDDEN])
    known = np.isin(pooled, np.concatenate([ended.clients.test.rows(row) for row in told]))
    x, y = ended.clients.x_test[pooled[known]], ended.clients.y_test[pooled[known]]
    expected = reported(result.frame, "ditto", "global_accuracy_best")
    assert score(shared, x, y) == pytest.approx(expected, abs=1e-9)
    with pytest.raises(InputError, match="kept no models of clients"):
        result.model("ditto", next(iter(shared.description.clients)))


def test_nothing_but_the_chosen_model_is_left(ended: Ended) -> None:
    for row in range(4):
        assert not list((ended.folder / str(row)).rglob("round-*.safetensors"))
        assert len(list((ended.folder / str(row) / "models").iterdir())) == 3


def test_nothing_is_kept_where_nothing_is_wanted(tmp_path: Path) -> None:
    study = make_study({**SETTINGS, "keep": NONE, "methods": "fedavg", "rounds": 1})
    sites = [SiteSettings(f"s{row}", tmp_path / str(row), client=row) for row in range(4)]
    grid = InProcessGrid({1 + row: node(Session(one).handle) for row, one in enumerate(sites)})
    prepare(study, tmp_path / "study")
    run_study(grid, tmp_path / "study", QUICK, lambda _: None)
    assert not list(tmp_path.rglob("model*"))
    assert "no model is kept" in (tmp_path / "0" / "report.html").read_text()


def own_sites(folder: Path) -> dict[int, Session]:
    """North and south with tables of their own, as nodes 1 and 2."""
    sessions = {}
    for at, name in enumerate(("north", "south")):
        table(*blobs(60, at)).to_csv(folder / f"{name}.csv", index=False)
        samples = read_own_samples(folder / f"{name}.csv", label="grade")
        sessions[1 + at] = Session(SiteSettings(name, folder / name, samples))
    return sessions


def test_a_site_predicts_from_its_own_table(tmp_path: Path) -> None:
    """What was fitted over the network travels with the model that the site keeps."""
    study = make_study({**STUDY, "rounds": 2})
    nodes = {at: node(one.handle) for at, one in own_sites(tmp_path).items()}
    prepare(study, tmp_path / "study", sites=2)
    run_study(InProcessGrid(nodes), tmp_path / "study", QUICK, lambda _: None)
    kept = tmp_path / "north" / "models" / "fedavg-seed-0.safetensors"
    assert unalike.load(kept).description.client == "north"
    frame, out = table(*blobs(60, 0)), tmp_path / "predictions.csv"
    assert run("predict", kept, tmp_path / "north.csv", "--out", out) == 0
    assert (pd.read_csv(out)["prediction"] == frame["grade"]).mean() > 0.9


def test_a_site_that_leaves_keeps_the_model_of_the_last_round_that_it_saw(tmp_path: Path) -> None:
    study = make_study({**STUDY, "rounds": 4, "evaluate_every": 1})
    grid = InProcessGrid({at: node(one.handle) for at, one in own_sites(tmp_path).items()})

    def watch(event: dict[str, Any]) -> None:
        if event["event"] == "round" and event["t"] == 2:
            del grid.nodes[2]

    prepare(study, tmp_path / "study", sites=2)
    run_study(grid, tmp_path / "study", replace(QUICK, deadline=0.2), watch)
    gone = unalike.load(tmp_path / "south" / "models" / "fedavg-seed-0.safetensors")
    assert (gone.description.round, gone.description.when) == (2, "last")
    assert set(gone.predict(table(*blobs(30, 1)))) == {"mild", "severe", "none"}
    page = (tmp_path / "south" / "report.html").read_text()
    assert "2 (the last one here, of 4, not over when this was written)" in page
    stayed = unalike.load(tmp_path / "north" / "models" / "fedavg-seed-0.safetensors")
    assert stayed.description.when == "best"


def test_after_a_run_that_diverged_the_chosen_model_is_kept(tmp_path: Path) -> None:
    study = make_study({**STUDY, "rounds": 4, "evaluate_every": 1})
    nodes = {}
    for at, one in own_sites(tmp_path).items():

        def handle(message: Message, session: Session = one) -> Message:
            if message.verb == "train" and message.facts["t"] == 3:
                return pack("train", {"t": 3, "gradients": 0, "sound": False})
            return session.handle(message)

        nodes[at] = node(handle)
    prepare(study, tmp_path / "study", sites=2)
    run_study(InProcessGrid(nodes), tmp_path / "study", QUICK, lambda _: None)
    shared = read_result(tmp_path / "study").model("fedavg")
    for name in ("north", "south"):
        kept = unalike.load(tmp_path / name / "models" / "fedavg-seed-0.safetensors").description
        assert (kept.round, kept.when) == (shared.description.round, "best")
        assert "diverged" in (tmp_path / name / "report.html").read_text()


def test_a_model_that_is_not_finite_is_none(tmp_path: Path, ended: Ended) -> None:
    about = _model(ended, 1, "fedavg").description.model_copy(update={"personal": (), "rounds": 3})
    said: list[str] = []
    record = SiteRecord()
    models = SiteModels(tmp_path / "runs", tmp_path, about, "best,last", record, said.append)
    good = next(iter(kept_rounds(ended.folder / "study/runs/fedavg/seed-0").items()))
    w = named_tree(read_models(*good).trees["global"])[None]
    for t, weights in ((1, w), (2, w + torch.nan)):
        own = (OwnModels(np.arange(1), weights),)
        models.hold(RoundModels(own, None, None, None), t, 0, {"personal": 0.5})
    models.choose(2, diverged=True)
    assert unalike.load(tmp_path / "fedavg-seed-0.safetensors").description.round == 1
    assert "it diverged; the model of round 1 is kept" in said[0]
    models.choose(1)
    assert record.run("fedavg", 0, 3).when == "last"
