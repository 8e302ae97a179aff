"""Live progress of a study in the terminal: one line per method, and what must be said aloud."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from unalike.methods.header import header
from unalike.results import units
from unalike.study.settings import Study
from unalike.study.training import ProgressEvent as Step

SILENCE = 10.0
"""Seconds between lines where the output is not a terminal."""


class Live:
    """All rounds in one line, and a line for each run at work; elsewhere a line now and then."""

    def __init__(self, study: Study, console: Console) -> None:
        self._study, self._console = study, console
        self._done: dict[tuple[str, int], int] = {}
        self._said: set[str] = set()
        self._spoken = time.monotonic()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} rounds"),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._all = self._bars.add_task("all runs", total=0, note="")
        self._total = 0
        self._lines: dict[tuple[str, int], TaskID] = {}
        self._accuracy: dict[tuple[str, int], str] = {}
        self._epsilon: dict[tuple[str, int], str] = {}

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def tell(self, step: Step) -> None:
        """Take note of a step."""
        if step.runs is not None:
            self._total = step.runs * self._study.rounds
            self._bars.update(self._all, total=self._total)
        if step.remark:
            where = f"{step.label}, seed {step.seed}: " if step.label else ""
            self._print_once(f"note: {where}{step.remark}")
        if step.plan:
            self._print_once(f"plan: {step.plan}")
        if step.label:
            self._advance(step)

    def _advance(self, step: Step) -> None:
        run = (step.label, step.seed)
        if run not in self._lines:
            title = header(type(self._study.method(step.label))).title
            self._lines[run] = self._bars.add_task(
                f"{title}, seed {step.seed}", total=self._study.rounds, note=""
            )
        self._done[run] = self._study.rounds if step.finished else step.t
        self._bars.update(self._lines[run], completed=step.t, visible=not step.finished)
        if step.accuracy is not None:
            self._accuracy[run] = f"validation {step.accuracy:.1%}"
        if step.epsilon is not None:
            self._epsilon[run] = f"epsilon {units.epsilon(step.epsilon)}"
        parts = [self._accuracy.get(run, ""), self._epsilon.get(run, "")]
        self._bars.update(self._lines[run], note=", ".join(filter(None, parts)))
        done = sum(self._done.values())
        self._bars.update(self._all, completed=done)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._spoken > SILENCE:
            self._spoken = now
            parts = [f"{done} of {self._total} rounds done", self._epsilon.get(run, "")]
            self._console.print(", ".join(filter(None, parts)), highlight=False)

    def _print_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._console.print(sentence, highlight=False, markup=False)
