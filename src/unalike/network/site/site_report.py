"""A site's own report: what it took part in, what it got and sent, how models do on its samples."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from unalike.network.protocol.run_description import RunDescription
from unalike.report.colours import PAPER, PAPER_DARK
from unalike.study.files import write_atomically
from unalike.study.kept_size import readable
from unalike.tasks import Task

from .site_record import RunOutcome, SiteRecord
from .site_settings import SiteSettings

KINDS = {
    "describe": "who this site is, how many samples and which columns it has",
    "fit": "counts, ranges and sums of columns, for the preprocessing",
    "spread": "how far features spread, for a diagnosis",
    "summarise": "summaries of features and classes, for a diagnosis",
    "train": "rounds of training: what the method sends down, and this site's answers",
    "observe": "statistics of normalisation layers",
    "evaluate": "models to be measured here, and sums of losses and right answers",
    "adapt": "models for a client that never trains, and sums of losses and right answers",
    "keep": "which round was chosen",
}
"""What messages of a verb are about."""


class OutcomeRow(NamedTuple):
    """A run in the report's table."""

    outcome: RunOutcome
    round: str
    own: str
    local: str
    everybody: str


class ExchangeRow(NamedTuple):
    """A kind of message in the report's table."""

    kind: str
    messages: int
    received: str
    sent: str


def write_site_report(
    path: Path,
    record: SiteRecord,
    settings: SiteSettings,
    task: Task,
    run: RunDescription,
) -> None:
    """Write the page.

    run: any of the federation: it holds the settings that the server told.

    Raises:
        UnwritableError: it cannot be written.
    """
    from unalike.report.page import templates

    page = templates("unalike.network.site").get_template("site_report.html")
    text = page.render(
        name=settings.name,
        samples=record.samples,
        measure=task.main,
        rows=[_outcome_row(record, outcome, task) for outcome in record.runs.values()],
        exchanges=_exchange_rows(record),
        study=run.study,
        clients=run.clients,
        hidden=_hidden(settings),
        papers=(PAPER, PAPER_DARK),
        version=version("unalike"),
    )
    write_atomically(path, text.encode())


def _outcome_row(record: SiteRecord, outcome: RunOutcome, task: Task) -> OutcomeRow:
    others, own = record.beside(outcome), outcome.score("personal")

    def text(value: float | None) -> str:
        return "-" if value is None else task.main.text(value)

    if outcome.diverged:
        state = "diverged"
    elif outcome.over:
        state = f"of {outcome.rounds}"
    else:
        state = f"of {outcome.rounds}, not over when this was written"
    which = {"best": "the chosen one, ", "last": "the last one here, "}.get(outcome.when, "")
    return OutcomeRow(
        outcome,
        f"{outcome.chosen} ({which}{state})",
        text(own),
        text(others.get("Local")),
        text(others.get("global")),
    )


def _exchange_rows(record: SiteRecord) -> list[ExchangeRow]:
    found = [
        ExchangeRow(KINDS.get(verb, verb), one.messages, readable(one.received), readable(one.sent))
        for verb, one in sorted(
            record.exchanged.items(),
            key=lambda item: [*KINDS].index(item[0]) if item[0] in KINDS else len(KINDS),
        )
    ]
    counted = record.exchanged.values()
    together = ExchangeRow(
        "together",
        sum(one.messages for one in counted),
        readable(sum(one.received for one in counted)),
        readable(sum(one.sent for one in counted)),
    )
    return [*found, together]


def _hidden(settings: SiteSettings) -> list[str]:
    told = {
        "how many samples of each class there are": settings.reveal_classes,
        "counts, ranges and sums of columns": settings.reveal_columns,
        "how well models do on its samples": settings.reveal_scores,
    }
    return [name for name, reveals in told.items() if not reveals]
