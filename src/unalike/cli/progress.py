"""How far work has come, in the terminal: bars, the time left, and what must be said aloud."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from unalike.cli.console import printable
from unalike.results import units

if TYPE_CHECKING:
    from typing_extensions import Self

    from unalike.study.settings import Study
    from unalike.study.training import ProgressEvent as Step

LEAST_DONE = 0.02
"""The share of the work from which on the time left is said."""
SILENCE = 10.0
"""Seconds between lines where the output is not a terminal."""

PACE = 900.0
"""Seconds of the past from which the time left is told."""


class ProgressDisplay:
    """Bars on a terminal, elsewhere a line now and then; sentences are printed above the bars.

    unit: what the bars count.
    """

    def __init__(self, console: Console, unit: str) -> None:
        self.console, self._unit = console, unit
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeLeftColumn(),
            console=console,
            speed_estimate_period=PACE,
        )
        self._live: Live | None = None
        self._keys: dict[Hashable, TaskID] = {}
        self._said: set[str] = set()
        self._started = self._spoken = time.monotonic()

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(
                console=self.console,
                get_renderable=self.picture,
                refresh_per_second=4,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def bar(
        self,
        key: Hashable,
        title: str,
        done: float,
        total: float,
        note: str = "",
        unit: str | None = None,
    ) -> None:
        """Draw the bar of this key, anew if there is one; `unit` where it counts something else."""
        if key not in self._keys:
            self._keys[key] = self._bars.add_task(
                title, total=total, note=note, unit=unit or self._unit
            )
        self._bars.update(
            self._keys[key], description=title, completed=done, total=total, note=note, visible=True
        )

    def hide(self, key: Hashable) -> None:
        """Draw the bar of this key no more, if there is one."""
        if key in self._keys:
            self._bars.update(self._keys[key], visible=False)

    def say(self, sentence: str) -> None:
        """Print a line."""
        self.console.print(printable(sentence), highlight=False, markup=False, soft_wrap=True)

    def say_once(self, sentence: str) -> None:
        """Print a line, unless it was said before."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.say(sentence)

    def say_at_times(self, sentence: str) -> None:
        """Print a line where there are no bars, and none was printed of late."""
        now = time.monotonic()
        if not self.console.is_terminal and now - self._spoken > SILENCE:
            self._spoken = now
            self.say(sentence)

    def seconds_left(self, done: float, total: float) -> float | None:
        """What is left at the pace since the start; None while too little is done to tell.

        What is done but once, such as recording gradients, is most of the first rounds.
        """
        if done < LEAST_DONE * total or not done:
            return None
        return (time.monotonic() - self._started) / done * (total - done)

    def picture(self) -> RenderableType:
        """What a terminal shows."""
        return Group(*self.above(), self._bars.get_renderable(), *self.below())

    def above(self) -> Iterable[RenderableType]:
        """What stands above the bars."""
        return ()

    def below(self) -> Iterable[RenderableType]:
        """What stands below the bars."""
        return ()


class TimeLeftColumn(ProgressColumn):
    """What is left of a bar at the pace of late; nothing before a pace is known."""

    def render(self, task: Task) -> Text:
        left = None if task.finished else task.time_remaining
        return Text("" if left is None else f"{units.duration(left)} left")


class StudyProgress(ProgressDisplay):
    """All rounds of a study in one bar, and a bar for each run at work."""

    def __init__(self, study: Study, console: Console) -> None:
        super().__init__(console, "rounds")
        self._study = study
        self._done: dict[tuple[str, int], int] = {}
        self._total = 0
        self._validation: dict[tuple[str, int], str] = {}
        self._epsilon: dict[tuple[str, int], str] = {}

    def tell(self, step: Step) -> None:
        """Take note of a step."""
        if step.trials is not None:
            self._tell_trials(*step.trials)
        if step.runs is not None:
            self.hide("trials")
            self._started = time.monotonic()
            self._done.clear()
            self._total = step.runs * self._study.rounds
            self._draw_total()
        if step.remark:
            where = f"{step.label}, seed {step.seed}: " if step.label else ""
            self.say_once(f"note: {where}{step.remark}")
        if step.plan:
            self.say_once(f"plan: {step.plan}")
        if step.label:
            self._advance(step)

    def _tell_trials(self, done: int, total: int) -> None:
        self.bar("trials", "search", done, total, unit="runs of trials")
        left = self.seconds_left(done, total)
        ahead = "" if left is None else f", about {units.duration(left)} left of the search"
        self.say_at_times(f"{done} of {total} runs of trials done{ahead}")

    def _advance(self, step: Step) -> None:
        run = (step.label, step.seed)
        if step.validation is not None:
            if not self._validation:
                title = f"{self._title(step.label)}, seed {step.seed}, round {step.t}"
                self.say(f"first result: {title}: validation {step.validation}")
            self._validation[run] = f"validation {step.validation}"
        if step.epsilon is not None:
            self._epsilon[run] = f"epsilon {units.epsilon(step.epsilon)}"
        epsilon = self._epsilon.get(run, "")
        self.bar(
            run,
            f"{self._title(step.label)}, seed {step.seed}",
            step.t,
            self._study.rounds,
            ", ".join(filter(None, [self._validation.get(run, ""), epsilon])),
        )
        if step.finished:
            self.hide(run)
        self._done[run] = self._study.rounds if step.finished else step.t
        done = self._draw_total()
        left = self.seconds_left(done, self._total)
        ahead = "" if left is None else f"about {units.duration(left)} left"
        parts = [f"{done} of {self._total} rounds done", ahead, epsilon]
        self.say_at_times(", ".join(filter(None, parts)))

    def _draw_total(self) -> int:
        done = sum(self._done.values())
        self.bar("all runs", "all runs", done, self._total)
        return done

    def _title(self, label: str) -> str:
        from unalike.methods.header import header

        return header(type(self._study.method(label))).title


class RaceProgress(ProgressDisplay):
    """One bar for the heat that is run; of each setting that runs the first trouble is said."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, "runs")
        self._heat = 0
        self._runs = 0
        self._done: set[tuple[str, int]] = set()
        self._troubled: set[str] = set()

    def tell(self, step: Step) -> None:
        """Take note of a step."""
        if step.remark and not step.label:
            self.say_once(step.remark)
        elif step.remark and step.label not in self._troubled:
            self._troubled.add(step.label)
            self.say(f"{step.label}: {step.remark}")
        if step.runs is not None:
            self.hide(self._heat)
            self._heat, self._runs, self._done = self._heat + 1, step.runs, set()
        if step.finished:
            self._done.add((step.label, step.seed))
        if step.label:
            self.bar(self._heat, step.label, len(self._done), self._runs)
            self.say_at_times(f"{len(self._done)} of {self._runs} runs done")
