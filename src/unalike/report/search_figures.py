"""Figures of a search: the best so far, and how much settings matter."""

from __future__ import annotations

import math
from typing import NamedTuple

import plotly.graph_objects as go

from unalike.results.comparison import Comparison
from unalike.results.trials import best_so_far
from unalike.tuning.search_record import MethodSearch

from .canvas import Panel, View, base
from .colours import INK, MUTED
from .figure_data import FigureData
from .label_heatmap import COLOURSCALE


def search_curves(data: FigureData, comparison: Comparison) -> Panel:
    """The best score so far against what the search has spent."""
    record, views = comparison.tuning, []
    if record is not None:
        figure = base("spent, in runs of FedAvg", data.main.title, percent=data.percent("y"))
        for method in data.methods:
            if method in record.searches and (line := best_so_far(record, method)):
                look = data.styles[method]
                figure.add_scatter(
                    x=[spent for spent, _ in line],
                    y=[score for _, score in line],
                    mode="lines",
                    line={"color": look.colour, "dash": look.dash, "width": 2.2, "shape": "hv"},
                    name=data.titles[method],
                    meta=method,
                )
        figure.update_xaxes(rangemode="tozero")
        views = [View("Best so far", figure)]
    return Panel(
        "search",
        "How they were tuned",
        f"The best {data.main.title} on validation samples of all trials so far, against the "
        "gradients that the search had taken. Every method has the same trials and the same "
        "budget; one that takes fewer gradients a round spends less of it.",
        f"Line chart: best validation {data.main.title} so far against gradients spent.",
        tuple(view for view in views if view.figure.data),
    )


def sensitivity(data: FigureData, comparison: Comparison) -> Panel:
    """A map of each method: the score over its step size and key hyper-parameter."""
    searches = {} if comparison.tuning is None else comparison.tuning.searches
    views = [
        View(data.titles[method], _map(data, searches[method]))
        for method in data.methods
        if method in searches
    ]
    return Panel(
        "sensitivity",
        "How much settings matter",
        f"Each point is a trial, coloured by its {data.main.title} on validation samples at the "
        "first rung, where all trials have come equally far; larger points went on to further "
        "rungs, crosses diverged, and the ring marks what was chosen.",
        f"Scatter chart: validation {data.main.title} over step size and key hyper-parameter.",
        tuple(view for view in views if view.figure.data),
    )


class _Point(NamedTuple):
    """A trial on the map."""

    x: float
    y: float
    value: float  # NaN where it diverged
    rungs: int
    chosen: bool


def _map(data: FigureData, search: MethodSearch) -> go.Figure:
    """The trials of a method over its first two axes; over one axis the score stands upright."""
    axes, percent = search.axes[:2], data.percent("y")
    one = len(axes) == 1
    figure = base(
        axes[0].name,
        data.main.title if one else axes[1].name,
        percent=percent if one else "",
    )
    points = _points(search)
    known = [point for point in points if not math.isnan(point.value)]
    lost = [point for point in points if math.isnan(point.value) and not math.isnan(point.y)]
    form = ":.1%" if percent else ":.3g"
    place = "%{x:.3g}" if one else "%{x:.3g}, %{y:.3g}"
    if known:
        figure.add_scatter(
            x=[point.x for point in known],
            y=[point.y for point in known],
            customdata=[[point.value] for point in known],
            mode="markers",
            marker={
                "color": [point.value for point in known],
                "colorscale": COLOURSCALE,
                "reversescale": not data.main.higher_is_better,
                "size": [7 + 3 * point.rungs for point in known],
                "line": {
                    "color": [INK if point.chosen else MUTED for point in known],
                    "width": [2.5 if point.chosen else 0.5 for point in known],
                },
                "colorbar": {"tickformat": ".0%" if percent else None, "thickness": 12},
            },
            hovertemplate=f"%{{customdata[0]{form}}} at {place}<extra></extra>",
        )
    if lost:
        figure.add_scatter(
            x=[point.x for point in lost],
            y=[point.y for point in lost],
            mode="markers",
            marker={"color": MUTED, "symbol": "x", "size": 8},
            hovertemplate=f"diverged at {place}<extra></extra>",
        )
    if axes[0].log:
        figure.update_xaxes(type="log", nticks=7, tickformat="~g")
    if not one and axes[1].log:
        figure.update_yaxes(type="log", nticks=7, tickformat="~g")
    return figure


def _points(search: MethodSearch) -> list[_Point]:
    """The trials whose place is known: a default may follow from other settings."""
    found = []
    for number, trial in enumerate(search.trials):
        at = [trial.settings.get(axis.name, axis.default) for axis in search.axes[:2]]
        if None in at:
            continue
        score = trial.judged[0].value
        value = math.nan if score is None else score
        y = at[1] if len(at) > 1 else value
        found.append(_Point(at[0], y, value, len(trial.judged), number == search.order[0]))
    return found
