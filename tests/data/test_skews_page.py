"""The how-to page about skews: its table is the registry's, its code and commands run."""

import re
import shlex
from pathlib import Path

import pytest

from unalike.data.skews.registry import KINDS
from unalike.study.inputs import deal_study
from unalike.study.settings import make_study

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


@pytest.mark.parametrize("block", BLOCKS)
def test_the_code_runs(block: str) -> None:
    exec(compile(block, "skews.md", "exec"), {})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_make_a_study(command: str) -> None:
    values: dict[str, object] = {"skew": []}
    words = shlex.split(command)
    for option, value in zip(words[::2], words[1::2], strict=True):
        name = option.removeprefix("--").replace("-", "_")
        values["skew"] = [*values["skew"], value] if name == "skew" else values["skew"]
        values |= {} if name == "skew" else {name: value}
    federation = deal_study(make_study(values), 0)
    assert len(federation.skews) == len(make_study(values).skew)


def test_every_kind_has_an_example() -> None:
    examples = " ".join([*COMMANDS, *BLOCKS])
    for kind in KINDS:
        assert re.search(rf"(--skew |\"){kind}[ :\"]", examples + " "), kind
