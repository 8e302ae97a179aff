"""Who holds what: samples of each client by class, and how many in all."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from unalike.results.comparison import Comparison

from .canvas import Panel, View, base, plain
from .colours import GRID, LIGHT, MUTED, SCALE

MOST_CLIENTS = 200
"""Columns of the heat map; more clients are put together in groups of neighbours."""

COLOURSCALE = [[k / (len(SCALE) - 1), colour] for k, colour in enumerate(SCALE)]


def label_heatmap(comparison: Comparison) -> Panel:
    """A heat map of classes by clients, training clients first, with bars of their samples."""
    counts = np.asarray(comparison.label_counts, dtype=np.float64)
    if not counts.size:
        return Panel("holdings", "", "", "", ())
    order = client_order(counts, comparison.newcomers)
    names = [comparison.names[k] for k in order]
    counts, late = counts[order], comparison.newcomers[order]
    note = (
        "Each column is a client, each row a class; the bars above count its samples. The data "
        "are those of the first seed."
    )
    if late.any():
        note += " Clients right of the line never train: they come new, after training."
    if len(order) > MOST_CLIENTS:
        counts, names, late = group_neighbours(counts, names, late)
        note += (
            f" {len(order):,} clients are drawn as {len(names)} groups of similar clients, "
            "each the mean of its group."
        )
    names = [plain(name) for name in names]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    kinds = [plain(name) for name in comparison.label_names]
    views = (
        View("Share of own samples", _figure(share, counts, names, late, kinds, share=True)),
        View("Samples", _figure(counts, counts, names, late, kinds, share=False)),
    )
    return Panel(
        "holdings",
        "Who holds what",
        note,
        f"Heat map of {len(comparison.names)} clients by {counts.shape[1]} classes.",
        views,
    )


def client_order(counts: NDArray[np.float64], newcomers: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Training clients before new ones; among many, similar ones beside each other."""
    place = np.arange(len(counts))
    if len(counts) <= MOST_CLIENTS:
        return np.lexsort((place, newcomers))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.lexsort((-share.max(axis=1), share.argmax(axis=1), newcomers))


def group_neighbours(
    counts: NDArray[np.float64], names: list[str], late: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], list[str], NDArray[np.bool_]]:
    """Neighbours put together, training and new clients apart: means, first to last name."""
    per = -(-len(names) // MOST_CLIENTS)
    parts = [
        piece
        for side in (False, True)
        for piece in np.array_split(
            np.flatnonzero(late == side), max(1, -(-int((late == side).sum()) // per))
        )
        if len(piece)
    ]
    return (
        np.stack([counts[piece].mean(axis=0) for piece in parts]),
        [f"{len(piece)} clients, {names[piece[0]]} to {names[piece[-1]]}" for piece in parts],
        np.array([late[piece[0]] for piece in parts]),
    )


def shorten(names: list[str]) -> list[str]:
    """Names without the words that all of them begin with."""
    heads = {re.sub(r"[^-_ ]*$", "", name) for name in names}
    return [name[len(min(heads)) :] for name in names] if len(heads) == 1 else names


def _figure(
    values: NDArray[np.float64],
    counts: NDArray[np.float64],
    names: list[str],
    late: NDArray[np.bool_],
    kinds: list[str],
    *,
    share: bool,
) -> go.Figure:
    classes = values.shape[1]
    figure = base("client", "class", height=int(np.clip(190 + 24 * classes, 300, 640)))
    place = np.arange(len(names))
    figure.add_bar(
        x=place,
        y=counts.sum(axis=1),
        yaxis="y2",
        customdata=names,
        marker={"color": LIGHT[0], "line": {"width": 0}},
        hovertemplate="%{y:.0f} samples<extra>%{customdata}</extra>",
    )
    form = "%{z:.1%} of its samples" if share else "%{z:.0f} samples"
    figure.add_heatmap(
        x=place,
        y=np.arange(classes),
        z=values.T,
        customdata=np.tile(np.array(names, dtype=object), (classes, 1)).tolist(),
        colorscale=COLOURSCALE,
        zmin=0,
        zmax=1 if share else max(1.0, float(values.max())),
        xgap=1 if len(names) <= 60 else 0,
        ygap=1 if classes <= 40 else 0,
        colorbar={
            "thickness": 10,
            "outlinewidth": 0,
            "tickformat": ".0%" if share else "~s",
            "tickfont": {"color": MUTED, "size": 11},
            "len": 0.78,
            "y": 0,
            "yanchor": "bottom",
        },
        hovertemplate=f"{form} are class %{{y}}<extra>%{{customdata}}</extra>",
    )
    figure.update_layout(
        bargap=0.15 if len(names) <= 60 else 0,
        yaxis={"domain": [0, 0.78], "showgrid": False, "zeroline": False},
        yaxis2={
            "domain": [0.83, 1],
            "anchor": "x",
            "gridcolor": GRID,
            "nticks": 3,
            "tickfont": {"color": MUTED, "size": 11},
            "automargin": True,
        },
        xaxis={"showgrid": False, "zeroline": False, "range": [-0.5, len(names) - 0.5]},
    )
    if classes <= 30:
        figure.update_yaxes(dtick=1, selector={"anchor": None})
    if 0 < len(kinds) <= 30 and kinds != [str(k) for k in range(classes)]:
        figure.update_yaxes(tickvals=np.arange(classes), ticktext=kinds, selector={"anchor": None})
    short = shorten(names)
    if len(names) <= 30 and max(map(len, short)) <= 12:
        figure.update_xaxes(tickvals=place, ticktext=short)
    else:
        figure.update_xaxes(showticklabels=False)
    if late.any() and not late.all():
        edge = int(np.flatnonzero(late)[0]) - 0.5
        figure.add_vline(x=edge, line={"color": MUTED, "width": 2})
        figure.add_annotation(
            x=len(names) - 0.5,
            y=1,
            yref="paper",
            text="right of the line: never trained",
            showarrow=False,
            xanchor="right",
            yanchor="bottom",
            font={"color": MUTED, "size": 12},
        )
        figure.update_layout(margin={"t": 28})
    return figure
