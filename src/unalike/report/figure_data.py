"""What the figures of a comparison are drawn from: curves by round, values by client, styles."""

from __future__ import annotations

from collections.abc import Callable, Container

import numpy as np
import plotly.graph_objects as go

from unalike.results.comparison import Comparison

from .canvas import View, plain
from .colours import MethodStyle


class FigureData:
    """A comparison as figures need it; `methods` in the order of the table."""

    def __init__(
        self, comparison: Comparison, methods: list[str], styles: dict[str, MethodStyle]
    ) -> None:
        self.methods = methods
        self.main = comparison.task.main
        self.styles = styles
        self.titles = {m: plain(comparison.titles.get(m, m)) for m in methods}
        curves = comparison.curves
        self.curves = {
            str(metric): rows.pivot_table(index=["method", "round"], columns="seed", values="value")
            for metric, rows in curves.groupby("metric", sort=False)
        }
        frame = comparison.frame
        wanted = (self.metric("personalised", "best"), self.metric("new", "best"), "qoi_best")
        gains = ("gain_over_local_best", "gain_over_local_last")
        rows = frame[(frame["client"] != "all") & frame["metric"].isin([*wanted, *gains])]
        self.clients = {
            (str(method), str(metric)): part["value"].to_numpy(dtype=np.float64)
            for (method, metric), part in rows.groupby(["method", "metric"], sort=False)
        }
        self.client_metrics = {metric for _, metric in self.clients}
        self.seeds = int(frame["seed"].nunique()) if len(frame) else 0

    def metric(self, family: str, suffix: str = "") -> str:
        """A name in the frame: "new", "mean" -> "new_accuracy_mean"."""
        return "_".join(filter(None, (family, self.main.name, suffix)))

    def percent(self, axis: str) -> str:
        """This axis, where it shows the main measure and that is a share; else none."""
        return axis if self.main.axis.ticks.endswith("%") else ""


def views_of(
    data: FigureData,
    metrics: dict[str, str],
    draw: Callable[[FigureData, str], go.Figure],
    known: Container[str],
) -> tuple[View, ...]:
    """A view for each of these metrics that is known and leaves something to see, by its label."""
    made = [(label, draw(data, metric)) for label, metric in metrics.items() if metric in known]
    return tuple(View(label, figure) for label, figure in made if figure.data)
