"""The command `unalike` run in this process, for tests."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import typer

from unalike.cli.main import app, main


def unalike(*arguments: object) -> int:
    """Run the command; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["unalike", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


def read_command(*words: str) -> dict[str, Any]:
    """The command's values, read with all its options but not carried out."""
    group: Any = typer.main.get_command(app)
    with group.make_context("unalike", [], resilient_parsing=True) as context:
        name, command, rest = group.resolve_command(context, list(words))
        with command.make_context(name, rest, parent=context) as read:
            values: dict[str, Any] = dict(read.params)
    return values
