"""The files that a method of one's own begins with."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from unalike.errors import InputError
from unalike.methods import METHODS

TEMPLATES = {
    "{module}.py": "method.py.txt",
    "test_{module}.py": "test.py.txt",
    "{module}_bugs.toml": "bugs.toml.txt",
}


def write_new_method(name: str, folder: Path) -> list[Path]:
    """Write a method, its tests and three planted bugs; the paths of the files.

    Raises:
        InputError: the name is none, or is taken; a file is there already; nothing is written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        raise InputError(
            f"A method cannot be called {name!r}: take small letters, digits and -, as in "
            "my-method."
        )
    if name in METHODS:
        raise InputError(f"There is a method {name!r} already: choose another name.")
    words = re.split("[-_]", name)
    module = "_".join(words)
    facts = {
        "name": name,
        "module": module,
        "class_name": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
    }
    targets = {folder / path.format(module=module): text for path, text in TEMPLATES.items()}
    for path in targets:
        if path.exists():
            raise InputError(f"{path} is there already: choose another name, or another --out.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in targets.items():
        template = files("unalike.testing").joinpath("templates", text).read_text("utf-8")
        path.write_text(Template(template).substitute(facts), "utf-8")
    return list(targets)
