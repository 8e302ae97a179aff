"""The code of the project's pages, for tests: every fenced block, and what its page says of it.

A block is run as it stands, unless an HTML comment in the line above it says why not:

    <!-- slow -->               run, by the slow tests
    <!-- checked: why -->       each command is read with all its options, but not carried out
    <!-- run by: tests/... -->  another test runs it
    <!-- not run: why -->       nobody does

Blocks of `text` (pictures, formulas) are no code; one of `output` is what the block before prints.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MARKS = ("slow", "checked", "run by", "not run")
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[a-z ]+?)(?:: (?P<why>[^\n]+))? -->\n\n?)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    output: what it should print, where the page says so.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str = ""
    why: str = ""
    output: str | None = None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, those of `output` joined to the ones before."""
    text, found = page.read_text("utf-8"), []
    for match in FENCE.finditer(text):
        mark, why, language, code = match.group("mark", "why", "language", "text")
        line = text.count("\n", 0, match.start("text"))
        if language == "output" and found:
            before = found.pop()
            found.append(Block(*list(vars(before).values())[:-1], output=code))
        else:
            found.append(Block(page, line, language, code, mark or "", why or ""))
    return found


def commands(script: str) -> list[list[str]]:
    """The words of each command, without comments."""
    lines = script.replace("\\\n", " ").splitlines()
    words = (shlex.split(line, comments=True) for line in lines)
    return [line for line in words if line]
