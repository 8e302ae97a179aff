"""`unalike diagnose`: its table, its JSON, its page, and what it refuses."""

import doctest
import html
import json
import re
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from command_line import unalike
from unalike import InputError, diagnose
from unalike.cli.diagnose import diagnose as command
from unalike.study.settings import Study
from unlike_worlds import world

Output = pytest.CaptureFixture[str]


def mine(folder: Path) -> Path:
    given = world(0, samples=200, clients=3, label=0.3)
    hospital = np.array(["north", "<b>south</b>", "west"])[given.client]
    path = folder / "mine.npz"
    np.savez(path, x=given.x, y=given.y, hospital=hospital, time=given.time)
    return path


def test_own_data(tmp_path: Path, capsys: Output) -> None:
    code = unalike(
        "diagnose", "--data", mine(tmp_path), "--client-column", "hospital", "--time-column",
        "time", "--shuffles", 100, "--out", tmp_path / "d",
    )  # fmt: skip
    assert code == 0
    printed = capsys.readouterr().out
    assert "label: yes" in printed
    assert "blind to" in printed
    assert "temporal: no" in printed
    whole = json.loads((tmp_path / "d" / "diagnosis.json").read_text())
    assert "label" in whole["found"]
    assert whole["clients"] == ["<b>south</b>", "north", "west"]
    page = (tmp_path / "d" / "diagnosis.html").read_text()
    assert whole["headline"] in page
    assert "<b>south" not in page
    markup = page[: page.index("<script")]
    assert "http://" not in markup
    assert "https://" not in markup
    assert "default-src 'none'" in markup
    figures = json.loads(
        re.search(r'id="figures">(.*?)</script>', page, re.DOTALL).group(1)  # type: ignore[union-attr]
    )
    assert set(figures) == {"chance", "map", "distances", "drift", "holdings"}
    assert len(figures["distances"]) == 4
    assert len(figures["chance"]) == len(figures["drift"]) == 2
    for measure in whole["optimisation"]["measures"]:
        assert measure["blind_to"] in html.unescape(markup)
    assert "client drift is blind to" in " ".join(printed.split())


def test_a_named_data_set(tmp_path: Path, capsys: Output) -> None:
    options = ["--data", "digits", "--split", "dirichlet", "--alpha", 0.1, "--clients", 4]
    assert unalike("diagnose", *options, "--shuffles", 100, "--no-optimise", "--out", tmp_path) == 0
    assert "label: yes" in capsys.readouterr().out
    assert (tmp_path / "diagnosis.html").exists()


def test_python_says_the_same(tmp_path: Path, capsys: Output) -> None:
    given = mine(tmp_path)
    options = ["--client-column", "hospital", "--shuffles", 20, "--out", tmp_path / "d"]
    assert unalike("diagnose", "--data", given, *options) == 0
    capsys.readouterr()
    result = diagnose(given, client_column="hospital", shuffles=20, out=tmp_path / "e")
    for name in ("diagnosis.json", "diagnosis.html"):
        assert (tmp_path / "d" / name).read_text() == (tmp_path / "e" / name).read_text()
    assert result.to_json() == (tmp_path / "d" / "diagnosis.json").read_text()
    page = result.report(tmp_path / "f" / "page.html")
    assert page.read_text() == (tmp_path / "d" / "diagnosis.html").read_text()


def test_every_option_of_the_command_is_one_of_python() -> None:
    given = set(signature(command).parameters) - {"folder", "plugin", "samples"}
    python = set(signature(diagnose).parameters) - {"settings", "out", "client"}
    assert given - python <= set(Study.model_fields)
    assert python <= given


def test_python_refusals(tmp_path: Path) -> None:
    given = world(0, samples=40, clients=2)
    with pytest.raises(InputError, match="client_column names a column, and arrays have none"):
        diagnose(tuple(given), client_column="hospital")
    with pytest.raises(InputError, match=r"alpha = 0\.1 beside samples whose clients are named"):
        diagnose(tuple(given), alpha=0.1)
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        diagnose(tuple(given), shuffles=20, optimise=False, out=tmp_path / "taken")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--client-column", "clinic"], "has no column 'clinic'"),
        (
            ["--client-column", "hospital", "--alpha", "0.1"],
            "alpha = 0.1 beside samples whose clients are named",
        ),
        (["--client-column", "hospital", "--shuffles", "3"], "too few"),
    ],
)
def test_refusals(tmp_path: Path, capsys: Output, options: list[str], words: str) -> None:
    assert unalike("diagnose", "--data", mine(tmp_path), *options, "--out", tmp_path / "d") == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "d").exists()


