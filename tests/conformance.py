"""The conformance matrix: what is proven of which method, and by which test.

    python tests/conformance.py

writes `docs/conformance.md` from the marks `@pytest.mark.proof(family, statement)` of
`tests/methods` and the planted bugs of `tests/mutations`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mutate import bugs
from unalike.methods import METHODS
from unalike.testing import LAWS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "conformance.md"
FAMILIES = ("fixed point", "invariant", "limit")
CONTRACT = "tests/test_every_method.py"


class Proof(NamedTuple):
    """One test that proves something of a method."""

    family: str
    statement: str
    test: str  # the function's name
    file: str  # relative to the root


def proofs(name: str) -> list[Proof]:
    """The marked tests of a method, in the order of its file; none where there is no file."""
    file = f"tests/methods/test_{name}.py"
    path = ROOT / file
    return list(_marked(path, file)) if path.exists() else []


def contract() -> list[str]:
    """The tests that every method passes."""
    tree = ast.parse((ROOT / CONTRACT).read_text())
    tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    of_headers = [name.removeprefix("test_") for name in tests if name.startswith("test_")]
    names = [law.__name__ for law in LAWS] + [name for name in of_headers if name != "law"]
    return [name.replace("_", " ") for name in names]


def render() -> str:
    """The page."""
    families = " | ".join(f"{family}s" for family in FAMILIES)
    lines = [
        "# What is proven",
        "",
        "Every method passes the same contract, and has proofs of its own: closed forms in double "
        "precision (fixed points), quantities that never change (invariants) and other methods "
        "that it contains (limits). The planted bugs are mistakes that these tests are known to "
        "notice. This page is written by `python tests/conformance.py`; each number links to its "
        "tests.",
        "",
        f"| method | contract | {families} | planted bugs |",
        "|---" * (len(FAMILIES) + 3) + "|",
    ]
    lines += [_row(name) for name in METHODS]
    lines += ["", "## The contract", "", f"Tests: [{CONTRACT}](../{CONTRACT})", ""]
    lines += [f"- {sentence}" for sentence in contract()]
    for name in METHODS:
        lines += ["", f"## {name}", ""]
        lines += [
            f"- {proof.family}: {_plain(proof.statement)} ([{proof.test}](../{proof.file}))"
            for family in FAMILIES
            for proof in proofs(name)
            if proof.family == family
        ]
    return "\n".join(lines) + "\n"


def _row(name: str) -> str:
    found = proofs(name)
    counts = [sum(proof.family == family for proof in found) for family in FAMILIES]
    mine = f"../tests/methods/test_{name}.py"
    cells = [f"[{name}](#{name})", f"[{len(contract())}](../{CONTRACT})"]
    cells += [f"[{count}]({mine})" if count else "" for count in counts]
    planted = len(bugs(name)) if (ROOT / f"tests/mutations/{name}.toml").exists() else 0
    cells.append(f"[{planted}](../tests/mutations/{name}.toml)" if planted else "")
    return "| " + " | ".join(cells) + " |"


def _plain(statement: str) -> str:
    """The statement with the signs that Markdown would take for its own kept as they are."""
    return re.sub(r"([*_|<>\[\]])", r"\\\1", statement)


def _marked(path: Path, file: str) -> Iterator[Proof]:
    for node in ast.walk(ast.parse(path.read_text())):
        for mark in getattr(node, "decorator_list", ()):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.proof":
                family, statement = (ast.literal_eval(part) for part in mark.args)
                yield Proof(family, statement, node.name, file)  # type: ignore[attr-defined]


if __name__ == "__main__":
    PAGE.write_text(render())
    print(PAGE.relative_to(ROOT))
