"""Advice in the terminal: the price before the race, the race while it lasts, the outcome."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from unalike.methods import METHODS
from unalike.methods.header import header
from unalike.results.units import count, percent
from unalike.study.training import ProgressEvent as Step

from .advice_result import Advice, contestant_title
from .pipeline import RacePreview

SILENCE = 10.0
"""Seconds between lines where the output is not a terminal."""


@dataclass(frozen=True)
class Announcement:
    """What rich prints before the race: the shortlist with reasons, and the price."""

    brief: RacePreview

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        brief = self.brief
        yield Text(brief.diagnosis.headline, style="bold")
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("in the race")
        table.add_column("why", overflow="fold")
        for proposal in brief.shortlist:
            reason = "; ".join(proposal.reasons)
            if proposal.method in brief.unfit:
                reason = f"not in the race: {brief.unfit[proposal.method]}"
            elif proposal.method in brief.plan.left_out:
                reason = "left out for want of budget"
            title = header(METHODS[proposal.method]).title
            table.add_row(title, Text(reason))
        yield table
        first, last = brief.plan.heats[0], brief.plan.heats[-1]
        yield Text(
            f"\nThe race: {first.most} settings in {len(brief.plan.heats)} heats, the last on "
            f"{last.folds} folds of the known samples, {last.rounds} rounds each; at most "
            f"{count(brief.plan.price)} gradients of samples. No test sample takes part.",
        )


@dataclass(frozen=True)
class Outcome:
    """What rich prints at the end: the last heat, and the advice."""

    advice: Advice

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        final = self.advice.stages[-1]
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("last heat", overflow="fold")
        table.add_column("in the race", justify="right")
        table.add_column("on test", justify="right")
        accuracy = self.advice.measured.accuracy
        measured = self.advice.measured.comparison.settings["methods"]
        for entry in final.entries:
            one = entry.contestant
            known = measured.get(one.method) == one.settings
            table.add_row(
                Text(contestant_title(one)),
                percent(entry.score),
                percent(accuracy[one.method]) if known else "",
                style="bold" if one.label == self.advice.choice.advised.label else "",
            )
        yield table
        headline, *others = self.advice.sentences
        yield Text(f"\n{headline}", style="bold")
        for sentence in others:
            yield Text(sentence)


class Live:
    """One line for the heat that is run; elsewhere a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done: dict[tuple[str, int], int] = {}
        self._said: set[str] = set()
        self._spoken = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} runs"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._line = self._bar.add_task("", total=0)
        self._runs = 0

    def __enter__(self) -> Live:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def tell(self, step: Step) -> None:
        """Take note of a step."""
        if step.remark and step.remark not in self._said:
            self._said.add(step.remark)
            self._console.print(step.remark, highlight=False, markup=False)
        if step.runs is not None:
            self._runs, self._done = step.runs, {}
            self._bar.update(self._line, total=step.runs, completed=0)
        if not step.label:
            return
        self._bar.update(self._line, description=step.label)
        if step.finished:
            self._done[step.label, step.seed] = 1
            self._bar.update(self._line, completed=len(self._done))
        now = time.monotonic()
        if not self._console.is_terminal and now - self._spoken > SILENCE:
            self._spoken = now
            self._console.print(f"{len(self._done)} of {self._runs} runs done", highlight=False)
