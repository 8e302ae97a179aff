"""What the pages say is true: their code runs, their links lead somewhere, their table is right."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer

from command_line import read_command
from command_line import unalike as run_command
from pages import MARKS, PAGES, ROOT, Block, blocks_of, commands
from unalike.data.sources import find, is_here
from unalike.study.data_files import is_file
from unalike.study.inputs import deal_study
from unalike.study.settings import Study, read_study

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^(unalike|python|pip|make|pytest|import|from) ", re.MULTILINE)
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
LANGUAGES = ("python", "sh", "toml", "nginx", "text")


def marked(block: Block) -> Any:
    """The block as a parameter of a test."""
    marks = [pytest.mark.slow] if block.mark == "slow" else []
    return pytest.param(block, id=str(block), marks=marks)


def run_here(*languages: str) -> list[Any]:
    """The blocks of these languages that are run or checked by this file."""
    elsewhere = ("run by", "not run")
    return [marked(b) for b in BLOCKS if b.language in languages and b.mark not in elsewhere]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that pages speak of."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y, hospital = np.arange(120) % 2, np.repeat(["north", "south", "west"], 40)
    x = rng.normal(size=(120, 4)).astype(np.float32) + y[:, None] + (hospital == "west")[:, None]
    np.savez("mine.npz", x=x, y=y, hospital=hospital)
    frame = pd.DataFrame(x, columns=["age", "dose", "weight", "pulse"])
    frame.assign(diagnosis=y, hospital=hospital).to_csv("mine.csv", index=False)
    frame.assign(outcome=y, hospital=hospital).to_csv("patients.csv", index=False)
    Path("study.toml").write_text(
        'data = "digits"\nmethods = "fedavg"\nmodel = "logistic"\nclients = 4\nrounds = 2\n'
    )
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    text, blocks = page.read_text("utf-8"), blocks_of(page)
    ends = 2 * (len(blocks) + sum(block.output is not None for block in blocks))
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == ends, "a fence was not understood"
    for block in blocks:
        assert block.language in LANGUAGES, block
        assert block.mark in ("", *MARKS), block
        assert bool(block.why) == (block.mark in ("checked", "run by", "not run")), block
        if block.language == "text":
            assert not re.search(r"^(unalike|python|pip|make|import|from) ", block.text, re.M), (
                block
            )
    outside = FENCED.sub("", text)
    assert not re.search(r"(?:^|\n)(?![-*\d]|\s+[-*]).*\n\n    \S", outside), "fence this code"


@pytest.mark.parametrize("block", run_here("python"))
def test_python(block: Block, place: Path) -> None:
    assert block.mark in ("", "slow"), f"{block}: python is run, or says why it is not"
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})
    if block.output is not None:
        assert printed.getvalue() == block.output


@pytest.mark.parametrize("block", run_here("toml"))
def test_study_files(block: Block, place: Path) -> None:
    Path("page.toml").write_text(block.text)
    study = read_study(Path("page.toml"))
    assert study.model_fields_set, "the block sets nothing"


@pytest.mark.parametrize("block", run_here("sh"))
def test_commands(block: Block, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.mark == "checked":
        monkeypatch.setattr("unalike.api.compare.run_study", checked_start)
    for words in commands(block.text):
        (check if block.mark == "checked" else run)(words)


@pytest.mark.parametrize(
    "block", [pytest.param(b, id=str(b)) for b in BLOCKS if b.mark == "not run"]
)
def test_what_nobody_runs_is_read(block: Block) -> None:
    spell(block)


@pytest.mark.parametrize(
    "block", [pytest.param(b, id=str(b)) for b in BLOCKS if b.mark == "run by"]
)
def test_what_is_run_elsewhere_is_named_there(block: Block) -> None:
    assert block.page.name in (ROOT / block.why).read_text("utf-8")


def spell(block: Block) -> None:
    """Read what is not run: it is of its language, and unalike knows the options that it gives."""
    if block.language == "python":
        compile(block.text, str(block), "exec")
    elif block.language == "toml":
        tomllib.loads(block.text)
    else:
        subprocess.run(["sh", "-n", "-c", block.text], check=True, capture_output=True)
        for words in commands(block.text):
            if words[0] == "unalike":
                read_command(*words[1:])


def run(words: list[str]) -> None:
    """Carry a command out."""
    program, *arguments = words
    if program == "unalike":
        assert run_command(*arguments) == 0
    else:
        assert program == "python", f"say why {shlex.join(words)!r} is not run"
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def check(words: list[str]) -> None:
    """Read a command with all its options, without carrying it out."""
    program, *arguments = words
    if words[:2] == ["unalike", "compare"]:
        assert run_command(*arguments) == 0
    elif program == "unalike":
        read_command(*arguments)
    elif program == "make":
        subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True)
    elif words[:2] == ["python", "-m"]:
        file = getattr(importlib.util.find_spec(words[2]), "origin", f"no module {words[2]}")
        compile(Path(file).read_text("utf-8"), file, "exec")
    elif program == "python":
        compile((ROOT / words[1]).read_text("utf-8"), words[1], "exec")
    elif program == "pytest":
        assert all((ROOT / word).exists() for word in arguments if "/" in word)
    else:
        raise AssertionError(f"{shlex.join(words)!r} cannot be checked: say why it is not run")


def checked_start(study: Study, folder: Path, **_: object) -> None:
    """In place of training: methods, settings, split and skews are what there is."""
    for label in study.labels():
        study.method(label)
    if is_file(study.data) or is_here(find(study.data).name):
        assert len(deal_study(study, 0).skews) == len(study.skew)
    raise typer.Exit


def test_the_table_of_methods() -> None:
    spec = importlib.util.spec_from_file_location("table", ROOT / "docs" / "methods_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.filled(README) == README, "run python docs/methods_table.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_project(page: Path) -> None:
    for text, target in re.findall(r"\[([^\]]*)\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        assert (page.parent / target).exists(), target
        if text.startswith("test_"):
            assert f"def {text}(" in (page.parent / target).read_text("utf-8"), text


def test_the_rooms_and_files_of_the_architecture() -> None:
    page, source = (ROOT / "docs" / "architecture.md").read_text("utf-8"), ROOT / "src" / "unalike"
    rooms = page.split("## The floors")[1].split("## Where do I")[0]
    cells = "".join(re.findall(r"^\| (`.*?) \|", rooms, re.MULTILINE))
    listed = re.findall(r"`([a-z_]+(?:/|\.py))`", cells)
    there = {f"{path.name}/" for path in source.iterdir() if (path / "__init__.py").exists()}
    files = {path.name for path in source.glob("*.py")} - {"__init__.py"}
    assert set(listed) == there | files
    picture = rooms.split("```")[1]
    assert all(re.search(rf"\b{room.rstrip('/')}\b", picture) for room in there)
    for path in re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?)`", page):
        homes = (source, source / "network", source / "data", ROOT)
        assert any((home / path).exists() for home in homes), path
