"""What every figure stands on: its panel, its type and axes, and how much it may hold."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from .colours import GRID, INK, MUTED

MOST_POINTS = 200
"""Points in a line or a distribution; more are thinned, and the note says so."""

FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"


@dataclass(frozen=True)
class View:
    """One figure under a label."""

    label: str
    figure: go.Figure


@dataclass(frozen=True)
class Panel:
    """A place on the page that shows one of its views."""

    key: str
    title: str
    note: str  # how to read it
    described: str  # for those who cannot see it
    views: tuple[View, ...]


def base(x: str, y: str, *, height: int = 400, percent: str = "") -> go.Figure:
    """An empty figure with the page's type and axes; `percent` names axes of shares."""
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zerolinecolor": GRID,
        "automargin": True,
        "tickfont": {"color": MUTED},
        "title": {"font": {"color": MUTED, "size": 13}, "standoff": 10},
    }
    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 10, "r": 12, "t": 12, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": INK},
        showlegend=False,
        hovermode="closest",
        hoverlabel={"font": {"family": FONT, "size": 13}},
        xaxis=axis,
        yaxis=axis,
    )
    figure.update_xaxes(title_text=x, tickformat=".0%" if "x" in percent else None)
    figure.update_yaxes(title_text=y, tickformat=".0%" if "y" in percent else None)
    return figure


def thin(values: NDArray[np.float64], most: int = MOST_POINTS) -> NDArray[np.float64]:
    """Sorted values, as at most this many evenly spaced quantiles."""
    values = np.sort(values[np.isfinite(values)])
    if len(values) <= most:
        return values
    return np.quantile(values, np.linspace(0, 1, most))


def plain(name: str) -> str:
    """A name that Plotly prints as it is, and does not take for markup."""
    return html.escape(name, quote=False)
