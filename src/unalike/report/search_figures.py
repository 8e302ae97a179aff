"""Figures of a search: the best so far, and how much settings matter."""

from __future__ import annotations

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


def _map(data: FigureData, search: MethodSearch) -> go.Figure:
    axes = search.axes[:2]
    one = len(axes) == 1
    percent = data.percent("y")
    figure = base(
        axes[0].name,
        data.main.title if one else axes[1].name,
        percent=percent if one else "",
    )
    known, lost = [], []
    for number, trial in enumerate(search.trials):
        at = [trial.settings.get(axis.name, axis.default) for axis in axes]
        if None in at:
            continue
        value = trial.judged[0].value
        place = (*at, value) if one else tuple(at)
        size = 7 + 3 * len(trial.judged)
        target = lost if value is None else known
        target.append((place[0], place[1] if not one else value, value, size, number))
    form = ":.1%" if percent else ":.3g"
    if known:
        best = [number == search.order[0] for *_, number in known]
        figure.add_scatter(
            x=[point[0] for point in known],
            y=[point[1] for point in known],
            customdata=[[point[2]] for point in known],
            mode="markers",
            marker={
                "color": [point[2] for point in known],
                "colorscale": COLOURSCALE,
                "reversescale": not data.main.higher_is_better,
                "size": [point[3] for point in known],
                "line": {
                    "color": [INK if yes else MUTED for yes in best],
                    "width": [2.5 if yes else 0.5 for yes in best],
                },
                "colorbar": {"tickformat": ".0%" if percent else None, "thickness": 12},
            },
            hovertemplate=f"%{{customdata[0]{form}}} at %{{x:.3g}}<extra></extra>"
            if one
            else f"%{{customdata[0]{form}}} at %{{x:.3g}}, %{{y:.3g}}<extra></extra>",
        )
    if lost and not one:
        figure.add_scatter(
            x=[point[0] for point in lost],
            y=[point[1] for point in lost],
            mode="markers",
            marker={"color": MUTED, "symbol": "x", "size": 8},
            hovertemplate="diverged at %{x:.3g}, %{y:.3g}<extra></extra>",
        )
    if axes[0].log:
        figure.update_xaxes(type="log", nticks=7, tickformat="~g")
    if not one and axes[1].log:
        figure.update_yaxes(type="log", nticks=7, tickformat="~g")
    return figure
