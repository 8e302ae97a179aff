"""Advice in the terminal: who races and the price, and in the end the last heat and the advice."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from unalike.advice.advice_result import Advice, contestant_title
from unalike.advice.pipeline import RacePreview
from unalike.methods import METHODS
from unalike.methods.header import header
from unalike.results.units import count


@dataclass(frozen=True)
class ShortlistTable:
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
class AdviceTable:
    """What rich prints at the end: the last heat, and the advice."""

    advice: Advice

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        final = self.advice.stages[-1]
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("last heat", overflow="fold")
        table.add_column("in the race", justify="right")
        table.add_column("on test", justify="right")
        scores, main = self.advice.measured.scores, self.advice.main
        measured = self.advice.measured.comparison.settings["methods"]
        for entry in final.entries:
            one = entry.contestant
            known = measured.get(one.method) == one.settings
            table.add_row(
                Text(contestant_title(one)),
                main.text(-main.key(entry.score)),
                main.text(scores[one.method]) if known else "",
                style="bold" if one.label == self.advice.choice.advised.label else "",
            )
        yield table
        headline, *others = self.advice.sentences
        yield Text(f"\n{headline}", style="bold")
        for sentence in others:
            yield Text(sentence)
