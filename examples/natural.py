"""Natural federations: training alone, FedAvg, fine-tuning, and what `advise` names.

    python examples/natural.py [fed-heart ...] [--seeds 5] [--rounds 30]

Every seed cuts each client's samples anew into training, validation and test. The advice of a seed
comes from its training and validation samples alone. Local and FedAvg train with the step sizes
that the race of the advice found for them, fine-tuning with FedAvg's, the advised method with the
settings it was advised with; the round that speaks for a run is chosen on validation samples.

The table is in Markdown. Accuracy is the mean over clients, in per cent, with the 95 % interval
over seeds; the gain is that of the mean over Local in points, seed by seed; harmed are the clients
whose accuracy, mean over seeds, is below that of Local. How often each method was advised stands
below, with the CPU minutes taken. Without names all federations are looked at; what is not here,
or cannot be trained on, is named with the reason.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd
import torch

from unalike import advise, compare
from unalike.advice.advice_result import Advice
from unalike.errors import InputError
from unalike.results.intervals import Interval, over_seeds
from unalike.study.inputs import deal_study
from unalike.study.settings import make_study

SETS: dict[str, dict[str, Any]] = {
    "fed-heart": {},
    "guimmun": {"min_size": 1},
    "tcga-brca": {},
    "schools": {"min_size": 1},
    "hsb82": {},
    "shakespeare": {"clients": 60},
}
"""How each is dealt, beside `split="natural"`; schools and communities may be very small."""
METHODS = ("local", "fedavg", "finetuning", "advised")
METRIC = "personalised_accuracy_best"
SHOWN = 5


class Seed(NamedTuple):
    """What came of one cut of the samples."""

    advised: str
    accuracy: pd.DataFrame  # [clients, METHODS]


def seeds(name: str, *, count: int, rounds: int) -> Iterator[Seed]:
    for seed in range(count):
        study = make_study({"data": name, "split": "natural", "new_clients": 0.0, **SETS[name]})
        held = deal_study(study, seed)
        advice = advise(held, rounds=rounds, seeds=1, seed=seed)
        result = compare(
            held,
            methods=METHODS,
            settings=settings_of(advice),
            rounds=rounds,
            seeds=1,
            new_clients=0.0,
        )
        frame = result.frame[result.frame["metric"] == METRIC]
        accuracy = frame[frame["client"] != "all"].pivot_table(
            index="client", columns="method", values="value"
        )
        yield Seed(advice.method, accuracy[list(METHODS)])


def settings_of(advice: Advice) -> dict[str, dict[str, Any]]:
    """What the race found for each method."""
    found = advice.measured.comparison.settings["methods"]
    return {
        "local": found["local"],
        "fedavg": found["fedavg"],
        "finetuning": found["fedavg"],
        "advised": {"method": advice.method, **advice.hyperparameters},
    }


def table(found: list[Seed]) -> str:
    """One row a method, in Markdown."""
    means = pd.DataFrame([seed.accuracy.mean() for seed in found])
    clients = sum(seed.accuracy for seed in found) / len(found)
    rows = ["| method | accuracy | gain over Local | harmed |", "|---|---|---|---|"]
    for method in METHODS:
        accuracy = written(over_seeds(means[method]))
        if method == "local":
            rows.append(f"| {method} | {accuracy} | | |")
            continue
        gain = written(over_seeds(means[method] - means["local"]), sign="+")
        below = (clients[method] - clients["local"]).dropna().sort_values()
        harmed = [str(client) for client in below.index[below < 0]]
        rows.append(f"| {method} | {accuracy} | {gain} | {listed(harmed, len(below))} |")
    return "\n".join(rows)


def written(interval: Interval, sign: str = "") -> str:
    """A mean with its interval, times 100."""
    mean = f"{100 * interval.mean:{sign}.1f}"
    if interval.half is None:
        return mean
    return f"{mean} [{100 * interval.low:{sign}.1f}, {100 * interval.high:{sign}.1f}]"


def listed(harmed: list[str], clients: int) -> str:
    """How many of the clients, and the worst of them by name."""
    if not harmed:
        return f"0 of {clients}"
    more = "" if len(harmed) <= SHOWN else ", ..."
    return f"{len(harmed)} of {clients}: {', '.join(harmed[:SHOWN])}{more}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    for name in given.names:
        if name not in SETS:
            parser.error(f"{name} is none of {', '.join(SETS)}.")
    torch.set_num_threads(1)
    for name in given.names or SETS:
        start = time.process_time()
        try:
            found = list(seeds(name, count=given.seeds, rounds=given.rounds))
        except InputError as error:
            print(f"## {name}\n\nNot measured: {error}\n", flush=True)
            continue
        advised = Counter(seed.advised for seed in found)
        said = ", ".join(
            f"{method} in {count} of {len(found)}" for method, count in advised.most_common()
        )
        minutes = (time.process_time() - start) / 60
        print(f"## {name}\n\n{table(found)}\n", flush=True)
        print(f"Advised: {said}. {minutes:.1f} CPU minutes.\n", flush=True)


if __name__ == "__main__":
    main()
