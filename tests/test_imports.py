"""Imports go one way: no circle among the files of `src`, whichever statement closes it.

Every import statement counts, also one inside a function or under TYPE_CHECKING, so that nobody
can hide a circle there. That importing a file runs the `__init__` of its packages does not count.
"""

import ast
from collections import deque
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src"
Graph = dict[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """The files below a folder by the dotted names of their modules."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules among `known` that a file imports, by any statement anywhere in it."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *(node.module.split(".") if node.module else ())])
            for alias in node.names:
                module = f"{source}.{alias.name}"
                found.add(module if module in known else source)
    return (found & set(known)) - {name}


def import_graph(root: Path) -> Graph:
    """Who imports whom among the files below a folder."""
    known = modules(root)
    return {name: imports(name, path, known) for name, path in known.items()}


def circle_through(graph: Graph, start: str) -> list[str]:
    """The shortest way along imports from a module back to itself; empty where there is none."""
    before: dict[str, str] = {}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for there in sorted(graph[here]):
            if there == start:
                way = [start]
                while here != start:
                    way.append(here)
                    here = before[here]
                return [start, *reversed(way)]
            if there not in before:
                before[there] = here
                queue.append(there)
    return []


def circles(graph: Graph) -> list[list[str]]:
    """A shortest circle through each module that is in one, the same circle only once."""
    found: dict[frozenset[str], list[str]] = {}
    for name in sorted(graph):
        if way := circle_through(graph, name):
            found.setdefault(frozenset(way), way)
    return sorted(found.values(), key=lambda way: (len(way), way))


def test_no_file_imports_itself_in_a_circle() -> None:
    found = circles(import_graph(SRC))
    listed = "\n".join("  " + "\n    imports ".join(way) for way in found)
    assert not found, f"{len(found)} circles of imports among the files of src:\n{listed}"


@pytest.mark.parametrize(
    "statement",
    [
        "from .a import x",
        "from . import a",
        "from house import a",
        "import house.a",
        "def late():\n    from .a import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.a import x",
    ],
)
def test_a_circle_is_found_however_it_is_closed(tmp_path: Path, statement: str) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "__init__.py").write_text("from .a import x\n")
    (house / "a.py").write_text("from .b import y\n")
    (house / "b.py").write_text("from .c import z\n")
    (house / "c.py").write_text("import os\n")
    assert circles(import_graph(tmp_path)) == []
    (house / "c.py").write_text(f"{statement}\n")
    assert circles(import_graph(tmp_path)) == [["house.a", "house.b", "house.c", "house.a"]]


def test_a_file_that_imports_from_its_own_package_is_in_a_circle(tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "__init__.py").write_text("from .a import x\ny = 1\n")
    (house / "a.py").write_text("from . import y\n")
    assert circles(import_graph(tmp_path)) == [["house", "house.a", "house"]]
