"""The figures of a report, each in one or more views, in the colours of paper.

A trace that belongs to one method says so in `meta`, so that a page can show and hide methods in
all figures at once.
"""

from __future__ import annotations

import plotly.graph_objects as go

from unalike.errors import InputError, unknown
from unalike.results.comparison import Comparison
from unalike.results.table import as_frame

from .canvas import Panel
from .client_figures import distribution, gain
from .colours import MethodStyle, method_styles
from .curve_figures import drift, learning, price
from .figure_data import FigureData
from .label_heatmap import label_heatmap
from .search_figures import search_curves, sensitivity


def panels(
    comparison: Comparison, methods: list[str], styles: dict[str, MethodStyle]
) -> list[Panel]:
    """All panels that this comparison has data for; `methods` in the order of the table."""
    data = FigureData(comparison, methods, styles)
    found = [
        learning(data),
        distribution(data),
        gain(data),
        label_heatmap(comparison),
        price(data),
        drift(data),
        search_curves(data, comparison),
        sensitivity(data, comparison),
    ]
    return [panel for panel in found if panel.views]


KINDS = {
    "curves": "learning",
    "spread": "distribution",
    "gains": "gain",
    "holdings": "holdings",
    "cost": "price",
    "drift": "drift",
    "search": "search",
    "sensitivity": "sensitivity",
}
"""Figures by the names that people ask for, and the keys of their panels."""


def panels_by_kind(comparison: Comparison) -> dict[str, Panel]:
    """All panels that this comparison has data for, by the names of `KINDS`."""
    methods = [str(method) for method in as_frame(comparison).index]
    styles = method_styles(comparison.titles if set(methods) <= set(comparison.titles) else methods)
    found = {panel.key: panel for panel in panels(comparison, methods, styles)}
    return {kind: found[key] for kind, key in KINDS.items() if key in found}


def figure_of(comparison: Comparison, kind: str, view: str | int = 0) -> go.Figure:
    """One figure by itself, with a legend in place of the page's buttons.

    Raises:
        InputError: there is no such figure or view, or no data for it.
    """
    if kind not in KINDS:
        raise unknown("figure", kind, KINDS)
    known = panels_by_kind(comparison)
    if kind not in known:
        raise InputError(
            f"This comparison has no data for the figure {kind!r}; it has {', '.join(known)}."
        )
    views = {one.label: one.figure for one in known[kind].views}
    if isinstance(view, int):
        if not 0 <= view < len(views):
            raise InputError(f"The figure {kind!r} has {len(views)} views, counted from 0.")
        view = list(views)[view]
    if view not in views:
        raise unknown(f"view of the figure {kind!r},", view, views)
    return standalone(views[view])


def standalone(figure: go.Figure) -> go.Figure:
    """A figure on white paper, whose legend names the methods."""
    alone = go.Figure(figure)
    for trace in alone.data:
        if trace.type != "heatmap":
            trace.showlegend = bool(trace.name) and trace.type != "bar"
    named = any(trace.showlegend for trace in alone.data if trace.type != "heatmap")
    alone.update_layout(paper_bgcolor="white", plot_bgcolor="white", showlegend=named)
    return alone
