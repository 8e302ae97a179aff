"""Models of a table of one's own: raw rows in, names of classes out; saved, exported, adapted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

import unalike
from command_line import unalike as run
from model_scores import score
from unalike import Federation, InputError, Result, TrainedModel, compare
from unalike.data.reading import read
from unalike.models.module_file import read_module
from unalike.study import kept_size
from unalike.study.files import CHECKSUM, read_tensors, write_tensors
from unalike.study.inputs import UserInputs, deal_study, federation_for
from unalike.study.kept_models import HEADER
from unalike.study.settings import read_study

Output = pytest.CaptureFixture[str]
FEATURES = ["age", "dose", "sex"]


def patients() -> pd.DataFrame:
    """240 of four hospitals: numbers with gaps, a category, and two classes with names."""
    rng = np.random.default_rng(0)
    ill, hospital = np.arange(240) % 2, np.repeat(["north", "south", "west", "east"], 60)
    frame = pd.DataFrame(
        {
            "age": 50 + 9 * rng.normal(size=240) + 8 * ill,
            "dose": rng.normal(size=240) + ill + (hospital == "west"),
            "sex": np.where(rng.random(240) < 0.5, "f", "m"),
            "outcome": np.where(ill == 1, "ill", "well"),
            "hospital": hospital,
        }
    )
    frame.loc[::17, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `study` of a study, its table `patients.csv`, and `new.csv` of a new site."""
    home = tmp_path_factory.mktemp("own")
    patients().to_csv(home / "patients.csv", index=False)
    patients().drop(columns="hospital")[:90].to_csv(home / "new.csv", index=False)
    assert (
        run(
            *("compare", "--data", home / "patients.csv", "--jobs", 1, "--out", home / "study"),
            *("--client-column", "hospital", "--label-column", "outcome"),
            *("--methods", "ditto,per_fedavg", "--rounds", 2, "--seeds", 1),
        )
        == 0
    )
    return home


@pytest.fixture(scope="module")
def result(place: Path) -> Result:
    return unalike.resume(place / "study")


@pytest.fixture(scope="module")
def model(result: Result) -> TrainedModel:
    return result.model("ditto", client="north")


def test_raw_rows_are_prepared_as_in_training(
    model: TrainedModel, place: Path, tmp_path: Path
) -> None:
    given = deal_study(read_study(place / "study" / "study.toml"), 0)
    frame = patients()
    north = given.names.index("north")
    prepared = torch.cat([given.x[given.train.rows(north)], given.x_test[given.test.rows(north)]])
    raw = frame[frame.hospital == "north"][FEATURES]
    outputs = model.outputs(raw)
    with torch.no_grad():
        expected = model.module(prepared)
    for row in expected:
        assert (outputs - row).abs().amax(1).min() < 1e-6
    assert set(model.predict(frame)) == {"ill", "well"}
    assert np.array_equal(model.predict(frame), model.predict(frame[FEATURES[::-1]]))
    probability = model.predict_proba(place / "patients.csv")
    assert probability.shape == (240, 2)
    assert np.array_equal(np.array(["ill", "well"])[probability.argmax(1)], model.predict(frame))
    again = unalike.load(model.save(tmp_path / "north.safetensors"))
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))


def test_raw_arrays_are_scaled_as_in_training() -> None:
    rng = np.random.default_rng(0)
    y, client = np.arange(120) % 2, np.repeat(["a", "b", "c"], 40)
    x = 5000 + 300 * (rng.normal(size=(120, 3)) + y[:, None])
    found = compare((x, y, client), model="logistic", methods="fedavg", rounds=1, seeds=1)
    study = found.models.study if found.models else None
    given = federation_for(study, UserInputs(dataset=read((x, y, client))), 0)
    model = found.model("fedavg")
    outputs = model.outputs(x)
    with torch.no_grad():
        expected = model.module(torch.cat([given.x, given.x_test]))
    for row in expected:
        assert (outputs - row).abs().amax(1).min() < 1e-6
    with pytest.raises(InputError, match="NaN or infinite"):
        model.predict(np.full((2, 3), np.nan))
    with pytest.raises(InputError, match=r"have the shape \(2,\), and the model takes \(3,\)"):
        model.predict(x[:, :2])


