"""The how-to page about weights names methods and their settings."""

import re
from dataclasses import fields
from pathlib import Path

from unalike.methods import METHODS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "weights.md").read_text()


def test_the_methods_and_settings_exist() -> None:
    hidden = PAGE[PAGE.index("## When sizes must stay hidden") :]
    listed = re.findall(r"^\| `(\w+)`[^|]*\| (.*?) \|$", hidden, re.MULTILINE)
    assert len(listed) == 7
    for name, said in listed:
        settings = {f.name for f in fields(METHODS[name])}
        named = re.findall(r"`(\w+)`", said)
        assert set(named) <= settings, name
    for name in re.findall(r"`([a-z_]+)`", hidden[hidden.index("**Leak only") :]):
        assert name in METHODS
