"""Where commands print: what was asked for on standard output, all else on standard error."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from rich.console import Console

from .json_lines import LogFormat, write_event

out = Console()
err = Console(stderr=True)
_log_format: LogFormat = "text"

ODD = ("Cc", "Cf", "Cs")
"""Categories of characters that control a terminal or the direction of text."""


def set_log_format(log_format: LogFormat) -> None:
    """How `say` and `complain` write from now on."""
    global _log_format
    _log_format = log_format


def printable(text: str) -> str:
    """The text with control characters written out, so that nobody else steers the terminal."""
    return "".join(
        letter
        if letter in "\n\t" or unicodedata.category(letter) not in ODD
        else ascii(letter)[1:-1]
        for letter in text
    )


def say(sentence: str) -> None:
    """One line on standard error, as it is."""
    if _log_format == "json":
        write_event({"event": "said", "text": sentence})
        return
    err.print(printable(sentence), highlight=False, markup=False, soft_wrap=True)


def complain(sentence: str) -> None:
    """What a user can mend."""
    if _log_format == "json":
        write_event({"event": "error", "text": sentence})
        return
    err.print(
        f"unalike: {printable(sentence)}",
        style="bold red",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def print_headline(sentence: str) -> None:
    """The finding in one sentence, below its table."""
    out.print(f"\n{sentence}", style="bold", highlight=False, markup=False)


def print_report(path: Path) -> None:
    """Where the page is."""
    out.print(f"Report: {path}", highlight=False, markup=False, soft_wrap=True)
