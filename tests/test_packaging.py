"""What is published: whole, in order, and of use where there is no repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from pages import ROOT
from small_studies import SMALL, options

RELATIVE = re.compile(r"\]\((?!https?:|#)[^)]*\)")


def readme_outside(source: str) -> str:
    """The README as a package index shows it."""
    pytest.importorskip("hatchling")
    room: dict[str, object] = {"__name__": "hatch_build"}
    exec(compile((ROOT / "hatch_build.py").read_text(), "hatch_build.py", "exec"), room)
    make: object = room["readme_outside"]
    assert callable(make)
    return str(make((ROOT / "README.md").read_text("utf-8"), source))


def test_no_link_of_the_readme_is_lost_outside() -> None:
    here = (ROOT / "README.md").read_text("utf-8")
    assert RELATIVE.search(here), "nothing to be made absolute"
    home = "https://example.org/unalike"
    outside, alone = readme_outside(home), readme_outside("")
    for text in (outside, alone):
        assert not RELATIVE.search(text)
        assert "<!--" not in text
    assert f"]({home}/blob/main/docs/how-to/deploy.md)" in outside
    assert f"![The report]({home}/raw/main/docs/images/report.png)" in outside
    assert "[Flower](https://flower.ai)" in alone
    assert "conformance matrix" in alone
    assert "![" not in alone


def _run(*command: object, cwd: Path, **variables: str) -> str:
    """What it printed; it must succeed. PYTHONPATH is forgotten."""
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    ended = subprocess.run(
        words, cwd=cwd, env=plain | variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel and of the source distribution that it was built from."""
    for needed in ("build", "hatchling", "twine"):
        pytest.importorskip(needed)
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def outside(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel, and with this one's packages for what it needs."""
    place = tmp_path_factory.mktemp("outside")
    venv.create(place / "venv", with_pip=True, symlinks=True)
    (wheel,) = distributions.glob("*.whl")
    python = place / "venv" / "bin" / "python"
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=place)
    (packages,) = (place / "venv" / "lib").glob("python*/site-packages")
    (packages / "beside.pth").write_text(sysconfig.get_paths()["purelib"])
    return place


@pytest.mark.slow
def test_both_are_in_order(distributions: Path) -> None:
    files = sorted(distributions.iterdir())
    assert [path.suffix for path in files] == [".whl", ".gz"]
    _run(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=distributions)
    with zipfile.ZipFile(files[0]) as wheel:
        (name,) = (one for one in wheel.namelist() if one.endswith("/METADATA"))
        shown = wheel.read(name).decode()
    assert "Federated learning among clients whose data are not alike" in shown
    assert not RELATIVE.search(shown)


@pytest.mark.slow
def test_they_are_whole(distributions: Path) -> None:
    (source,), (built,) = distributions.glob("*.tar.gz"), distributions.glob("*.whl")
    with tarfile.open(source) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers()}
    tracked = _run("git", "ls-files", "--cached", cwd=ROOT).splitlines()
    there = {path for path in tracked if (ROOT / path).exists()}
    assert there <= held, there - held
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
    mine = {path.removeprefix("src/") for path in there if path.startswith("src/unalike/")}
    assert mine <= names, mine - names
    assert not any("/tests/" in name or name.startswith("tests") for name in names)


@pytest.mark.slow
def test_the_wheel_works_without_the_repository(outside: Path) -> None:
    command, work = outside / "venv" / "bin" / "unalike", outside / "work"
    work.mkdir()
    python = outside / "venv" / "bin" / "python"
    home = _run(python, "-c", "import unalike; print(unalike.__file__)", cwd=work)
    assert home.startswith(str(outside / "venv"))
    study = ["compare", "--methods", "local,fedavg", *options(SMALL), "--jobs", 1]
    said = _run(command, *study, "--out", "study", cwd=work)
    assert "FedAvg" in said
    assert "<table" in (work / "study" / "report.html").read_text("utf-8")
    model = ("export", "study", "--method", "fedavg", "--out", "fedavg.safetensors")
    _run(command, *model, cwd=work)
    assert (work / "fedavg.safetensors").exists()
    assert {"fedavg", "mocha"} <= {one["name"] for one in _json(command, "methods", work)}
    assert "digits" in {one["name"] for one in _json(command, "data", work)}
    assert "rotation" in {one["kind"] for one in _json(command, "skews", work)}
    assert "properties" in json.loads(_run(command, "schema", cwd=work))
    _run(command, "new-method", "mine", cwd=work)
    assert len(list(work.glob("*mine*"))) >= 2
    assert "unalike 0." in _run(python, "-m", "unalike", "--version", cwd=work)


def _json(command: Path, what: str, work: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(_run(command, what, "--json", cwd=work))
    return found
