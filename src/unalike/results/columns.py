"""The measures of a comparison: where each is found, what it is called, how it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unalike.measures.metrics import BESIDE_MAIN, Unit

from . import units

Chosen = Literal["best", "last"]
"""The round that speaks for a run: the best by validation, or the last."""
IN_UNIT: dict[Unit, str] = {"share": " (%)", "nats": ""}


@dataclass(frozen=True)
class Column:
    """One measure of the table."""

    key: str
    metric: str  # in the frame, without the suffix of the round
    heading: str
    short: str  # heading in a terminal, two lines
    unit: Unit | Literal["spread", "bytes", "count", "seconds", "round", "epsilon"]
    meaning: str
    dated: bool = True  # whether it is measured at a chosen round
    wins: Literal["high", "low", "none"] = "none"

    def text(self, value: float) -> str:
        """A value as the table prints it; shares and spreads in percent without the sign."""
        if np.isnan(value):
            return units.NOTHING
        if self.unit in ("share", "spread"):
            return f"{100 * value:.1f}"
        if self.unit == "nats":
            return f"{value:.3f}"
        if self.unit == "epsilon":
            return units.epsilon(value)
        if self.unit == "bytes":
            return units.size(value)
        if self.unit == "seconds":
            return units.duration(value)
        return units.count(value) if self.unit == "count" else f"{value:.0f}"

    def suffixed(self, chosen: Chosen) -> str:
        """The metric's full name in the frame."""
        return f"{self.metric}_{chosen}" if self.dated else self.metric


COLUMNS = (
    Column(
        "personalised",
        "personalised_accuracy_mean",
        "Personalised",
        "perso-\nnalised",
        "share",
        "accuracy of each training client's own model on its own test data, mean over clients (%)",
        wins="high",
    ),
    Column(
        "spread",
        "personalised_accuracy_std",
        "± clients",
        "over\nclients",
        "spread",
        "standard deviation of that accuracy over clients (points)",
    ),
    Column(
        "worst",
        "personalised_accuracy_worst10",
        "Worst 10 %",
        "worst\n10 %",
        "share",
        "mean of that accuracy over the worst tenth of clients (%)",
        wins="high",
    ),
    Column(
        "global",
        "global_accuracy",
        "Global",
        "\nglobal",
        "share",
        "accuracy of the one shared model on the pooled test data (%)",
        wins="high",
    ),
    Column(
        "new",
        "new_accuracy_mean",
        "New clients",
        "new\nclients",
        "share",
        "accuracy on clients that never trained, after the method's own adaptation, mean (%)",
        wins="high",
    ),
    Column(
        "new_spread",
        "new_accuracy_std",
        "± new",
        "over\nnew",
        "spread",
        "standard deviation of that accuracy over new clients (points)",
    ),
    Column(
        "next_window",
        "next_window_accuracy_mean",
        "Next window",
        "next\nwindow",
        "share",
        "accuracy of each training client's own model on the samples that come next, before it is "
        "trained on them, mean over windows and clients (%)",
        dated=False,
        wins="high",
    ),
    Column(
        "forgetting",
        "forgetting_mean",
        "Forgetting",
        "forget-\nting",
        "spread",
        "what that model has lost at the end on test data of past windows (points)",
        dated=False,
        wins="low",
    ),
    Column(
        "harmed",
        "harmed_share",
        "Worse than Local",
        "below\nLocal",
        "share",
        "share of training clients that do worse than by training alone (%)",
        wins="low",
    ),
    Column(
        "traffic",
        "bytes_total",
        "Traffic",
        "\ntraffic",
        "bytes",
        "bytes down and up, all clients and rounds",
        dated=False,
    ),
    Column(
        "gradients",
        "gradient_evaluations",
        "Gradients",
        "gradi-\nents",
        "count",
        "per-sample gradient evaluations of all clients, Hessian-vector products counted",
        dated=False,
    ),
    Column("time", "train_seconds", "Time", "\ntime", "seconds", "training time here", dated=False),
    Column(
        "round",
        "best_round",
        "Best round",
        "best\nround",
        "round",
        "the round with the best validation accuracy, mean over seeds",
        dated=False,
    ),
)

FURTHER = (
    Column(
        "weighted",
        "personalised_accuracy_weighted",
        "Weighted by samples",
        "weighted",
        "share",
        "personalised accuracy, mean over test samples (%)",
    ),
    *(
        Column(
            metric.column,
            f"personalised_{metric.name}_mean",
            metric.heading[0].upper() + metric.heading[1:],
            metric.heading,
            metric.unit,
            f"personalised {metric.title}, mean over clients{IN_UNIT[metric.unit]}",
        )
        for metric in BESIDE_MAIN
    ),
    Column(
        "gain",
        "gain_over_local_mean",
        "Gain over Local",
        "gain",
        "spread",
        "mean over clients of what each gains over training alone (points)",
    ),
    Column("qoi", "qoi_mean", "QoI", "QoI", "spread", "mean quality of improvement (points)"),
    *(
        Column(
            f"global_{metric.column}",
            f"global_{metric.name}",
            f"Global, {metric.heading}",
            f"global {metric.heading}",
            metric.unit,
            f"global {metric.title}{IN_UNIT[metric.unit]}",
        )
        for metric in BESIDE_MAIN
    ),
    Column(
        "new_worst",
        "new_accuracy_worst10",
        "New, worst 10 %",
        "new worst",
        "share",
        "accuracy of the worst tenth of new clients (%)",
    ),
    Column(
        "past_windows",
        "past_windows_accuracy_mean",
        "Past windows",
        "past windows",
        "share",
        "personalised accuracy at the end on test data of past windows (%)",
        dated=False,
    ),
    Column(
        "cluster_agreement",
        "cluster_agreement",
        "True groups found",
        "true groups",
        "share",
        "agreement of the groups that share a model with the true ones, adjusted Rand index (100: "
        "the same groups; 0: chance)",
    ),
    Column(
        "epsilon",
        "epsilon",
        "Epsilon",
        "epsilon",
        "epsilon",
        "what the whole run has spent of a client's privacy, at the study's delta",
        dated=False,
    ),
    Column("down", "bytes_down", "Down", "down", "bytes", "bytes sent to clients", dated=False),
    Column("up", "bytes_up", "Up", "up", "bytes", "bytes sent by clients", dated=False),
    Column(
        "memory",
        "peak_memory_bytes",
        "Peak memory",
        "memory",
        "bytes",
        "largest memory in use",
        dated=False,
    ),
    Column(
        "rejected",
        "rejected_uploads",
        "Rejected",
        "rejected",
        "count",
        "uploads that were not finite",
        dated=False,
    ),
    Column(
        "dropped",
        "dropped_answers",
        "Dropped",
        "dropped",
        "count",
        "clients that were asked and never answered",
        dated=False,
    ),
)
"""What the first table has no room for."""
