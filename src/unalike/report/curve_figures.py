"""Figures against rounds, bytes and seconds, a line for each method."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from .canvas import MOST_POINTS, Panel, base
from .figure_data import FigureData, views_of


def learning(data: FigureData) -> Panel:
    """The main measure by round."""
    views = views_of(
        data,
        {
            "Personalised": data.metric("personalised", "mean"),
            "Global": data.metric("global"),
            "New clients": data.metric("new", "mean"),
            "Validation": data.metric("validation"),
        },
        lambda data, metric: _against_round(
            data, metric, data.main.title, percent=data.percent("y")
        ),
        known=data.curves,
    )
    note = "Each line is the mean over seeds of the mean over clients; "
    note += "the band reaches from the lowest to the highest seed." if data.seeds > 1 else ""
    note = note if data.seeds > 1 else "One seed, so no band; each line is a mean over clients."
    return Panel(
        "learning",
        "How they learn",
        note + " The global view is one shared model on the pooled test data.",
        f"Line chart: {data.main.title} by round, one line for each method.",
        views,
    )


def drift(data: FigureData) -> Panel:
    """Client drift, gradient dissimilarity and cancellation by round."""
    views = views_of(
        data,
        {
            "Client drift": "client_drift",
            "Gradient dissimilarity": "gradient_dissimilarity",
            "Cancellation": "cancellation",
        },
        lambda data, metric: _against_round(data, metric, metric.replace("_", " "), log=True),
        known=data.curves,
    )
    return Panel(
        "drift",
        "How far the clients pull apart",
        "Drift is how far a client moves from the model it was sent; dissimilarity is how much "
        "the clients' gradients disagree there, after a few rounds; cancellation near 0 means that "
        "the clients' moves undo each other. Only methods with a global model have them.",
        "Line chart: client drift, gradient dissimilarity or cancellation by round.",
        views,
    )


def price(data: FigureData) -> Panel:
    """The main measure against what was sent, and against time."""
    views = views_of(
        data,
        {"Traffic": "bytes_total", "Training time": "train_seconds"},
        _against_price,
        known=data.curves,
    )
    up = "Up" if data.main.higher_is_better else "Down"
    note = (
        f"Mean personalised {data.main.title} against all bytes sent down and up so far, or "
        f"against the seconds of training. {up} and to the left is better. A method that sends "
        "nothing stands at zero."
    )
    if "centralised" in data.methods:
        note += " Centralised would have to send the data themselves, which is not counted."
    return Panel(
        "price",
        f"What {data.main.title} costs",
        note,
        f"Line chart: personalised {data.main.title} against bytes sent or against training time.",
        views,
    )


def _against_round(
    data: FigureData, metric: str, y: str, *, percent: str = "", log: bool = False
) -> go.Figure:
    figure = base("round", y, percent=percent)
    values = data.curves[metric]
    for method in reversed(data.methods):
        if method in values.index.get_level_values("method"):
            part: pd.DataFrame = values.loc[[method]].droplevel("method")
            _line(data, figure, method, part.index.to_numpy(), part, percent=bool(percent))
    finite = values.to_numpy()[np.isfinite(values.to_numpy())]
    if log and metric != "cancellation" and len(finite) and finite.min() > 0:
        figure.update_yaxes(type="log", nticks=7, tickformat="~g")
    return figure


def _against_price(data: FigureData, metric: str) -> go.Figure:
    spent, reached = data.curves[metric], data.curves.get(data.metric("personalised", "mean"))
    percent = data.percent("y")
    unit = "bytes sent so far" if metric == "bytes_total" else "seconds of training"
    figure = base(unit, data.main.title, percent=percent)
    if reached is None:
        return figure
    for method in reversed(data.methods):
        known = (v.index.get_level_values("method") for v in (spent, reached))
        if all(method in names for names in known):
            scores: pd.DataFrame = reached.loc[[method]].droplevel("method")
            x = spent.loc[[method]].droplevel("method").mean(axis=1).reindex(scores.index)
            _line(data, figure, method, x.to_numpy(), scores, percent=bool(percent), markers=True)
    figure.update_xaxes(rangemode="tozero")
    if metric == "bytes_total":
        figure.update_xaxes(tickformat=".3~s", ticksuffix="B")
    return figure


def _line(
    data: FigureData,
    figure: go.Figure,
    method: str,
    x: NDArray[np.float64],
    values: pd.DataFrame,
    *,
    percent: bool,
    markers: bool = False,
) -> None:
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(int))
    look = data.styles[method]
    table = values.to_numpy(dtype=np.float32)[kept]
    at = x[kept].astype(np.float32)
    sound = np.isfinite(table).any(axis=1) & np.isfinite(at)
    table, at = table[sound], at[sound]
    if not len(at):
        return
    if table.shape[1] > 1 and len(at) > 1:
        ring = np.concatenate([np.nanmax(table, axis=1), np.nanmin(table, axis=1)[::-1]])
        figure.add_scatter(
            x=np.concatenate([at, at[::-1]]),
            y=ring,
            fill="toself",
            fillcolor=look.band,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            meta=method,
        )
    form = ":.1%" if percent else ":.3g"
    figure.add_scatter(
        x=at,
        y=np.nanmean(table, axis=1),
        mode="lines+markers" if (markers and len(at) <= 30) or len(at) == 1 else "lines",
        line={"color": look.colour, "dash": look.dash, "width": 2.2},
        marker={"color": look.colour, "symbol": look.symbol, "size": 5},
        name=data.titles[method],
        meta=method,
        cliponaxis=False,
        hovertemplate=f"%{{y{form}}} at %{{x:.4~s}}<extra>{data.titles[method]}</extra>",
    )
