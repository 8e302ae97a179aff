"""The verdict of a comparison: as data, and in sentences that claim no more than the seeds say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd

from .columns import Chosen
from .harm import Harm, harmed
from .intervals import Interval, over_seeds, paired
from .table import NOT_FEDERATED, aggregates, by_seed, diverged
from .units import count, duration, listed, percent, points, size

if TYPE_CHECKING:
    from .comparison import Comparison

Topic = Literal[
    "winner", "contrast", "local", "harmed", "worst", "new", "global", "cost", "limits", "diverged"
]


class Sentence(NamedTuple):
    """One statement, and what it is about."""

    topic: Topic
    text: str


@dataclass(frozen=True)
class Verdict:
    """Who wins by personalised accuracy, by how much, at whose expense."""

    best: str | None  # the method that leads; never centralised, never one that diverged
    headline: str
    sentences: tuple[Sentence, ...]
    contrasts: dict[str, Interval]  # personalised accuracy of the best minus each other method's
    harmed: dict[str, Harm]  # by federated method
    diverged: dict[str, dict[int, int]]  # method -> seed -> round

    def __str__(self) -> str:
        return "\n".join([self.headline, *(sentence.text for sentence in self.sentences)])

    def told_apart(self, other: str) -> bool:
        """Whether the paired interval of the best against this method excludes zero."""
        return self.contrasts[other].excludes_zero


def judge(comparison: Comparison, chosen: Chosen = "best") -> Verdict:
    """Judge a comparison at the round chosen by validation, or at the last."""
    return _Judge(comparison, chosen).verdict()


class _Judge:
    def __init__(self, comparison: Comparison, chosen: Chosen) -> None:
        self.comparison = comparison
        self.chosen: Chosen = chosen
        self.wide = aggregates(comparison)
        self.failed = diverged(self.wide)
        self.when = "round chosen by validation" if chosen == "best" else "last round"
        methods = [str(m) for m in self.wide.index.get_level_values("method").unique()]
        self.means = {m: self.mean(m, "personalised_accuracy_mean") for m in methods}
        ranked = sorted(
            (m for m in methods if m not in self.failed and np.isfinite(self.means[m])),
            key=lambda m: -self.means[m],
        )
        self.ranked = [m for m in ranked if m != "centralised"]
        self.best = self.ranked[0] if self.ranked else None
        ours = self.seeds(self.best, "personalised_accuracy_mean") if self.best else None
        self.contrasts = {
            m: paired(ours, self.seeds(m, "personalised_accuracy_mean"))
            for m in ranked
            if ours is not None and m != self.best
        }
        self.federated = [m for m in self.ranked if m not in NOT_FEDERATED]
        self.harmed = harmed(comparison, self.wide, self.federated, chosen)

    def seeds(self, method: str, metric: str, *, dated: bool = True) -> pd.Series[float]:
        return by_seed(self.wide, method, f"{metric}_{self.chosen}" if dated else metric)

    def mean(self, method: str, metric: str, *, dated: bool = True) -> float:
        return over_seeds(self.seeds(method, metric, dated=dated)).mean

    def title(self, method: str) -> str:
        return self.comparison.titles.get(method, method)

    def verdict(self) -> Verdict:
        sentences = [
            *self._winner(),
            *self._contrasts(),
            *self._worst(),
            *self._harm(),
            *self._new(),
            *self._global(),
            *self._cost(),
            *self._limits(),
            *self._diverged(),
        ]
        return Verdict(
            self.best,
            self._headline(),
            tuple(sentences),
            self.contrasts,
            self.harmed,
            self.failed,
        )

    def _headline(self) -> str:
        if self.best is None and self.comparison.hidden and len(self.failed) < len(self.means):
            return "No client tells its accuracy, so the methods cannot be compared."
        if self.best is None:
            return "No method finished." if self.failed else "There is nothing to compare yet."
        name = self.title(self.best)
        rivals = [m for m in self.ranked if m != self.best]
        if not rivals:
            return f"Only {name} was judged."
        one_seed = all(self.contrasts[m].half is None for m in rivals)
        close = [m for m in rivals if not self.contrasts[m].excludes_zero]
        if self.best == "local":
            if one_seed:
                return "Federating does not help here, as far as one seed can say."
            if close:
                return "Federating does not help here: no method has a better average than Local."
            return "Federating does not help here: training alone beats every method on average."
        if one_seed:
            return f"{name} leads, but one seed cannot say whether by more than chance."
        if "local" in close:
            return f"{name} leads, but it cannot be told apart from training alone."
        if close:
            names = listed([self.title(m) for m in close], most=2)
            return f"{name} leads, but it cannot be told apart from {names}."
        return f"{name} helps most."

    def _winner(self) -> list[Sentence]:
        if self.best is None:
            return []
        spread = self.mean(self.best, "personalised_accuracy_std")
        name = self.title(self.best)
        lead = "has the best personalised accuracy," if self.contrasts else "reaches"
        texts = [
            f"{name} {lead} {percent(self.means[self.best])} on average over clients, with a "
            f"standard deviation over clients of {points(spread, signed=False)} ({self.when})."
        ]
        if self.best == "local" and self.federated:
            texts.append("Local means that every client trains alone: federating does not help.")
        if "centralised" in self.contrasts:
            texts.append(
                f"Centralised, which pools all data and is therefore not a federated method, "
                f"reaches {percent(self.means['centralised'])}; it is not ranked."
            )
        return [Sentence("winner", " ".join(texts))]

    def _contrasts(self) -> list[Sentence]:
        rivals = [m for m in self.ranked if m != self.best]
        named = list(dict.fromkeys([*rivals[:1], *(m for m in ("fedavg", "local") if m in rivals)]))
        found = []
        for method in named:
            label = self.title(method)
            if method == rivals[0]:
                label = f"{label}, the runner-up"
            text = f"Against {label}: {told(self.contrasts[method])}."
            found.append(Sentence("local" if method == "local" else "contrast", text))
        close = [m for m in rivals if self.contrasts[m].half is not None and not self._apart(m)]
        if further := [self.title(m) for m in close if m not in named]:
            text = f"Nor can it be told apart from {listed(further)}."
            found.append(Sentence("contrast", text))
        if self.best and "local" not in self.means:
            text = "Local was not run, so nobody can say whether federating helps at all."
            found.append(Sentence("local", text))
        return found

    def _apart(self, method: str) -> bool:
        return self.contrasts[method].excludes_zero

    def _worst(self) -> list[Sentence]:
        if self.best is None:
            return []
        metric = "personalised_accuracy_worst10"
        floor = self.mean(self.best, metric)
        if np.isnan(floor):
            return []
        others = [
            f"{self.title(m)} {percent(self.mean(m, metric))}"
            for m in ("fedavg", "local")
            if m in self.ranked and m != self.best
        ]
        against = f" ({', '.join(others)})" if others else ""
        text = (
            f"The worst 10 % of {self.title(self.best)}'s clients reach {percent(floor)} on "
            f"average{against}, its mean client {percent(self.means[self.best])}."
        )
        return [Sentence("worst", text)]

    def _harm(self) -> list[Sentence]:
        shown = [self.best] if self.best in self.harmed else [*self.harmed][:1]
        if "fedavg" in self.harmed and "fedavg" not in shown:
            shown.append("fedavg")
        return [Sentence("harmed", self._harm_of(m, self.harmed[m])) for m in shown if m]

    def _harm_of(self, method: str, harm: Harm) -> str:
        name = self.title(method)
        if not harm.share.mean > 0:
            return f"Nobody is harmed by {name}: no client does worse than alone."
        text = f"{name} harms {percent(harm.share.mean)} of its clients: they do worse than alone"
        if harm.share.half is not None:
            text += f" (mean over {harm.share.seeds} seeds)"
        if harm.clients:
            names = [f"{client.name} ({points(client.gain)})" for client in harm.clients]
            text += f", most of all {listed(names, most=3)}"
        return text + "."

    def _new(self) -> list[Sentence]:
        means = {m: self.mean(m, "new_accuracy_mean") for m in self.ranked}
        known = [m for m in self.ranked if np.isfinite(means[m])]
        if not known or self.best is None:
            return []
        top = max(known, key=lambda m: means[m])
        parts = []
        for method in dict.fromkeys([self.best, top]):
            if method in known:
                spread = self.mean(method, "new_accuracy_std")
                parts.append(
                    f"{self.title(method)} reaches {percent(means[method])} (standard deviation "
                    f"over clients {points(spread, signed=False)})"
                )
        lead = "On new clients, which never trained, after its own adaptation "
        text = lead + "; best there, ".join(parts) + "."
        if top != self.best and self.best in known:
            difference = paired(
                self.seeds(top, "new_accuracy_mean"), self.seeds(self.best, "new_accuracy_mean")
            )
            text += f" The difference is {told(difference)}."
        return [Sentence("new", text)]

    def _global(self) -> list[Sentence]:
        means = {m: self.mean(m, "global_accuracy") for m in self.federated}
        known = [m for m in self.federated if np.isfinite(means[m])]
        if not known:
            return []
        top = max(known, key=lambda m: means[m])
        text = (
            f"If everybody must share one model, {self.title(top)} has the best: "
            f"{percent(means[top])} global accuracy on the pooled test data."
        )
        return [Sentence("global", text)]

    def _cost(self) -> list[Sentence]:
        if self.best is None:
            return []
        costs = {
            "bytes_total": ("sent {}", size),
            "gradient_evaluations": ("computed {} gradients", count),
            "train_seconds": ("trained for {}", duration),
        }
        parts = []
        for metric, (phrase, write) in costs.items():
            ours = self.mean(self.best, metric, dated=False)
            if np.isnan(ours):
                continue
            text = phrase.format(write(ours))
            theirs = self.mean("fedavg", metric, dated=False)
            if self.best != "fedavg" and theirs > 0:
                ratio = ours / theirs
                text += f" ({ratio:.{0 if ratio >= 9.95 else 1}f} x FedAvg)"
            parts.append(text)
        if not parts:
            return []
        return [Sentence("cost", f"For this, {self.title(self.best)} {listed(parts)} per seed.")]

    def _limits(self) -> list[Sentence]:
        intervals = [i for m, i in self.contrasts.items() if m != "centralised"]
        if not any(i.half is not None for i in intervals):
            return []
        text = (
            "The intervals speak of this data set, these settings and new seeds only, each of one "
            "pair of methods."
        )
        if len(intervals) > 1:
            text += f" To lead among {len(intervals) + 1} methods flatters the leader a little."
        if len({i.seeds for i in intervals}) > 1:
            text += " Not every method finished every seed; a pair is judged on those both have."
        return [Sentence("limits", text)]

    def _diverged(self) -> list[Sentence]:
        return [
            Sentence(
                "diverged",
                f"{self.title(method)} diverged in "
                + listed([f"round {t} of seed {seed}" for seed, t in sorted(runs.items())])
                + "; it is not ranked.",
            )
            for method, runs in self.failed.items()
        ]


def told(difference: Interval) -> str:
    """A paired difference in words, with what it does not show."""
    if difference.seeds == 0:
        return "no seed that both finished, so no difference can be given"
    text = points(difference.mean)
    if difference.half is None:
        return f"{text} on the only common seed, so no interval can be given"
    text += (
        f" (95 % interval {100 * difference.low:+.1f} to {points(difference.high)}, "
        f"paired over {difference.seeds} seeds)"
    )
    return text if difference.excludes_zero else f"{text}; they cannot be told apart"
