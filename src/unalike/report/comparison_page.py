"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from unalike.results.columns import Chosen, Column, columns_of, further_columns_of
from unalike.results.comparison import Comparison
from unalike.results.facts import is_tuned, study_facts
from unalike.results.intervals import Interval
from unalike.results.table import aggregates, as_frame, diverged, seed_count
from unalike.results.table_formats import BANDS, as_latex, formatted
from unalike.results.trials import chosen_rows
from unalike.results.units import listed, percent
from unalike.results.verdict import Verdict, judge
from unalike.study.files import write_atomically
from unalike.tasks import SHARE, Measure

from .colours import PAPER, PAPER_DARK, MethodStyle, dark_colours, method_styles
from .figures import panels
from .glossary import glossary
from .page import figures_json, script_json, templates
from .pair_table import pair_rows

MOST_SHOWN = 12
"""Methods that figures show at first; the reader can add the others."""

TOPICS = {
    "winner": "Best",
    "contrast": "Difference",
    "local": "Training alone",
    "evidence": "Decided?",
    "worst": "Worst off",
    "harmed": "Harmed",
    "new": "New clients",
    "global": "One model",
    "cost": "Cost",
    "settings": "Settings",
    "limits": "With care",
    "diverged": "Diverged",
}

DASH_ARRAYS = {"solid": "none", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3"}


@dataclass(frozen=True)
class Cell:
    """A number of the table at either round."""

    metric: str
    best: str
    last: str
    best_interval: str
    last_interval: str
    best_value: float | None
    last_value: float | None
    leads: bool


@dataclass(frozen=True)
class Row:
    """A method of the table."""

    method: str
    title: str
    tag: str
    place: int
    style: MethodStyle
    shown: bool
    cells: tuple[Cell, ...]

    @property
    def dashes(self) -> str:
        """The dashes of its line, as SVG has them."""
        return DASH_ARRAYS[self.style.dash]


@dataclass(frozen=True)
class Tile:
    """One number to be seen at a glance."""

    label: str
    number: str
    detail: str


def render_report(comparison: Comparison) -> str:
    """The report of a comparison as one HTML page."""
    main = comparison.task.main
    best, last = as_frame(comparison, "best"), as_frame(comparison, "last")
    methods = [str(method) for method in best.index]
    styles = method_styles(comparison.titles if set(methods) <= set(comparison.titles) else methods)
    columns, further = (
        [column for column in group if best[column.key].notna().any()]
        for group in (columns_of(comparison.task), further_columns_of(comparison.task))
    )
    verdict = judge(comparison)
    drawn = panels(comparison, methods, styles)
    rows = _rows(comparison, best, last, columns, styles)
    page = templates().get_template("page.html")
    return page.render(
        verdict=verdict,
        topics=_by_topic(verdict),
        tiles=_tiles(comparison, verdict),
        facts=study_facts(comparison),
        remarks=comparison.remarks,
        columns=columns,
        rows=rows,
        further=further,
        further_rows=_rows(comparison, best, last, further, styles),
        hidden=sum(not row.shown for row in rows),
        seeds=seed_count(aggregates(comparison)),
        pairs=pair_rows(comparison),
        measure=main,
        panels=drawn,
        chosen=chosen_rows(comparison),
        tuned=is_tuned(comparison),
        study=tomli_w.dumps(_plain(comparison.settings)),
        environment=comparison.environment,
        over_network=comparison.over_network,
        glossary=glossary(comparison.task),
        scores=f"{main.capitalised}{' in percent' if main.unit == SHARE else ''}",
        papers=(PAPER, PAPER_DARK),
        figures=figures_json(drawn),
        files=script_json(_files(comparison)),
        darkening=Markup(json.dumps(dark_colours())),
        plotly=Markup(get_plotlyjs()),
    )


def _files(comparison: Comparison) -> dict[str, dict[str, dict[str, str]]]:
    """What the page's tables can be saved as: by table, format and round."""
    rounds: tuple[Chosen, ...] = ("best", "last")
    whole: dict[str, str] = {
        chosen: as_frame(comparison, chosen).to_csv(lineterminator="\n") for chosen in rounds
    }

    def latex(full: bool) -> dict[str, str]:
        return {
            chosen: as_latex(formatted(comparison, full=full, chosen=chosen)) for chosen in rounds
        }

    return {
        "numbers": {"csv": whole, "tex": latex(False)},
        "further": {"csv": whole, "tex": latex(True)},
    }


def write_report(comparison: Comparison, path: Path) -> Path:
    """Write the report, so that no half of it is ever seen.

    Raises:
        UnwritableError: it cannot be written there.
    """
    write_atomically(path, render_report(comparison).encode())
    return path


def _rows(
    comparison: Comparison,
    best: pd.DataFrame,
    last: pd.DataFrame,
    columns: list[Column],
    styles: dict[str, MethodStyle],
) -> list[Row]:
    tags = {"local": "baseline", "centralised": "not federated"}
    for method in best.index[best["personalised"].isna()]:
        tags[str(method)] = "nothing measured"
    for method, runs in diverged(aggregates(comparison)).items():
        tags[method] = f"diverged in round {listed([str(t) for t in sorted(set(runs.values()))])}"
    ranked = best[~best["diverged"] & (best.index != "centralised")]
    tops = {
        column.key: ranked[column.key].max() if column.wins == "high" else ranked[column.key].min()
        for column in columns
        if column.wins != "none" and len(ranked) > 1
    }
    shown = {*[m for m in best.index if m in ("local", "fedavg")], *best.index[:MOST_SHOWN]}
    found = []
    at_best: dict[Hashable, dict[Hashable, Any]] = best.to_dict("index")
    at_last: dict[Hashable, dict[Hashable, Any]] = last.to_dict("index")
    for place, method in enumerate(best.index):
        then, now = at_best[method], at_last[method]
        cells = tuple(
            Cell(
                metric=column.metric,
                best=column.text(then[column.key]),
                last=column.text(now[column.key]),
                best_interval=_over_seeds(column, then),
                last_interval=_over_seeds(column, now),
                best_value=_known(then[column.key]),
                last_value=_known(now[column.key]),
                leads=method in ranked.index
                and column.key in tops
                and (method != "local" or column.key != "harmed")
                and bool(then[column.key] == tops[column.key]),
            )
            for column in columns
        )
        title, tag = str(then["title"]), tags.get(method, "")
        row = Row(str(method), title, tag, place, styles[method], method in shown, cells)
        found.append(row)
    return found


def _over_seeds(column: Column, row: dict[Hashable, Any]) -> str:
    shown = column.key in BANDS
    return column.interval(row[f"{column.key}_low"], row[f"{column.key}_high"]) if shown else ""


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _by_topic(verdict: Verdict) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for sentence in verdict.sentences:
        found.setdefault(TOPICS[sentence.topic], []).append(_together(sentence.text))
    return list(found.items())


def _together(text: str) -> str:
    """Keep a number and its percent sign on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _tiles(comparison: Comparison, verdict: Verdict) -> list[Tile]:
    if verdict.best is None:
        return []
    titles, measure = comparison.titles, comparison.task.main
    row: dict[Hashable, Any] = as_frame(comparison).to_dict("index")[verdict.best]
    found = [
        Tile(
            f"{titles.get(verdict.best, verdict.best)}, personalised",
            measure.text(row["personalised"]),
            f"{measure.unit.difference(row['spread'], signed=False)} standard deviation over "
            "clients",
        )
    ]
    for method in ("local", "fedavg"):
        if method in verdict.contrasts:
            difference = verdict.contrasts[method]
            detail = "one seed, no interval" if difference.seeds == 1 else "seeds all alike"
            if difference.known:
                detail = f"{_interval(measure, difference)} over seeds"
                detail += "" if difference.excludes_zero else ": not told apart"
            against = f"against {titles.get(method, method)}"
            found.append(Tile(against, measure.gain_text(difference.mean), detail))
    if verdict.best in verdict.harmed:
        share = verdict.harmed[verdict.best].share.mean
        detail = f"with {titles.get(verdict.best, verdict.best)}"
        if verdict.best != "fedavg" and "fedavg" in verdict.harmed:
            detail += f"; {percent(verdict.harmed['fedavg'].share.mean)} with FedAvg"
        found.append(Tile("clients worse than alone", percent(share), detail))
    return found


def _interval(measure: Measure, gain: Interval) -> str:
    if measure.unit == SHARE and measure.higher_is_better:
        low, high = (measure.unit.number(end, signed=True) for end in (gain.low, gain.high))
        return f"{low} to {high}"
    return measure.interval_text(gain.low, gain.high)


def _plain(settings: Any) -> Any:
    """Settings as TOML can hold them: what is None is left out."""
    if isinstance(settings, dict):
        return {str(k): _plain(v) for k, v in settings.items() if v is not None}
    if isinstance(settings, (list, tuple)):
        return [_plain(v) for v in settings if v is not None]
    return settings if isinstance(settings, (bool, int, float, str)) else str(settings)
