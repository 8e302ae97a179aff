"""The command `unalike` run in this process, for tests."""

from __future__ import annotations

import sys

import pytest

from unalike.cli.main import main


def unalike(*arguments: object) -> int:
    """Run the command; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["unalike", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)
