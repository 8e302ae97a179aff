"""Figures over clients: how scores are spread, and who gains over training alone."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from .canvas import MOST_POINTS, Panel, base, thin
from .colours import MUTED
from .figure_data import FigureData, views_of


def distribution(data: FigureData) -> Panel:
    """Densities over clients."""
    views = views_of(
        data,
        {
            f"Personalised {data.main.title}": data.metric("personalised", "best"),
            "QoI": "qoi_best",
            "New clients": data.metric("new", "best"),
        },
        _density,
        known=data.client_metrics,
    )
    pooled = "Clients of all seeds together, at the round chosen by validation. "
    return Panel(
        "distribution",
        "The spread over clients",
        pooled + "The shape is a kernel density, the box holds the middle half, the dashed "
        "line is the mean. QoI is what a client gains over the better of FedAvg's model and "
        "training alone; below zero it loses." + _thinned(data),
        "Violin chart: distribution over clients, one violin for each method.",
        views,
    )


def gain(data: FigureData) -> Panel:
    """Who gains and who is harmed, sorted."""
    views = views_of(
        data,
        {
            "Round chosen by validation": "gain_over_local_best",
            "Last round": "gain_over_local_last",
        },
        _sorted_gain,
        known=data.client_metrics,
    )
    return Panel(
        "gain",
        "Who gains, who is harmed",
        f"By how much each client's {data.main.title} is better than what it reaches by training "
        "alone, sorted from the most harmed to the most helped; clients of all seeds together. "
        "Where a line runs below zero, those clients are harmed." + _thinned(data),
        f"Line chart: gain in {data.main.title} over training alone, clients sorted by gain.",
        views,
    )


def _density(data: FigureData, metric: str) -> go.Figure:
    shown = [m for m in data.methods if (m, metric) in data.clients]
    name = "QoI" if metric.startswith("qoi") else data.main.title
    figure = base(name, "", height=90 + 46 * len(shown), percent=data.percent("x"))
    figure.update_layout(meta={"row": 46, "rest": 90})
    for method in reversed(shown):
        values = thin(data.clients[method, metric])
        if not len(values):
            continue
        look = data.styles[method]
        figure.add_violin(
            x=values,
            y0=data.titles[method],
            name=data.titles[method],
            orientation="h",
            width=0.9,
            spanmode="hard",
            points="all" if len(values) <= 60 else False,
            pointpos=0,
            jitter=0.35,
            marker={"color": look.colour, "size": 4, "opacity": 0.55},
            line={"color": look.colour, "width": 1.4},
            fillcolor=look.band,
            box={"visible": True, "width": 0.16},
            meanline={"visible": True},
            scalemode="width",
            hoveron="points+kde",
            meta=method,
        )
    if metric.startswith("qoi"):
        figure.add_vline(x=0, line={"color": MUTED, "width": 1})
    return figure


def _sorted_gain(data: FigureData, metric: str) -> go.Figure:
    unit = data.main.unit
    told = ", ".join(filter(None, ("gain over Local", unit.difference_suffix.strip())))
    figure = base("clients, most harmed first", told, percent="x")
    form = "+.3g" if unit.decimals is None else f"+.{unit.decimals}f"
    figure.add_hline(y=0, line={"color": MUTED, "width": 1})
    for method in reversed(data.methods):
        values = thin(data.clients.get((method, metric), np.zeros(0)))
        if method == "local" or not len(values):
            continue
        look = data.styles[method]
        figure.add_scatter(
            x=(np.arange(len(values)) + 0.5) / len(values),
            y=unit.scale * values,
            mode="lines" if len(values) > 1 else "markers",
            line={"color": look.colour, "dash": look.dash, "width": 2, "shape": "hvh"},
            marker={"color": look.colour, "symbol": look.symbol},
            name=data.titles[method],
            meta=method,
            hovertemplate=f"%{{y:{form}}}{unit.difference_suffix}<extra>{data.titles[method]}</extra>",
        )
    figure.update_xaxes(range=[0, 1.01], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(tickformat="+~g")
    return figure


def _thinned(data: FigureData) -> str:
    if any(len(values) > MOST_POINTS for values in data.clients.values()):
        return f" There are too many clients to draw: these are {MOST_POINTS} quantiles."
    return ""
