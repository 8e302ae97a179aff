"""The site of documentation: nothing is left out of it, and it is built without a complaint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notebooks import NOTEBOOKS, ROOT, executed
from unalike.methods import METHODS

DOCS = ROOT / "docs"
yaml = pytest.importorskip("yaml", reason="the extra docs is not installed")
mkdocs = pytest.importorskip("mkdocs", reason="the extra docs is not installed")


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the site's own pages, from which they can be imported."""
    monkeypatch.syspath_prepend(str(DOCS / "site"))
    return DOCS / "site"


def in_navigation() -> list[str]:
    """The pages that the navigation names."""

    def leaves(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from leaves(inner) if not isinstance(entry, str) else ()

    return list(leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))


def test_every_page_is_in_the_navigation_once(hooks: Path) -> None:
    import outside_pages

    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    there |= {path.relative_to(DOCS).with_suffix(".md").as_posix() for path in NOTEBOOKS}
    there |= {*outside_pages.PAGES.values(), "methods/index.md"}
    assert sorted(in_navigation()) == sorted(there)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_page(name: str, hooks: Path) -> None:
    import method_pages

    page = method_pages.method_page(name)
    for heading in ("Hyper-parameters", "Run it", "The code", "What is proven"):
        assert f"\n## {heading}\n" in page
    assert re.search(r'!!! warning "When not to use it"\n\n    When .+\.\n', page)
    assert f"class {METHODS[name].__name__}(" in page, "its code is shown"
    assert page.count("\n| fixed point |") + page.count("\n| limit |") > 0, "its proofs are shown"
    assert f"]({name}.md)" in method_pages.index_page()


def test_a_public_name_without_a_docstring_is_told(
    hooks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import public_names

    package = tmp_path / "src" / "unalike"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""A package."""\n\n__all__ = ["Case", "left_out"]\n')
    with (package / "__init__.py").open("a") as file:
        file.write('class Case:\n    """Known."""\n\n    told: int  # in metres\n    bare: int\n')
        file.write("\n    def silent(self): ...\n")
    monkeypatch.setattr(public_names, "ROOT", tmp_path)
    assert public_names.faults({"unalike.Case"}) == [
        "unalike.left_out is public, but no page of docs/reference shows it.",
        "unalike.Case.bare is public and has no docstring.",
        "unalike.Case.silent is public and has no docstring.",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_hold_what_they_put_out(path: Path) -> None:
    text = path.read_text("utf-8")
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert code
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert "error" not in {output["output_type"] for output in outputs}
    assert "stderr" not in {output.get("name") for output in outputs}, "a warning was stored"
    shown = {kind for output in outputs for kind in output.get("data", ())}
    assert {"text/html", "application/vnd.plotly.v1+json"} <= shown
    assert not re.search(r"/(home|tmp|work|root|usr)/", text), "a path of one machine was stored"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    if path.stem == "six-hospitals":
        pytest.importorskip("flwr", reason="its last part needs the extra network")
    notebook = executed(path, tmp_path)
    stored = json.loads(path.read_text("utf-8"))
    assert kinds(notebook["cells"]) == kinds(stored["cells"]), "run python tests/notebooks.py"


def kinds(cells: list[dict[str, Any]]) -> list[set[str]]:
    """What each cell of code puts out, by kind."""
    return [
        {kind for output in cell["outputs"] for kind in output.get("data", ["text"])}
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def build(folder: Path, *, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the repository."""
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_site_is_built_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = build(ROOT, site=site)
    assert done.returncode == 0, done.stderr
    for name in METHODS:
        assert (site / "methods" / f"{name}.html").exists()
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]+src=\"?(https?:)?//|<link[^>]+stylesheet[^>]+//"
    )
    for page in site.rglob("*.html"):
        assert not loaded.search(page.read_text("utf-8")), page


@pytest.mark.slow
def test_a_dead_link_or_anchor_fails_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for part in ("docs", "src", "tests"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.suffix in (".md", ".yml", ".toml"):
            shutil.copy(path, copy)
    page = copy / "docs" / "start.md"
    page.write_text(f"{page.read_text()}\n[a](nowhere.md) [b](how-to/data.md#nothing)\n")
    done = build(copy, site=tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
    assert "#nothing" in done.stderr
