"""The command `unalike new-method`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import say


def new_method(
    name: Annotated[str, typer.Argument(help="How the method is called, as in my-method.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder of the files.")] = Path(),
) -> None:
    """Write a method of one's own to begin from, with its tests and three planted bugs."""
    from unalike.testing.new_method import write_new_method

    method, test, bugs = write_new_method(name, folder)
    say(f"{method} is the method, {test} its proofs, {bugs} what they must notice.")
    say(f"Try it: python -m pytest {test}")
    say(f"Compare it: unalike compare --plugin {method} --methods {name},fedavg")