def test_the_file_says_what_it_is(model: TrainedModel, place: Path, tmp_path: Path) -> None:
    saved = model.save(tmp_path / "north.safetensors")
    assert set(load_file(saved)) == set(model.module.state_dict())
    for path in (saved, place / "study/runs/ditto/seed-0/model.best.safetensors"):
        found = read_tensors(path)
        header = json.loads(found[1][HEADER])
        assert header["class_names"] == ["ill", "well"]
        assert header["task"] == "binary"
        assert header["preprocessing"]["input"] == "table"
        assert set(header["versions"]) == {"unalike", "torch"}
        assert dict(header["segments"])["body.1.weight"] == [64, 5]


def test_commands(place: Path, tmp_path: Path, capsys: Output) -> None:
    study, table = place / "study", place / "patients.csv"
    one, each = tmp_path / "north.safetensors", tmp_path / "each"
    assert run("export", study, "--method", "ditto", "--client", "north", "--out", one) == 0
    assert run("export", study, "--method", "ditto", "--client", "all", "--out", each) == 0
    assert sorted(path.stem for path in each.iterdir()) == ["east", "north", "south", "west"]
    predictions = {}
    for models in (one, each):
        out = tmp_path / "predictions.csv"
        assert run("predict", models, table, "--out", out) == 0
        predictions[models] = pd.read_csv(out)
        assert list(predictions[models].columns) == [
            *("hospital", "prediction", "probability_ill", "probability_well"),
        ]
    north = predictions[each].hospital == "north"
    pd.testing.assert_frame_equal(predictions[each][north], predictions[one][north])
    assert not predictions[each].equals(predictions[one])
    new = tmp_path / "new.safetensors"
    given = ("--data", place / "new.csv", "--out", new)
    assert run("adapt", study, "--method", "per_fedavg", *given, "--name", "new-site") == 0
    assert run("predict", new, place / "new.csv", "--out", tmp_path / "new.csv") == 0
    assert "hospital" not in pd.read_csv(tmp_path / "new.csv")
    expected = unalike.resume(study).adapt("per_fedavg", place / "new.csv", "outcome")
    assert np.array_equal(unalike.load(new).predict(table), expected.predict(table))
    assert unalike.load(new).description.client == "new-site"
    capsys.readouterr()


def test_adaptation_is_the_methods_own(result: Result) -> None:
    """Per-FedAvg's is one step of the global model on all rows: nothing else is learned."""
    frame = patients()[:60]
    meta = result.model("per_fedavg")
    adapted = result.adapt("per_fedavg", frame, "outcome")
    step = result.model("per_fedavg").module
    from unalike.trained_models.samples import prepared_samples

    x = prepared_samples(meta.description, frame)
    y = torch.from_numpy((frame.outcome == "well").to_numpy().astype(np.int64))
    weights = list(step.parameters())
    slopes = torch.autograd.grad(functional.cross_entropy(step(x), y), weights)
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            weight -= 0.01 * slope
        torch.testing.assert_close(adapted.module(x), step(x), atol=1e-6, rtol=1e-5)
        assert not torch.allclose(adapted.module(x), meta.module(x), atol=1e-5)


def test_a_model_in_a_notebook_says_what_it_is(model: TrainedModel, result: Result) -> None:
    shown = model._repr_html_()
    assert "ditto, seed 0, round 2 of north" in shown or "round 1 of north" in shown
    assert "columns age, dose, sex" in shown
    assert "ill, well" in shown
    trained = sum(parameter.numel() for parameter in model.module.parameters())
    assert f"<td>{trained:,}</td>" in shown
    assert "the model for everybody" in result.model("ditto")._repr_html_()