def broken(folder: Path, kind: str) -> Path:
    """Own data of a few samples, broken in one way."""
    rng = np.random.default_rng(0)
    x, y, client = rng.normal(size=(8, 2)).round(3), np.arange(8) % 2, np.repeat(["a", "b"], 4)
    if kind in ("two sizes", "one folder"):
        for k, name in enumerate(client if kind == "two sizes" else ["a"] * 8):
            place = folder / "pictures" / name / f"class{y[k]}"
            place.mkdir(parents=True, exist_ok=True)
            size = (3, 4 + (k == 5 and kind == "two sizes"))
            Image.new("L", size).save(place / f"{k}.png")
        return folder / "pictures"
    if kind == "many labels":
        np.savez(folder / "mine.npz", x=x, y=np.ones((8, 2)), client=client)
        return folder / "mine.npz"
    frame = pd.DataFrame({"age": x[:, 0], "dose": x[:, 1], "y": y, "client": client})
    changed = {
        "no column": frame.drop(columns="client"),
        "one client": frame.assign(client="a"),
        "no class": frame.assign(y=[None, *y[1:]]),
        "no client": frame.assign(client=[None, *client[1:]]),
        "no samples": frame[:0],
    }[kind]
    changed.to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("no column", "no natural clients: give a column"),
        ("one client", "only one client, 'a'"),
        ("no class", "y .* 1 of 8"),
        ("no client", "client .* 1 of 8"),
        ("no samples", "no rows"),
        ("many labels", r"2 labels each: choose one of them with label=0 to label=1 \(--label\)"),
        ("two sizes", "of two sizes: .* 4 x 3, .* 5 x 3"),
        ("one folder", "only one client, 'a'"),
    ],
)
def test_broken_own_data(tmp_path: Path, capsys: Output, kind: str, words: str) -> None:
    assert unalike("diagnose", "--data", broken(tmp_path, kind), "--out", tmp_path / "d") == 2
    said = capsys.readouterr().err
    assert re.search(words, said), said
    assert said.count("\n") == 1
    assert not (tmp_path / "d").exists()


def test_refusals_of_names(tmp_path: Path, capsys: Output) -> None:
    assert unalike("diagnose", "--data", "digit", "--out", tmp_path / "d") == 2
    assert "did you mean 'digits'" in capsys.readouterr().err
    assert unalike("diagnose", "--client-column", "a", "--out", tmp_path / "d") == 2
    assert "--split" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["unalike.api.diagnose", "unalike.diagnosis.diagnose"])
def test_examples(module: str) -> None:
    names = vars(import_module(module))
    (example,) = doctest.DocTestFinder().find(names["diagnose"], "diagnose", globs=dict(names))
    assert doctest.DocTestRunner().run(example) == (0, len(example.examples))
    assert example.examples


def test_nothing_is_said_twice_of_a_table(tmp_path: Path, capsys: Output) -> None:
    given = world(0, samples=120, clients=3, label=0.3)
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(given.time % 300, unit="D")
    frame = pd.DataFrame(given.x).assign(
        visit=dates.strftime("%Y-%m-%d"), outcome=np.where(given.y, "yes", "no"), site=given.client
    )
    frame.to_csv(tmp_path / "visits.csv", index=False)
    columns = ["--client-column", "site", "--label-column", "outcome", "--time-column", "visit"]
    data = ["--data", tmp_path / "visits.csv", "--shuffles", 40]
    assert unalike("diagnose", *data, *columns, "--out", tmp_path / "d") == 0
    capsys.readouterr()
    said = json.loads((tmp_path / "d" / "diagnosis.json").read_text())["remarks"]
    assert len(said) == len(set(said))
    assert sum("visit runs from 2020-01-01" in remark for remark in said) == 1
    assert sum("in this order: no, yes" in remark for remark in said) == 1
