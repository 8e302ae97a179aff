"""The page of results on natural federations, from what `natural.py` has kept."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from unalike.results.intervals import Interval, over_seeds
from unalike.tasks import Measure, task_named

TITLES = {
    "local": "Local",
    "fedavg": "FedAvg",
    "finetuning": "fine-tuning",
    "advised": "advised",
}
SHOWN = 5
HEAD = """# Natural federations: what was measured

Every number here was written by the command that measured it.

<!-- checked: trains for minutes, and needs files that are not here -->
```sh
python examples/natural.py --data-dir DIR
```

Each client keeps its own samples; every seed cuts them anew into training, validation and test.
The advice of a seed knows its training and validation samples alone. Local and FedAvg train with
the step sizes that the race of the advice found for them, fine-tuning with FedAvg's. Runs are short
and races small, so that all of it is affordable: a longer study may rank methods otherwise.

Scores are means over clients, each on its own test samples, with the 95 % interval over seeds. A
gain is over Local, seed by seed, and above zero is better, whatever the measure. Harmed are the
clients whose mean over seeds is worse than that of Local; for sure are those of them whose own
gains over seeds have a 95 % interval below zero, which leaves chance its share.
"""
EVERY = """## Beside every method

With `--every-method` all methods train as well, as many rounds as above, each with the best of
{trials} settings by validation samples. The best of all is the one of the best mean over seeds by
the very test samples with which it is told: of some thirty methods it is partly the luckiest. A gap
is what it gains over the advised method, seed by seed, with the 95 % interval over seeds: with the
settings that were advised, and with the best of those {trials}. It was not run for federations that
are not listed.

