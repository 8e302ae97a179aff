"""What a method's file says of itself at its top, read without importing it, and so without torch.

TITLE: IDEA

Source  the publication
Wire    what travels
Ours    what is done in another way
Avoid   when not to use it; may be left out
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from importlib.resources import files

UNSAID = "not said"
OTHER_FILES = ("__init__", "header")
"""Files beside the methods'."""


def method_names() -> tuple[str, ...]:
    """The methods, in the order of the alphabet: each is called as its file is."""
    names = (entry.name for entry in files("unalike").joinpath("methods").iterdir())
    stems = (name.removesuffix(".py") for name in names if name.endswith(".py"))
    return tuple(sorted(stem for stem in stems if stem not in OTHER_FILES))


def read_top(method: str) -> dict[str, str] | None:
    """What the file of this method says, by the name of each part; None where there is none."""
    if method not in method_names():
        return None
    source = files("unalike").joinpath("methods", f"{method}.py").read_text("utf-8")
    found = parse_top(ast.get_docstring(ast.parse(source), clean=False) or "")
    return None if found is None else said(found)


def parse_top(text: str) -> dict[str, str | None] | None:
    """The parts of a file's docstring; None where it is written in another way."""
    found = re.fullmatch(
        r"(?P<title>[^:\n]+): (?P<idea>.+?)\n\nSource  (?P<source>.+?)\nWire    (?P<wire>.+?)\n"
        r"Ours    (?P<ours>.+?)(?:\nAvoid   (?P<avoid>.+?))?\s*",
        text,
        re.DOTALL,
    )
    return None if found is None else found.groupdict()


def said(parts: Mapping[str, str | None]) -> dict[str, str]:
    """The same, each on one line, and what is missing named so."""
    return {name: " ".join((part or UNSAID).split()) for name, part in parts.items()}
