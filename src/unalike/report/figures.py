"""The figures of a report, each in one or more views, in the colours of paper.

A trace that belongs to one method says so in `meta`, so that a page can show and hide methods in
all figures at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from .canvas import MOST_POINTS, Panel, View, base, plain, thinned
from .colours import MUTED, Look
from .holdings import holdings

if TYPE_CHECKING:
    from unalike.results.comparison import Comparison


def panels(comparison: Comparison, methods: list[str], looks: dict[str, Look]) -> list[Panel]:
    """All panels that this comparison has data for; `methods` in the order of the table."""
    drawn = _Drawing(comparison, methods, looks)
    found = [
        drawn.learning(),
        drawn.distribution(),
        drawn.gain(),
        holdings(comparison),
        drawn.price(),
        drawn.drift(),
    ]
    return [panel for panel in found if panel.views]


class _Drawing:
    def __init__(self, comparison: Comparison, methods: list[str], looks: dict[str, Look]) -> None:
        self.methods = methods
        self.looks = looks
        self.titles = {m: plain(comparison.titles.get(m, m)) for m in methods}
        curves = comparison.curves
        self.curves = {
            str(metric): rows.pivot_table(index=["method", "round"], columns="seed", values="value")
            for metric, rows in curves.groupby("metric", sort=False)
        }
        frame = comparison.frame
        wanted = ("personalised_accuracy_best", "new_accuracy_best", "qoi_best")
        gains = ("gain_over_local_best", "gain_over_local_last")
        rows = frame[(frame["client"] != "all") & frame["metric"].isin([*wanted, *gains])]
        self.clients = {
            (str(method), str(metric)): part["value"].to_numpy(dtype=np.float64)
            for (method, metric), part in rows.groupby(["method", "metric"], sort=False)
        }
        self.seeds = int(frame["seed"].nunique()) if len(frame) else 0

    def learning(self) -> Panel:
        """Accuracy by round."""
        views = self._views(
            {
                "Personalised": "personalised_accuracy_mean",
                "Global": "global_accuracy",
                "New clients": "new_accuracy_mean",
                "Validation": "validation_accuracy",
            },
            lambda metric: self._against_round(metric, "accuracy", percent="y"),
        )
        note = "Each line is the mean over seeds of the mean over clients; "
        note += "the band reaches from the lowest to the highest seed." if self.seeds > 1 else ""
        note = note if self.seeds > 1 else "One seed, so no band; each line is a mean over clients."
        return Panel(
            "learning",
            "How they learn",
            note + " The global view is one shared model on the pooled test data.",
            "Line chart: accuracy by round, one line for each method.",
            views,
        )

    def drift(self) -> Panel:
        """Client drift, gradient dissimilarity and cancellation by round."""
        views = self._views(
            {
                "Client drift": "client_drift",
                "Gradient dissimilarity": "gradient_dissimilarity",
                "Cancellation": "cancellation",
            },
            lambda metric: self._against_round(metric, metric.replace("_", " "), log=True),
        )
        return Panel(
            "drift",
            "How far the clients pull apart",
            "Drift is how far a client moves from the model it was sent; dissimilarity is how much "
            "the clients' gradients disagree there; cancellation near 0 means that the clients' "
            "moves undo each other. Only methods with a global model have them.",
            "Line chart: client drift, gradient dissimilarity or cancellation by round.",
            views,
        )

    def price(self) -> Panel:
        """Accuracy against what was sent, and against time."""
        views = self._views(
            {"Traffic": "bytes_total", "Training time": "train_seconds"}, self._against_price
        )
        note = (
            "Mean personalised accuracy against all bytes sent down and up so far, or against the "
            "seconds of training. Up and to the left is better. A method that sends nothing "
            "stands at zero."
        )
        if "centralised" in self.methods:
            note += " Centralised would have to send the data themselves, which is not counted."
        return Panel(
            "price",
            "What accuracy costs",
            note,
            "Line chart: personalised accuracy against bytes sent or against training time.",
            views,
        )

    def distribution(self) -> Panel:
        """Densities over clients."""
        views = self._views(
            {
                "Personalised accuracy": "personalised_accuracy_best",
                "QoI": "qoi_best",
                "New clients": "new_accuracy_best",
            },
            self._density,
            known={metric for _, metric in self.clients},
        )
        pooled = "Clients of all seeds together, at the round chosen by validation. "
        return Panel(
            "distribution",
            "The spread over clients",
            pooled + "The shape is a kernel density, the box holds the middle half, the dashed "
            "line is the mean. QoI is what a client gains over the better of FedAvg's model and "
            "training alone; below zero it loses." + self._thinned(),
            "Violin chart: distribution over clients, one violin for each method.",
            views,
        )

    def gain(self) -> Panel:
        """Who gains and who is harmed, sorted."""
        views = self._views(
            {
                "Round chosen by validation": "gain_over_local_best",
                "Last round": "gain_over_local_last",
            },
            self._sorted_gain,
            known={metric for _, metric in self.clients},
        )
        return Panel(
            "gain",
            "Who gains, who is harmed",
            "Accuracy of each client minus what it reaches by training alone, sorted from the most "
            "harmed to the most helped; clients of all seeds together. Where a line runs below "
            "zero, those clients are harmed." + self._thinned(),
            "Line chart: gain in accuracy over training alone, clients sorted by gain.",
            views,
        )

    def _views(
        self,
        metrics: dict[str, str],
        draw: Callable[[str], go.Figure],
        known: set[str] | None = None,
    ) -> tuple[View, ...]:
        there = set(self.curves) if known is None else known
        made = [(label, draw(metric)) for label, metric in metrics.items() if metric in there]
        return tuple(View(label, figure) for label, figure in made if figure.data)

    def _against_round(
        self, metric: str, y: str, *, percent: str = "", log: bool = False
    ) -> go.Figure:
        figure = base("round", y, percent=percent)
        values = self.curves[metric]
        for method in reversed(self.methods):
            if method in values.index.get_level_values("method"):
                part: pd.DataFrame = values.loc[[method]].droplevel("method")
                self._line(figure, method, part.index.to_numpy(), part, percent=bool(percent))
        finite = values.to_numpy()[np.isfinite(values.to_numpy())]
        if log and metric != "cancellation" and len(finite) and finite.min() > 0:
            figure.update_yaxes(type="log", nticks=7, tickformat="~g")
        return figure

    def _against_price(self, metric: str) -> go.Figure:
        spent, reached = self.curves[metric], self.curves.get("personalised_accuracy_mean")
        unit = "bytes sent so far" if metric == "bytes_total" else "seconds of training"
        figure = base(unit, "accuracy", percent="y")
        if reached is None:
            return figure
        for method in reversed(self.methods):
            known = (v.index.get_level_values("method") for v in (spent, reached))
            if all(method in names for names in known):
                accuracy: pd.DataFrame = reached.loc[[method]].droplevel("method")
                x = spent.loc[[method]].droplevel("method").mean(axis=1).reindex(accuracy.index)
                self._line(figure, method, x.to_numpy(), accuracy, percent=True, markers=True)
        figure.update_xaxes(rangemode="tozero")
        if metric == "bytes_total":
            figure.update_xaxes(tickformat=".3~s", ticksuffix="B")
        return figure

    def _line(
        self,
        figure: go.Figure,
        method: str,
        x: NDArray[np.float64],
        values: pd.DataFrame,
        *,
        percent: bool,
        markers: bool = False,
    ) -> None:
        kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(int))
        look = self.looks[method]
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
            name=self.titles[method],
            meta=method,
            cliponaxis=False,
            hovertemplate=f"%{{y{form}}} at %{{x:.4~s}}<extra>{self.titles[method]}</extra>",
        )

    def _density(self, metric: str) -> go.Figure:
        shown = [m for m in self.methods if (m, metric) in self.clients]
        name = "QoI" if metric.startswith("qoi") else "accuracy"
        figure = base(name, "", height=90 + 46 * len(shown), percent="x")
        figure.update_layout(meta={"row": 46, "rest": 90})
        for method in reversed(shown):
            values = thinned(self.clients[method, metric])
            if not len(values):
                continue
            look = self.looks[method]
            figure.add_violin(
                x=values,
                y0=self.titles[method],
                name=self.titles[method],
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

    def _sorted_gain(self, metric: str) -> go.Figure:
        figure = base("clients, most harmed first", "gain over Local, points", percent="x")
        figure.add_hline(y=0, line={"color": MUTED, "width": 1})
        for method in reversed(self.methods):
            values = thinned(self.clients.get((method, metric), np.zeros(0)))
            if method == "local" or not len(values):
                continue
            look = self.looks[method]
            figure.add_scatter(
                x=(np.arange(len(values)) + 0.5) / len(values),
                y=100 * values,
                mode="lines" if len(values) > 1 else "markers",
                line={"color": look.colour, "dash": look.dash, "width": 2, "shape": "hvh"},
                marker={"color": look.colour, "symbol": look.symbol},
                name=self.titles[method],
                meta=method,
                hovertemplate=f"%{{y:+.1f}} points<extra>{self.titles[method]}</extra>",
            )
        figure.update_xaxes(range=[0, 1.01], tickvals=[0, 0.25, 0.5, 0.75, 1])
        figure.update_yaxes(tickformat="+~g")
        return figure

    def _thinned(self) -> str:
        if any(len(values) > MOST_POINTS for values in self.clients.values()):
            return f" There are too many clients to draw: these are {MOST_POINTS} quantiles."
        return ""
