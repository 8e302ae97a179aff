"""Natural federations: training alone, FedAvg, fine-tuning, and what `advise` names.

    python examples/natural.py [--only fed-heart ...] [--seeds 5] [--every-method] [--data-dir DIR]

Every seed cuts each client's samples anew into training, validation and test. The advice of a seed
comes from its training and validation samples alone. Local and FedAvg train with the step sizes
that the race of the advice found for them, fine-tuning with FedAvg's, the advised method with the
settings it was advised with; the round that speaks for a run is chosen on validation samples. With
--every-method all other methods train as well, each with the best of as many settings by validation
samples, to see what the advice misses.

What a seed gave is kept in --out, so that the command goes on where it was; from what is there it
writes --page. What is not here, or cannot be trained on, is named there with the reason.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd
import torch
from natural_page import write_page

from unalike import advise, compare
from unalike.advice.advice_result import Advice
from unalike.api.result import Result
from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.study.inputs import deal_study
from unalike.study.settings import make_study

METHODS = ("local", "fedavg", "finetuning", "advised")
TRIALS = 6
"""Settings of each method in a comparison of all."""


class Plan(NamedTuple):
    """How one federation is measured."""

    dealt: Mapping[str, Any] = MappingProxyType({})  # settings, beside split = "natural"
    rounds: int = 8
    folds: int = 2
    methods: str | None = "finetuning,fedprox,ditto,apfl"
    """Who may race beside Local and FedAvg; None: all that the rules of the advice propose."""

    def whole(self) -> "Plan":
        """As `advise` does it by default."""
        return self._replace(rounds=30, folds=5, methods=None)


PLANS = {
    "fed-heart": Plan(),
    "tcga-brca": Plan(),
    "schools": Plan({"min_size": 1}),
    "hsb82": Plan(),
    "guimmun": Plan({"min_size": 1}),
    "shakespeare": Plan({"clients": 3}, rounds=5, methods="finetuning"),
}
"""Schools and communities may be very small. Of Shakespeare's roles each seed draws a few anew."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(PLANS), default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--whole", action="store_true", help="races as by default: takes hours")
    parser.add_argument("--every-method", action="store_true", help="compare all: takes hours")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/natural"))
    parser.add_argument("--page", type=Path, default=Path("docs/results-natural.md"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    names = given.only or list(PLANS)
    spent: Counter[str] = Counter()
    for seed in range(given.seeds):
        for name in names:
            plan = PLANS[name].whole() if given.whole else PLANS[name]
            found = measured(name, seed, plan, given.out / f"{name}-{seed}.json", given.data_dir)
            if "error" in found:
                print(f"{name}: not measured: {found['error']}", flush=True)
                continue
            spent[name] += found["cpu_minutes"]
            if given.every_method:
                path = given.out / f"{name}-{seed}-every.json"
                spent[name] += every_method(name, seed, plan, path, given.data_dir)
            print(f"{name}, seed {seed}: {found['advised']}", flush=True)
            write_page(given.page, given.out, list(PLANS), given.seeds)
        left = spent.total() / (seed + 1) * (given.seeds - 1 - seed)
        print(f"About {left:.0f} more CPU minutes for the other seeds.", flush=True)
    write_page(given.page, given.out, list(PLANS), given.seeds)


def measured(name: str, seed: int, plan: Plan, path: Path, data_dir: str | None) -> dict[str, Any]:
    """What one seed gives, from its file where it is there and was made by the same plan."""
    plain = json.loads(json.dumps(plan._asdict(), default=dict))
    if path.exists():
        known: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if known["plan"] == plain and "error" not in known:
            return known
    start = time.process_time()
    try:
        found = measure(name, seed, plan, data_dir)
    except InputError as error:
        found = {"error": str(error)}
    found |= {"plan": plain, "cpu_minutes": (time.process_time() - start) / 60}
    path.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def clients_of(name: str, seed: int, plan: Plan, data_dir: str | None) -> Federation:
    """A federation, its samples cut by this seed."""
    settings = {"data": name, "split": "natural", "new_clients": 0.0, "data_dir": data_dir}
    return deal_study(make_study({**settings, **plan.dealt}), seed)


def every_method(name: str, seed: int, plan: Plan, path: Path, data_dir: str | None) -> float:
    """Keep the mean over clients of every method, tuned; the CPU minutes that it took."""
    if path.exists():
        return float(json.loads(path.read_text("utf-8"))["cpu_minutes"])
    start = time.process_time()
    result = compare(
        clients_of(name, seed, plan, data_dir),
        methods="all",
        tune=TRIALS,
        rounds=plan.rounds,
        seeds=1,
        new_clients=0.0,
        keep="none",
        threads=1,
    )
    means = scores_of(result).mean().dropna()
    minutes = (time.process_time() - start) / 60
    kept = {"scores": means.to_dict(), "trials": TRIALS, "cpu_minutes": minutes}
    path.write_text(json.dumps(kept, indent=1), "utf-8")
    return minutes


def scores_of(result: Result) -> pd.DataFrame:
    """The main measure of each client [clients, methods], at the best round by validation."""
    frame = result.frame
    frame = frame[frame["metric"] == f"personalised_{result.task.main.name}_best"]
    frame = frame[frame["client"] != "all"]
    return frame.pivot(index="client", columns="method", values="value")


def measure(name: str, seed: int, plan: Plan, data_dir: str | None) -> dict[str, Any]:
    """Advice and comparison for one cut of the samples."""
    held = clients_of(name, seed, plan, data_dir)
    advice = advise(
        held,
        rounds=plan.rounds,
        folds=plan.folds,
        methods=plan.methods,
        seeds=1,
        seed=seed,
        threads=1,
    )
    result = compare(
        held,
        methods=METHODS,
        settings=settings_of(advice),
        rounds=plan.rounds,
        seeds=1,
        new_clients=0.0,
        keep="none",
        threads=1,
    )
    scores = scores_of(result)
    return {
        "task": result.task.name,
        "measure": result.task.main.name,
        "model": result.settings["model"],
        "clients": held.clients,
        "samples": len(held.x) + len(held.x_test),
        "advised": advice.method,
        "advised_settings": advice.hyperparameters,
        "scores": {
            method: {str(client): value for client, value in scores[method].dropna().items()}
            for method in METHODS
        },
    }


def settings_of(advice: Advice) -> dict[str, dict[str, Any]]:
    """What the race found for each method."""
    found = advice.measured.comparison.settings["methods"]
    return {
        "local": found["local"],
        "fedavg": found["fedavg"],
        "finetuning": found["fedavg"],
        "advised": {"method": advice.method, **advice.hyperparameters},
    }


if __name__ == "__main__":
    main()
