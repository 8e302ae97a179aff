"""What a ranking says in sentences, which claim no more than the seeds do; r is the ranking."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from unalike.tasks import Measure

from .evidence_sentences import evidence_sentences
from .harm import Harm
from .intervals import Interval
from .ranking import Ranking
from .settings_sentences import settings_sentences
from .units import count, duration, listed, percent, size

Topic = Literal[
    "winner",
    "contrast",
    "local",
    "evidence",
    "harmed",
    "worst",
    "new",
    "global",
    "cost",
    "settings",
    "limits",
    "diverged",
]


UNTOLD = "they cannot be told apart"


class Sentence(NamedTuple):
    """One statement, and what it is about."""

    topic: Topic
    text: str


def sentences_of(r: Ranking) -> tuple[Sentence, ...]:
    """All sentences, in the order in which they are read."""
    return (
        *_winner(r),
        *_contrasts(r),
        *(Sentence("evidence", text) for text in evidence_sentences(r)),
        *_worst(r),
        *_harm(r),
        *_new(r),
        *_global(r),
        *_cost(r),
        *(Sentence("settings", text) for text in settings_sentences(r)),
        *_limits(r),
        *_diverged(r),
    )


def _winner(r: Ranking) -> list[Sentence]:
    if r.best is None:
        return []
    spread = r.mean(r.best, r.metric("personalised", "std"))
    name, write = r.title(r.best), r.measure
    lead = f"has the best personalised {write.title}," if r.contrasts else "reaches"
    texts = [
        f"{name} {lead} {write.text(r.means[r.best])} on average over clients, with a "
        f"standard deviation over clients of {write.unit.difference(spread, signed=False)} "
        f"({r.when})."
    ]
    if r.best == "local" and r.federated:
        texts.append("Local means that every client trains alone: federating does not help.")
    if "centralised" in r.contrasts:
        texts.append(
            f"Centralised, which pools all data and is therefore not a federated method, "
            f"reaches {write.text(r.means['centralised'])}; it is not ranked."
        )
    return [Sentence("winner", " ".join(texts))]


def _contrasts(r: Ranking) -> list[Sentence]:
    rivals = [m for m in r.ranked if m != r.best]
    named = list(dict.fromkeys([*rivals[:1], *(m for m in ("fedavg", "local") if m in rivals)]))
    found = []
    for method in named:
        label = r.title(method)
        if method == rivals[0]:
            label = f"{label}, the runner-up"
        text = f"Against {label}: {difference_text(r.contrasts[method], r.measure)}."
        found.append(Sentence("local" if method == "local" else "contrast", text))
    close = [m for m in rivals if r.contrasts[m].seeds > 1 and not _apart(r, m)]
    if further := [r.title(m) for m in close if m not in named]:
        text = f"Nor can it be told apart from {listed(further)}."
        found.append(Sentence("contrast", text))
    if r.best and "local" not in r.means:
        text = "Local was not run, so nobody can say whether federating helps at all."
        found.append(Sentence("local", text))
    return found


def _apart(r: Ranking, method: str) -> bool:
    return r.contrasts[method].excludes_zero


def _worst(r: Ranking) -> list[Sentence]:
    if r.best is None:
        return []
    metric, text_of = r.metric("personalised", "worst10"), r.measure.text
    floor = r.mean(r.best, metric)
    if np.isnan(floor):
        return []
    others = [
        f"{r.title(m)} {text_of(r.mean(m, metric))}"
        for m in ("fedavg", "local")
        if m in r.ranked and m != r.best
    ]
    against = f" ({', '.join(others)})" if others else ""
    text = (
        f"The worst 10 % of {r.title(r.best)}'s clients reach {text_of(floor)} on "
        f"average{against}, its mean client {text_of(r.means[r.best])}."
    )
    return [Sentence("worst", text)]


def _harm(r: Ranking) -> list[Sentence]:
    shown = [r.best] if r.best in r.harmed else [*r.harmed][:1]
    if "fedavg" in r.harmed and "fedavg" not in shown:
        shown.append("fedavg")
    return [Sentence("harmed", _harm_of(r, m, r.harmed[m])) for m in shown if m]


def _harm_of(r: Ranking, method: str, harm: Harm) -> str:
    name = r.title(method)
    if not harm.share.mean > 0:
        return f"Nobody is harmed by {name}: no client does worse than alone."
    text = f"{name} harms {percent(harm.share.mean)} of its clients: they do worse than alone"
    if harm.share.seeds > 1:
        text += f" (mean over {harm.share.seeds} seeds)"
    if harm.clients:
        names = [f"{client.name} ({r.measure.gain_text(client.gain)})" for client in harm.clients]
        text += f", most of all {listed(names, most=3)}"
    return text + "."


def _new(r: Ranking) -> list[Sentence]:
    means = {m: r.mean(m, r.metric("new", "mean")) for m in r.ranked}
    measure = r.measure
    known = [m for m in r.ranked if np.isfinite(means[m])]
    if not known or r.best is None:
        return []
    top = r.top(known, means)
    parts = []
    for method in dict.fromkeys([r.best, top]):
        if method in known:
            spread = r.mean(method, r.metric("new", "std"))
            parts.append(
                f"{r.title(method)} reaches {measure.text(means[method])} (standard deviation "
                f"over clients {measure.unit.difference(spread, signed=False)})"
            )
    lead = "On new clients, which never trained, after its own adaptation "
    text = lead + "; best there, ".join(parts) + "."
    if top != r.best and r.best in known:
        new = r.metric("new", "mean")
        difference = r.gain(r.seeds(top, new), r.seeds(r.best, new))
        text += f" The difference is {difference_text(difference, measure)}."
    return [Sentence("new", text)]


def _global(r: Ranking) -> list[Sentence]:
    means = {m: r.mean(m, r.metric("global")) for m in r.federated}
    known = [m for m in r.federated if np.isfinite(means[m])]
    if not known:
        return []
    top = r.top(known, means)
    text = (
        f"If everybody must share one model, {r.title(top)} has the best: "
        f"{r.measure.text(means[top])} global {r.measure.title} on the pooled test data."
    )
    return [Sentence("global", text)]


def _cost(r: Ranking) -> list[Sentence]:
    if r.best is None:
        return []
    costs = {
        "bytes_total": ("sent {}", size),
        "gradient_evaluations": ("computed {} gradients", count),
        "train_seconds": ("trained for {}", duration),
    }
    parts = []
    for metric, (phrase, write) in costs.items():
        ours = r.mean(r.best, metric, dated=False)
        if np.isnan(ours):
            continue
        text = phrase.format(write(ours))
        theirs = r.mean("fedavg", metric, dated=False)
        if r.best != "fedavg" and theirs > 0:
            ratio = ours / theirs
            text += f" ({ratio:.{0 if ratio >= 9.95 else 1}f} x FedAvg)"
        parts.append(text)
    if not parts:
        return []
    return [Sentence("cost", f"For this, {r.title(r.best)} {listed(parts)} per seed.")]


def _limits(r: Ranking) -> list[Sentence]:
    intervals = [i for m, i in r.contrasts.items() if m != "centralised"]
    if not any(i.known for i in intervals):
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


def _diverged(r: Ranking) -> list[Sentence]:
    return [
        Sentence(
            "diverged",
            f"{r.title(method)} diverged in "
            + listed([f"round {t} of seed {seed}" for seed, t in sorted(runs.items())])
            + "; it is not ranked.",
        )
        for method, runs in r.failed.items()
    ]


def difference_text(difference: Interval, measure: Measure) -> str:
    """A paired difference in words, with what it does not show."""
    if difference.seeds == 0:
        return "no seed that both finished, so no difference can be given"
    text = measure.gain_text(difference.mean)
    if difference.seeds == 1:
        return f"{text} on the only common seed, so no interval can be given"
    if not difference.known:
        each = "both" if difference.seeds == 2 else f"all {difference.seeds}"
        return f"{text} on {each} seeds alike, so no interval can be given; {UNTOLD}"
    text += (
        f" (95 % interval {measure.interval_text(difference.low, difference.high)}, "
        f"paired over {difference.seeds} seeds)"
    )
    return text if difference.excludes_zero else f"{text}; {UNTOLD}"
