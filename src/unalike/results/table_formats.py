"""The table of a comparison as text, Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from .columns import Chosen, Column, columns_of, further_columns_of
from .comparison import Comparison
from .facts import caption
from .intervals import paired
from .table import aggregates, as_frame, by_seed, seed_count
from .units import listed

SHORT = ("personalised", "worst", "global", "new", "harmed", "traffic", "time")
"""The columns that are shown where nobody asks for all."""

BANDS = ("personalised", "worst", "global", "new", "harmed")
"""Those that show their interval over seeds."""


class Cell(NamedTuple):
    """A number of the table."""

    text: str
    interval: str  # over seeds; empty where there is none
    bold: bool


class FormattedTable(NamedTuple):
    """A table of texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]  # the title of a method, and its numbers
    caption: str
    notes: tuple[str, ...]


def shown_columns(comparison: Comparison, values: pd.DataFrame, *, full: bool) -> list[Column]:
    """The columns that this comparison has numbers for."""
    known = columns_of(comparison.task)
    columns = (
        (*known, *further_columns_of(comparison.task))
        if full
        else tuple(column for column in known if column.key in SHORT)
    )
    return [column for column in columns if values[column.key].notna().any()]


def formatted(
    comparison: Comparison, *, full: bool = False, chosen: Chosen = "best"
) -> FormattedTable:
    """The table as every format shows it."""
    values, wide = as_frame(comparison, chosen), aggregates(comparison)
    columns = shown_columns(comparison, values, full=full)
    leading = {column.key: _leading(comparison, values, wide, column, chosen) for column in columns}
    rows = []
    for method, row in zip(values.index, values.to_dict("records"), strict=True):
        cells = []
        for column in columns:
            ends = (row[f"{column.key}_low"], row[f"{column.key}_high"])
            cells.append(
                Cell(
                    column.text(row[column.key]),
                    column.interval(*ends) if column.key in BANDS else "",
                    method in leading[column.key],
                )
            )
        title = f"{row['title']}{' †' if row['diverged'] else ''}"
        rows.append((title, tuple(cells)))
    failed = [str(title) for title in values["title"][values["diverged"]]]
    notes = [f"† {listed(failed)} diverged: numbers of the last sound round."] if failed else []
    headings = ("Method", *(_heading(column) for column in columns))
    return FormattedTable(headings, tuple(rows), caption(comparison, chosen), tuple(notes))


def _heading(column: Column) -> str:
    unit = "" if isinstance(column.unit, str) else column.unit.note
    return f"{column.heading}{unit}"


def _leading(
    comparison: Comparison,
    values: pd.DataFrame,
    wide: pd.DataFrame,
    column: Column,
    chosen: Chosen,
) -> set[str]:
    """The best method of a column, and those that the seeds do not tell apart from it."""
    ranked = values[~values["diverged"] & (values.index != "centralised")][column.key].dropna()
    if column.key == "harmed":
        ranked = ranked.drop("local", errors="ignore")  # it cannot do worse than itself
    if column.wins == "none" or len(ranked) < 2 or seed_count(wide) < 2:
        return set()
    best = str(ranked.idxmax() if column.wins == "high" else ranked.idxmin())
    ours = by_seed(wide, best, column.suffixed(chosen))
    found = {best}
    for method in map(str, ranked.index):
        theirs = by_seed(wide, method, column.suffixed(chosen))
        shared = None
        if column.key == "personalised":
            seeds = [int(seed) for seed in ours.index.intersection(theirs.index)]
            shared = comparison.samples[chosen].variance(best, method, seeds)
        interval = paired(ours, theirs, shared=shared or 0.0)
        if interval.seeds > 1 and not interval.excludes_zero:
            found.add(method)
    return found


def as_text(table: FormattedTable) -> str:
    """Aligned columns for a terminal."""
    lines = [list(table.headings)]
    lines += [[title, *(_joined(cell) for cell in cells)] for title, cells in table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for line in lines:
        cells = [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
        rows.append("  ".join([line[0].ljust(widths[0]), *cells]).rstrip())
    return "\n".join([*rows, *table.notes])


def as_markdown(table: FormattedTable) -> str:
    """A table of GitHub's Markdown, with its caption below."""

    def cell(one: Cell) -> str:
        text = _joined(one)
        return f"**{text}**" if one.bold else text

    def row(parts: list[str]) -> str:
        return f"| {' | '.join(part.replace('|', chr(92) + '|') for part in parts)} |"

    lines = [row(list(table.headings)), row(["---"] + ["---:"] * (len(table.headings) - 1))]
    lines += [row([title, *map(cell, cells)]) for title, cells in table.rows]
    return "\n".join([*lines, "", " ".join([table.caption, *table.notes]), ""])


def as_latex(table: FormattedTable, label: str = "tab:comparison") -> str:
    """A table environment with booktabs' rules."""

    def cell(one: Cell) -> str:
        text = latex_text(one.text)
        text = rf"\textbf{{{text}}}" if one.bold else text
        return rf"{text} {{\scriptsize {latex_text(one.interval)}}}" if one.interval else text

    body = [
        " & ".join([latex_text(title), *map(cell, cells)]) + r" \\" for title, cells in table.rows
    ]
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{latex_text(' '.join([table.caption, *table.notes]))}}}",
        rf"  \label{{{label}}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(table.headings) - 1)}}}",
        r"    \toprule",
        "    " + " & ".join(map(latex_text, table.headings)) + r" \\",
        r"    \midrule",
        *(f"    {line}" for line in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "% needs \\usepackage{booktabs}\n" + "\n".join(lines) + "\n"


def as_html(table: FormattedTable, headline: str) -> str:
    """A heading and a table, for a notebook."""

    def cell(one: Cell) -> str:
        text = html.escape(one.text)
        text = f"<b>{text}</b>" if one.bold else text
        interval = f" <small>{html.escape(one.interval)}</small>" if one.interval else ""
        return f'<td style="text-align: right">{text}{interval}</td>'

    head = "".join(f"<th>{html.escape(text)}</th>" for text in table.headings)
    rows = "".join(
        f'<tr><th style="text-align: left">{html.escape(title)}</th>'
        f"{''.join(map(cell, cells))}</tr>"
        for title, cells in table.rows
    )
    about = html.escape(" ".join([table.caption, *table.notes]))
    return (
        f"<p><b>{html.escape(headline)}</b></p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table><p><small>{about}</small></p>"
    )


LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "†": r"\textdagger{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def latex_text(text: str) -> str:
    """A text that LaTeX prints as it is."""
    return "".join(LATEX.get(sign, sign) for sign in text)


def _joined(cell: Cell) -> str:
    return f"{cell.text} {cell.interval}" if cell.interval else cell.text


FORMATS: dict[str, Callable[[FormattedTable], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
}
"""How a table is written, by name."""
