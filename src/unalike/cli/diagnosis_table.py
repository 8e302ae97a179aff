"""A diagnosis in the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from unalike.diagnosis.diagnosis_result import Diagnosis, Optimisation
from unalike.diagnosis.sentences import blindness, certainty, groups, number, setup


@dataclass(frozen=True)
class DiagnosisTable:
    """What rich prints: one row a measure, what each kind cannot see, and the groups."""

    diagnosis: Diagnosis

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("skew")
        table.add_column("measure", overflow="fold")
        for heading in ("value", "chance", "p"):
            table.add_column(heading, justify="right", no_wrap=True)
        for finding in self.diagnosis.findings:
            for k, measure in enumerate(finding.measures):
                verdict = f"{finding.kind}: yes" if finding.found else f"{finding.kind}: no"
                table.add_row(
                    Text(verdict if k == 0 else ""),
                    Text(measure.name + (" *" if measure.decides else "")),
                    number(measure.value),
                    number(measure.chance),
                    number(measure.p),
                    style="bold" if finding.found and measure.decides else "",
                )
        yield table
        settings = self.diagnosis.settings
        yield Text(
            f"\nchance: mean of at least {settings['shuffles']} shuffles of membership, more where "
            "p is close to the level; p: share of them at least as unlike. A kind is found where "
            f"all its measures marked * agree, at a level of {settings['level']} over all kinds "
            "together.\n",
            style="dim",
        )
        for finding in self.diagnosis.findings:
            yield Text(f"{finding.said} {certainty(finding)}")
            yield Text(f"  {finding.kind} is blind to {finding.blind_to}.", style="dim")
        if self.diagnosis.optimisation is not None:
            yield from _optimisation(self.diagnosis.optimisation)
        yield Text(f"\n{groups(self.diagnosis)}")
        for remark in self.diagnosis.remarks:
            yield Text(f"- {remark}", style="dim")


def _optimisation(watched: Optimisation) -> RenderResult:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("optimisation", overflow="fold")
    for heading in ("value", "chance", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    for measure in watched.measures:
        table.add_row(
            Text(measure.name), number(measure.value), number(measure.chance), number(measure.p)
        )
    yield Text()
    yield table
    yield Text(f"\n{watched.said}")
    yield Text(f"  {setup(watched)}", style="dim")
    for name, blind_to in blindness(watched).items():
        yield Text(f"  {name} is blind to {blind_to}.", style="dim")
