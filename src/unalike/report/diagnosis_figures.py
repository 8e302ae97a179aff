"""The pictures of a diagnosis: chance, the map, the distances, who holds what."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from unalike.diagnosis.diagnosis_result import Curve, Diagnosis, Measure, Optimisation
from unalike.diagnosis.sentences import number, setup

from .canvas import Panel, View, base, plain
from .colours import LIGHT, MUTED, SYMBOLS
from .label_heatmap import COLOURSCALE, label_heatmap

TINY = 1e-6
"""Ways below are those of a mean gradient that is zero but for rounding."""

SAYS = {"together": "Everything", "label": "Labels", "feature": "Features", "data set": "Data sets"}


def panels(diagnosis: Diagnosis) -> list[Panel]:
    """All pictures, in the order of the page."""
    drawn = [_chance(diagnosis), _map(diagnosis), _distances(diagnosis)]
    if diagnosis.optimisation is not None:
        drawn.append(drift(diagnosis.optimisation))
    return [*drawn, _label_heatmap(diagnosis)]


def _chance(diagnosis: Diagnosis) -> Panel:
    skews = [
        (f"{finding.kind}: {plain(measure.name)}", measure, finding.found)
        for finding in diagnosis.findings
        for measure in finding.measures
    ]
    views = [View("Kinds of skew", _beside_chance(skews))]
    if diagnosis.optimisation is not None:
        watched = [(measure.name, measure, False) for measure in diagnosis.optimisation.measures]
        views.append(View("Optimisation", _beside_chance(watched)))
    return Panel(
        "chance",
        "More than chance?",
        "The bar is where 95 % of the shuffles lie, whatever the unit; the dot is what was "
        "measured. Kinds of skew that were found have coloured dots.",
        f"{len(skews)} measures beside their distribution under chance.",
        tuple(views),
    )


def _beside_chance(rows: list[tuple[str, Measure, bool]]) -> go.Figure:
    rows = [row for row in rows if row[1].high > row[1].low][::-1]
    figure = base("half-widths of chance", "", height=90 + 34 * len(rows))
    names = [name for name, _, _ in rows]
    figure.add_bar(
        x=[2.0] * len(rows),
        base=[-1.0] * len(rows),
        y=names,
        orientation="h",
        width=0.45,
        marker={"color": "#bcd3e6"},
        hovertemplate="95 % of the shuffles<extra>%{y}</extra>",
    )
    place = [
        (measure.value - (measure.low + measure.high) / 2) / ((measure.high - measure.low) / 2)
        for _, measure, _ in rows
    ]
    figure.add_scatter(
        x=place,
        y=names,
        mode="markers",
        marker={"size": 11, "color": [LIGHT[1] if found else MUTED for _, _, found in rows]},
        customdata=[[measure.value, measure.chance, number(measure.p)] for _, measure, _ in rows],
        hovertemplate="%{customdata[0]:.4g}, chance %{customdata[1]:.4g}, "
        "p = %{customdata[2]}<extra>%{y}</extra>",
    )
    return figure


def drift(watched: Optimisation) -> Panel:
    """How far local steps carry the clients and their mean, beside chance."""
    views = tuple(
        View(f"From the {point}", _ways(curve)) for point, curve in watched.curves.items()
    )
    return Panel(
        "drift",
        "Drift against local steps",
        "How far clients go in local steps of one linear model, and how far their mean goes; both "
        "axes are logarithmic. The bands are where 95 % of the shuffles lie, so a line above its "
        "band strays more than chance. From the optimum nobody would have to move: what the mean "
        "moves there is the bias of averaging. " + setup(watched),
        "Lines of client drift and drift of the mean against the number of local steps.",
        views,
    )


def _ways(curve: Curve) -> go.Figure:
    figure = base("local steps", "length of the way", height=400)
    lines = (
        ("clients, on average", curve.drift, LIGHT[0], "solid"),
        ("their mean", curve.mean, LIGHT[1], "dash"),
    )
    for name, measures, colour, dash in lines:
        seen = [(k, m) for k, m in zip(curve.steps, measures, strict=True) if m.low > TINY]
        steps = [k for k, _ in seen]
        figure.add_scatter(
            x=[*steps, *steps[::-1]],
            y=[m.high for _, m in seen] + [m.low for _, m in seen][::-1],
            fill="toself",
            mode="none",
            fillcolor=colour,
            opacity=0.25,
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=steps,
            y=[m.value for _, m in seen],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            customdata=[[m.chance, number(m.p)] for _, m in seen],
            hovertemplate="%{x} steps: %{y:.3g}, chance %{customdata[0]:.3g}, "
            "p = %{customdata[1]}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.12})
    figure.update_xaxes(
        type="log", tickvals=list(curve.steps), ticktext=list(map(str, curve.steps))
    )
    marks = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5)]
    figure.update_yaxes(type="log", tickvals=marks, ticktext=[f"{mark:g}" for mark in marks])
    return figure


def _map(diagnosis: Diagnosis) -> Panel:
    groups = diagnosis.groups
    figure = base("first direction", "second direction", height=440)
    sizes = diagnosis.counts.sum(1)[groups.clients]
    for g in range(groups.count):
        rows = np.flatnonzero(groups.group == g)
        figure.add_scatter(
            x=groups.places[rows, 0],
            y=groups.places[rows, 1],
            mode="markers",
            name=f"group {g + 1}",
            marker={
                "size": 8 + 14 * np.sqrt(sizes[rows] / sizes.max()),
                "color": LIGHT[g % len(LIGHT)],
                "symbol": SYMBOLS[g % len(SYMBOLS)],
                "opacity": 0.8,
            },
            customdata=[
                [plain(diagnosis.names[groups.clients[row]]), int(sizes[row])] for row in rows
            ],
            hovertemplate="%{customdata[0]}: %{customdata[1]:,} samples<extra>%{fullData.name}"
            "</extra>",
        )
    figure.update_layout(showlegend=groups.count > 1)
    figure.update_yaxes(scaleanchor="x")
    return Panel(
        "map",
        "Map of the clients",
        "Near clients hold like samples with like labels; the size of a mark is the number of its "
        "samples. Two dimensions cannot show every distance: see the next picture.",
        f"Scatter of {len(groups.clients)} clients in {groups.count} groups.",
        (View("Map", figure),),
    )


def _distances(diagnosis: Diagnosis) -> Panel:
    groups = diagnosis.groups
    order = np.lexsort((np.arange(len(groups.group)), groups.group))
    names = [plain(diagnosis.names[groups.clients[row]]) for row in order]
    views = tuple(
        View(SAYS[key], _heat(distances[np.ix_(order, order)], names))
        for key, distances in groups.distances.items()
    )
    return Panel(
        "distances",
        "Every pair of clients",
        "Clients in the order of their groups. Everything: kernel distance of samples with labels. "
        "Labels: root of the Jensen-Shannon divergence. Features: kernel distance within the "
        "classes that both hold. Data sets (of at most 20 clients): the least way on which one "
        "client's samples can become the other's, classes compared by their looks (OTDD), which "
        "is blind to mere renaming.",
        f"Heat maps of the distances between {len(names)} clients.",
        views,
    )


def _heat(distances: NDArray[np.float64], names: list[str]) -> go.Figure:
    figure = base("client", "client", height=520)
    shown: list[list[Any]] = [
        [None if np.isnan(value) else float(value) for value in row] for row in distances
    ]
    figure.add_heatmap(
        z=shown,
        customdata=[[[a, b] for b in names] for a in names],
        colorscale=COLOURSCALE,
        zmin=0,
        colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": {"color": MUTED, "size": 11}},
        hovertemplate="%{customdata[0]} and %{customdata[1]}: %{z:.3f}<extra></extra>",
    )
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False, autorange="reversed")
    return figure


def _label_heatmap(diagnosis: Diagnosis) -> Panel:
    held: Any = SimpleNamespace(
        label_counts=diagnosis.counts,
        label_names=diagnosis.labels,
        newcomers=np.zeros(len(diagnosis.names), bool),
        names=diagnosis.names,
    )
    panel = label_heatmap(held)
    return replace(panel, note=panel.note.replace(" The data are those of the first seed.", ""))