REFUSED: dict[str, tuple[Any, str]] = {
    "method": (lambda r: r.model("dito", "north"), "did you mean 'ditto'"),
    "client": (lambda r: r.model("ditto", "nort"), "did you mean 'north'"),
    "round": (lambda r: r.model("ditto", "north", when="first"), "Unknown round"),
    "seed": (lambda r: r.model("ditto", "north", seed=3), "There is no seed 3"),
    "everybody": (lambda r: r.model("local"), "local has no model for everybody: name a client"),
    "columns": (
        lambda r: r.model("ditto", "north").predict(patients()[["age", "sex"]]),
        "lack the column 'dose'",
    ),
    "array": (
        lambda r: r.model("ditto", "north").predict(np.zeros((3, 4))),
        "takes a table with the columns 'age', 'dose', 'sex'",
    ),
    "class": (
        lambda r: r.adapt("per_fedavg", patients()[:4], ["ill", "well", "dead", "ill"]),
        "Unknown class in label, 'dead'",
    ),
    "length": (lambda r: r.adapt("per_fedavg", patients(), ["ill"]), "x has 240 rows and y 1"),
    "file": (lambda r: unalike.load("nothing.safetensors"), "There is no file nothing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be(name: str, result: Result) -> None:
    ask, words = REFUSED[name]
    with pytest.raises(InputError, match=words):
        ask(result)


@pytest.mark.slow
def test_a_run_that_diverged_has_the_model_of_its_best_round(place: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(place / "study", study)
    metrics = study / "runs/ditto/seed-0/metrics.jsonl"
    lines = metrics.read_text().splitlines()
    best = unalike.resume(study).model("ditto", "north").description.round
    for known, words in (
        (lines, "diverged in round 3, so it has no last model"),
        ([], "diverged before anything was measured"),
    ):
        ended = json.dumps({"round": len(known) + 1, "diverged": "too large a step"})
        metrics.write_text("".join(f"{line}\n" for line in [*known, ended]))
        with pytest.raises(InputError, match=words):
            unalike.resume(study).model("ditto", "north", when="last")
        if known:
            again = unalike.resume(study).model("ditto", "north")
            assert again.description.round == best


def test_commands_refuse_in_one_sentence(place: Path, tmp_path: Path, capsys: Output) -> None:
    study = place / "study"
    table = tmp_path / "rows.csv"
    patients()[["age", "sex"]].to_csv(table, index=False)
    model = tmp_path / "model.safetensors"
    assert run("export", study, "--method", "fedavg", "--out", model) == 0
    each, strange = tmp_path / "each", tmp_path / "strange.csv"
    assert run("export", study, "--method", "ditto", "--client", "all", "--out", each) == 0
    patients().assign(hospital="new").to_csv(strange, index=False)
    for words, given in {
        "'new' has no model here": ("predict", each, strange),
        "'unalike adapt' makes it one": ("predict", each, strange),
        "did you mean 'ditto'": ("export", study, "--method", "dito"),
        "did you mean 'onnx'": ("export", study, "--method", "fedavg", "--to", "onx"),
        "lack the column 'dose'": ("predict", model, table, "--out", tmp_path / "p.csv"),
        "damaged, or no model": ("predict", table, table),
        "holds all models of a run": (
            *("predict", study / "runs/fedavg/seed-0/model.best.safetensors", table),
        ),
        "no such file": (
            *("adapt", study, "--method", "fedavg", "--data", "no.csv", "--out", model),
        ),
        "holds no study": ("export", tmp_path, "--method", "fedavg"),
    }.items():
        capsys.readouterr()
        assert run(*given) == 2, words
        said = " ".join(capsys.readouterr().err.split())
        assert words in said
        assert "Traceback" not in said
    assert not (tmp_path / "p.csv").exists()


def test_rows_far_outside_of_training_are_said(
    model: TrainedModel, tmp_path: Path, capsys: Output
) -> None:
    rows = patients().assign(age=patients().age * 38.67)
    with pytest.warns(UserWarning, match=r"Column 'age' runs from .* check its unit"):
        model.predict(rows)
    saved, table = model.save(tmp_path / "model.safetensors"), tmp_path / "rows.csv"
    rows.to_csv(table, index=False)
    assert run("predict", saved, table, "--out", tmp_path / "p.csv") == 0
    said = capsys.readouterr().err
    assert said.count("Column 'age' runs from") == 1
    assert "Column 'dose'" not in said


def test_damage_and_other_versions(model: TrainedModel, tmp_path: Path) -> None:
    path = model.save(tmp_path / "model.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    with pytest.raises(InputError, match="damaged"):
        unalike.load(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        unalike.load(path)
    path.write_bytes(whole)
    tensors, about = read_tensors(path) or ({}, {})
    assert set(about) == {HEADER, CHECKSUM}
    header = json.loads(about[HEADER])
    write_tensors(path, tensors, {HEADER: json.dumps({**header, "format": 99})})
    with pytest.raises(InputError, match="another version of unalike"):
        unalike.load(path)
    write_tensors(path, tensors, {HEADER: json.dumps({**header, "method": "mine"})})
    with pytest.raises(InputError, match="by the method 'mine', which is not here: load the plug"):
        unalike.load(path)
    changed = {name: value + 1 for name, value in tensors.items()}
    write_tensors(path, changed, {HEADER: about[HEADER]})
    with pytest.raises(InputError, match="was not saved with this module"):
        unalike.load(path)
    save_file(tensors, path)
    with pytest.raises(InputError, match="no model that unalike has saved"):
        unalike.load(path)


def _arrays() -> Federation:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 3)).astype(np.float32), np.arange(90) % 3
    return Federation.from_arrays(x, y, client=np.repeat(["a", "b", "c"], 30))


def test_where_clients_take_too_much(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept_size, "MOST_BYTES", 3000)
    said: list[str] = []
    found = compare(
        _arrays(),
        model="mlp",
        methods="ditto",
        rounds=1,
        seeds=1,
        out=tmp_path / "study",
        tell=lambda event: said.append(event.remark or ""),
    )
    assert any("only what clients have in common is kept" in sentence for sentence in said)
    shares = found.model("ditto").predict_proba(_arrays().x[:5].numpy())
    assert shares.shape == (5, 3)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    with pytest.raises(InputError, match="kept no models of clients"):
        found.model("ditto", "a")
    assert read_study(tmp_path / "study" / "study.toml").keep == "best,last,shared"


def test_nothing_is_kept_where_nothing_is_wanted(tmp_path: Path) -> None:
    small: dict[str, Any] = {"model": "logistic", "methods": "fedavg", "rounds": 1, "seeds": 1}
    found = compare(_arrays(), keep="none", out=tmp_path / "study", **small)
    assert not list((tmp_path / "study").rglob("model.*"))
    with pytest.raises(InputError, match="keep = none"):
        found.model("fedavg")
    with pytest.raises(InputError, match=r"keep = 'worst': .*best,last"):
        compare(_arrays(), keep="worst", **small)


def test_models_last_as_long_as_their_result() -> None:
    found = compare(_arrays(), model="logistic", methods="fedavg", rounds=1, seeds=1)
    folder = found.models.folder if found.models else Path()
    assert found.model("fedavg", "a").predict(np.zeros((2, 3), np.float32)).shape == (2,)
    assert folder.exists()
    del found
    assert not folder.exists()


class Stubborn(nn.Module):
    """In evaluation mode it does something else, and it drops out without being asked."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(3), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.dropout(self.norm(self.norm(x) + 1), 0.5)
        return self.linear(x) if self.training else self.linear(x) * 2


def test_a_module_that_behaves_otherwise_outside(tmp_path: Path) -> None:
    given = _arrays()
    found = compare(given, model=Stubborn(), methods="fedavg", rounds=1, seeds=1)
    model = found.model("fedavg", "b")
    assert model.description.form == "function"
    mine = given.test.rows(1)
    frame = found.frame[(found.frame.metric == "personalised_accuracy_best")]
    expected = frame[(frame.method == "fedavg") & (frame.client == "b")].value.item()
    assert score(model, given.x_test[mine], given.y_test[mine]) == expected
    saved = model.save(tmp_path / "model.safetensors")
    again = unalike.load(saved, Stubborn())
    with torch.no_grad():
        assert torch.equal(again.module(given.x), model.module(given.x))


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_exports(to: str, model: TrainedModel, tmp_path: Path) -> None:
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = model.module(x)
    if to == "onnx":
        runtime: Any = pytest.importorskip("onnxruntime")
        path = model.to_onnx(tmp_path / "model.onnx")
        (found,) = runtime.InferenceSession(path).run(None, {"x": x.numpy()})
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    else:
        path = model.to_torch(tmp_path / "model.pt2")
        torch.testing.assert_close(torch.export.load(path).module()(x), expected)


def test_onnx_without_its_packages(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("unalike.trained_models.exports.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'unalike\[onnx\]'"):
        model.to_onnx(tmp_path / "model.onnx")


def test_a_module_in_a_file(tmp_path: Path, capsys: Output) -> None:
    file, rows, out = (tmp_path / name for name in ("mine.py", "rows.npz", "predictions.csv"))
    file.write_text(
        "from torch import nn\n"
        "class Net(nn.Linear):\n"
        "    def __init__(self): super().__init__(3, 3)\n"
    )
    given, module = _arrays(), read_module(f"{file}:Net")
    found = compare(given, model=module, methods="fedavg", rounds=1, seeds=1)
    saved = found.model("fedavg").save(tmp_path / "model.safetensors")
    np.savez(rows, x=given.x.numpy())
    assert run("predict", saved, rows, "--out", out, "--model", f"{file}:Net") == 0
    expected = found.model("fedavg").predict(given.x)
    assert np.array_equal(pd.read_csv(out)["prediction"], expected)
    for words, own in {
        "a module of your own (Net)": (),
        "write FILE.py:NAME": ("--model", "mine"),
        "did you mean 'Net'": ("--model", f"{file}:Nat"),
    }.items():
        capsys.readouterr()
        assert run("predict", saved, rows, "--out", out, *own) == 2
        assert words in " ".join(capsys.readouterr().err.split())
