"""The how-to page about skews: its table is the registry's, and every kind has an example."""

import re
from pathlib import Path

from unalike.data.skews.registry import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "skews.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^unalike (?:compare|diagnose) (.*)$", PAGE, re.MULTILINE)


def test_the_table_is_that_of_the_registry() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.*=.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (
            kind,
            cls.family,
            ", ".join(f"{n} = {f.default}" for n, f in cls.model_fields.items() if n != "kind"),
        )
        for kind, cls in KINDS.items()
    ]


def test_every_kind_has_an_example() -> None:
    examples = " ".join([*COMMANDS, *BLOCKS])
    for kind in KINDS:
        assert re.search(rf"(--skew |\"){kind}[ :\"]", examples + " "), kind
