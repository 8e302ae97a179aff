"""The command `unalike show`, and what commands print of a study that has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from . import options
from .console import complain, out, print_headline, print_report

if TYPE_CHECKING:
    from unalike.api.result import Result


def show(folder: options.Folder, plugin: options.Plugins = None) -> None:
    """Print what came out of a study: the table, what is decided, and who beats whom."""
    from unalike.api.result import read_result
    from unalike.results.verdict import judge

    from .comparison_table import ComparisonTable
    from .pair_table import PairTable

    result = read_result(folder)
    verdict = judge(result)
    out.print(ComparisonTable(result))
    print_headline(verdict.headline)
    for sentence in verdict.sentences:
        out.print(sentence.text, highlight=False, markup=False)
    out.print()
    out.print(PairTable(result))
    if (folder / "report.html").exists():
        print_report(folder / "report.html")


def show_result(result: Result, folder: Path) -> None:
    """The table, the headline with what is decided, and where the page is."""
    from unalike.results.privacy_spent import SPENT
    from unalike.results.verdict import judge

    from .comparison_table import ComparisonTable

    verdict = judge(result)
    out.print(ComparisonTable(result))
    print_headline(verdict.headline)
    for sentence in verdict.sentences:
        if sentence.topic == "evidence":
            out.print(sentence.text, highlight=False, markup=False)
    for remark in result.remarks:
        if remark.startswith(SPENT):
            out.print(remark, highlight=False, markup=False)
    print_report(folder / "report.html")


@contextmanager
def interruptible(folder: Path) -> Iterator[None]:
    """Where a user ends the command, say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        complain(f"Interrupted. What is done is kept: go on with 'unalike resume {folder}'.")
        raise typer.Exit(130) from None
