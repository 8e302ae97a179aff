"""The columns of a comparison: where each is found, what it is called, how it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unalike.tasks import SHARE, Task, Unit

from . import units
from .intervals import UNBOUNDED, Bounds

Chosen = Literal["best", "last"]
"""The round that speaks for a run: the best by validation, or the last."""


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    key: str
    metric: str  # in the frame, without the suffix of the round
    heading: str
    short: str  # heading in a terminal, two lines
    unit: Unit | Literal["bytes", "count", "seconds", "round", "epsilon"]
    meaning: str
    dated: bool = True  # whether it is measured at a chosen round
    wins: Literal["high", "low", "none"] = "none"
    bounds: Bounds = UNBOUNDED  # of what it can be

    def interval(self, low: float, high: float) -> str:
        """An interval as the table prints it; nothing where there is none."""
        return "" if np.isnan(low) else f"[{self.text(low)}, {self.text(high)}]"

    def text(self, value: float) -> str:
        """A value as the table prints it; shares and their differences in percent, no sign."""
        if np.isnan(value):
            return units.NOTHING
        if isinstance(self.unit, Unit):
            return self.unit.number(value)
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


def columns_of(task: Task) -> tuple[Column, ...]:
    """The table of a comparison: its task's main measure, harm and cost."""
    main = task.main
    name, title, unit = main.name, main.title, main.unit
    wins: Literal["high", "low"] = "high" if main.higher_is_better else "low"
    return (
        Column(
            "personalised",
            f"personalised_{name}_mean",
            "Personalised",
            "perso-\nnalised",
            unit,
            f"{title} of each training client's own model on its own test data, mean over clients"
            f"{unit.note}",
            wins=wins,
            bounds=main.bounds,
        ),
        Column(
            "spread",
            f"personalised_{name}_std",
            "± clients",
            "over\nclients",
            unit,
            f"standard deviation of that {title} over clients{unit.difference_note}",
        ),
        Column(
            "worst",
            f"personalised_{name}_worst10",
            "Worst 10 %",
            "worst\n10 %",
            unit,
            f"mean of that {title} over the worst tenth of clients{unit.note}",
            wins=wins,
            bounds=main.bounds,
        ),
        Column(
            "global",
            f"global_{name}",
            "Global",
            "\nglobal",
            unit,
            f"{title} of the one shared model on the pooled test data{unit.note}",
            wins=wins,
            bounds=main.bounds,
        ),
        Column(
            "new",
            f"new_{name}_mean",
            "New clients",
            "new\nclients",
            unit,
            f"{title} on clients that never trained, after the method's own adaptation, mean"
            f"{unit.note}",
            wins=wins,
            bounds=main.bounds,
        ),
        Column(
            "new_spread",
            f"new_{name}_std",
            "± new",
            "over\nnew",
            unit,
            f"standard deviation of that {title} over new clients{unit.difference_note}",
        ),
        Column(
            "next_window",
            f"next_window_{name}_mean",
            "Next window",
            "next\nwindow",
            unit,
            f"{title} of each training client's own model on the samples that come next, before it "
            f"is trained on them, mean over windows and clients{unit.note}",
            dated=False,
            wins=wins,
            bounds=main.bounds,
        ),
        Column(
            "forgetting",
            "forgetting_mean",
            "Forgetting",
            "forget-\nting",
            unit,
            "what that model has lost at the end on test data of past windows"
            f"{unit.difference_note}",
            dated=False,
            wins="low",
        ),
        Column(
            "harmed",
            "harmed_share",
            "Worse than Local",
            "below\nLocal",
            SHARE,
            "share of training clients that do worse than by training alone (%)",
            wins="low",
            bounds=(0.0, 1.0),
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
        Column(
            "time", "train_seconds", "Time", "\ntime", "seconds", "training time here", dated=False
        ),
        Column(
            "round",
            "best_round",
            "Best round",
            "best\nround",
            "round",
            f"the round with the best validation {title}, mean over seeds",
            dated=False,
        ),
    )


def further_columns_of(task: Task) -> tuple[Column, ...]:
    """What the first table has no room for."""
    main = task.main
    name, title, unit = main.name, main.title, main.unit
    beside = [measure for measure in task.measures if measure.name != name]
    return (
        Column(
            "weighted",
            f"personalised_{name}_weighted",
            "Weighted by samples",
            "weighted",
            unit,
            f"personalised {title}, mean over test samples{unit.note}",
            bounds=main.bounds,
        ),
        *(
            Column(
                measure.column,
                f"personalised_{measure.name}_mean",
                _capitalised(measure.heading),
                measure.heading,
                measure.unit,
                f"personalised {measure.title}, mean over clients{measure.unit.note}",
                bounds=measure.bounds,
            )
            for measure in beside
        ),
        Column(
            "gain",
            "gain_over_local_mean",
            "Gain over Local",
            "gain",
            unit,
            f"mean over clients of what each gains over training alone{unit.difference_note}",
            bounds=_of_differences(main.bounds),
        ),
        Column(
            "qoi",
            "qoi_mean",
            "QoI",
            "QoI",
            unit,
            f"mean quality of improvement{unit.difference_note}",
            bounds=_of_differences(main.bounds),
        ),
        *(
            Column(
                f"global_{measure.column}",
                f"global_{measure.name}",
                f"Global, {measure.heading}",
                f"global {measure.heading}",
                measure.unit,
                f"global {measure.title}{measure.unit.note}",
                bounds=measure.bounds,
            )
            for measure in beside
        ),
        Column(
            "new_worst",
            f"new_{name}_worst10",
            "New, worst 10 %",
            "new worst",
            unit,
            f"{title} of the worst tenth of new clients{unit.note}",
            bounds=main.bounds,
        ),
        Column(
            "past_windows",
            f"past_windows_{name}_mean",
            "Past windows",
            "past windows",
            unit,
            f"personalised {title} at the end on test data of past windows{unit.note}",
            dated=False,
            bounds=main.bounds,
        ),
        Column(
            "cluster_agreement",
            "cluster_agreement",
            "True groups found",
            "true groups",
            SHARE,
            "agreement of the groups that share a model with the true ones, adjusted Rand index "
            "(100: the same groups; 0: chance)",
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


def _of_differences(bounds: Bounds) -> Bounds:
    """What differences of two such values can be."""
    span = bounds[1] - bounds[0]
    return -span, span


def _capitalised(words: str) -> str:
    return words[0].upper() + words[1:]