| federation | the best of all | its score | advised | gap | gap where that is tuned alike |
|---|---|---|---|---|---|
"""


def write_page(page: Path, folder: Path, names: list[str], seeds: int) -> None:
    """All federations that something is known of, in this order."""
    parts, rows, worse, complete = [], [], [], 0
    beside: list[str] = []
    for name in names:
        files = [folder / f"{name}-{seed}.json" for seed in range(seeds)]
        found = [json.loads(path.read_text("utf-8")) for path in files if path.exists()]
        measured = [one for one in found if "error" not in one]
        if not measured:
            why = found[0]["error"] if found else "not run yet."
            parts.append(f"## {name}\n\nNot measured: {why}\n")
            continue
        complete += len(measured)
        summary = Federation(name, measured)
        parts.append(summary.text())
        rows.append(summary.row())
        tuned = [folder / f"{name}-{seed}-every.json" for seed in range(len(measured))]
        if all(path.exists() for path in tuned):
            every = [json.loads(path.read_text("utf-8")) for path in tuned]
            beside.append(summary.beside(every))
        if summary.gain("advised").mean < 0:
            worse.append(f"{name} ({summary.written(summary.gain('advised'), signed=True)})")
    which = ", ".join(worse) if worse else "none of these"
    verdict = f"By its mean the advised method was worse than Local on: {which}."
    table = [
        "| federation | measure | Local | FedAvg | fine-tuning | advised | gain of the advised |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    if complete < len(names) * seeds:
        verdict += (
            f" Of {len(names) * seeds} runs planned, {seeds} seeds each, {complete} are done: "
            "where a single seed was run there is no interval, and it decides nothing."
        )
    if beside:
        parts.append(EVERY.format(trials=every[0]["trials"]) + "\n".join(beside) + "\n")
    text = "\n".join([HEAD, "## At a glance\n", *table, "", verdict, "", *parts])
    page.write_text(text.rstrip() + "\n", "utf-8")


def measure_of(seed: dict[str, Any]) -> Measure:
    """What a seed's scores are numbers of; the task's sizes change neither unit nor direction."""
    return task_named(seed["task"]).of(2, (2,)).measure(seed["measure"])


class Federation:
    """What the seeds of one federation gave."""

    def __init__(self, name: str, seeds: list[dict[str, Any]]) -> None:
        self.name, self.seeds = name, seeds
        self.measure: Measure = measure_of(seeds[0])
        frames = [pd.DataFrame(one["scores"]) for one in seeds]
        self.means = pd.DataFrame([frame.mean() for frame in frames])
        self.gains = pd.concat(
            {
                seed: frame.apply(lambda own, f=frame: self.measure.gain(own, f["local"]))
                for seed, frame in enumerate(frames)
            },
            names=["seed", "client"],
        )

    def gain(self, method: str) -> Interval:
        """Over Local, over seeds."""
        gains = self.gains[method].groupby("seed").mean()
        return over_seeds(gains)

    def row(self) -> str:
        scores = [self.written(over_seeds(self.means[method])) for method in TITLES]
        gain = self.written(self.gain("advised"), signed=True)
        title = self.measure.title + self.measure.unit.note
        return f"| {self.name} | {title} | {' | '.join(scores)} | {gain} |"

    def beside(self, every: list[dict[str, Any]]) -> str:
        """The line of the best of all methods, which every seed has tried."""
        means = pd.DataFrame([one["scores"] for one in every]).dropna(axis="columns")
        order = means.mean().sort_values(ascending=not self.measure.higher_is_better)
        best = order.index[0]
        tuned = [
            one["scores"][seed["advised"]] for one, seed in zip(every, self.seeds, strict=True)
        ]
        gaps = [
            self.written(over_seeds(self.measure.gain(means[best], pd.Series(scores))), signed=True)
            for scores in (list(self.means["advised"]), tuned)
        ]
        cells = [over_seeds(means[best]), over_seeds(self.means["advised"])]
        told = " | ".join([*map(self.written, cells), *gaps])
        return f"| {self.name} | {best} | {told} |"

    def text(self) -> str:
        """The section of the page."""
        first, plan = self.seeds[0], self.seeds[0]["plan"]
        arrow = "higher" if self.measure.higher_is_better else "lower"
        title = self.measure.title + self.measure.unit.note
        advised = Counter(one["advised"] for one in self.seeds)
        said = ", ".join(f"{method} ({count})" for method, count in advised.most_common())
        raced = f" among {plan['methods']}" if plan["methods"] else ""
        minutes = sum(one["cpu_minutes"] for one in self.seeds)
        rows = [
            f"| method | {title}, {arrow} is better | gain over Local | harmed |",
            "|---|---|---|---|",
        ]
        for method, name in TITLES.items():
            score = self.written(over_seeds(self.means[method]))
            more = " | |"
            if method != "local":
                gain = self.written(self.gain(method), signed=True)
                more = f" {gain} | {self.harmed(method)} |"
            rows.append(f"| {name} | {score} |{more}")
        return "\n".join(
            [
                f"## {self.name}",
                "",
                f"{first['clients']} clients, {first['samples']:,} samples, model "
                f"{first['model']}; seeds: {len(self.seeds)}, {plan['rounds']} rounds; races on "
                f"{plan['folds']} folds{raced}.",
                "",
                *rows,
                "",
                f"Advised, in how many seeds: {said}. {minutes:.1f} CPU minutes.",
                "",
            ]
        )

    def written(self, interval: Interval, *, signed: bool = False) -> str:
        """A mean with its interval."""

        def number(value: float) -> str:
            return self.measure.unit.number(value, signed=signed)

        if not interval.known:
            return number(interval.mean)
        return f"{number(interval.mean)} [{number(interval.low)}, {number(interval.high)}]"

    def harmed(self, method: str) -> str:
        """How many clients, how many for sure, and the worst of them by name."""
        clients = {
            str(client): over_seeds(gains)
            for client, gains in self.gains[method].dropna().groupby("client")
        }
        below = sorted((one.mean, name) for name, one in clients.items() if one.mean < 0)
        sure = sum(one.mean < 0 and one.excludes_zero for one in clients.values())
        if not below:
            return f"0 of {len(clients)}"
        names = ", ".join(name for _, name in below[:SHOWN])
        more = ", ..." if len(below) > SHOWN else ""
        return f"{len(below)} of {len(clients)}, {sure} for sure: {names}{more}"
