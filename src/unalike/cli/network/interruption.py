"""Ctrl-C and SIGTERM: what was started ends in order, and a last sentence says what is kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from unalike.cli.console import say


@contextmanager
def interruptible(sentence: str) -> Iterator[None]:
    """Leave with this sentence and exit code 130 when a user or the system ends the command."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        say(sentence)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
