"""Training in bf16 beside float32: accuracy, and the CPU seconds of W2.

    python -m benchmarks.precision [--data-dir FOLDER]

Where the processor has no bf16, factors are rounded in software (`emulated_bf16.py`): that shows
what becomes of accuracy, and nothing of time, which is then left out.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from unalike import Result, compare
from unalike.engines.machine import processor
from unalike.engines.plan import Plan
from unalike.engines.precision import reduces
from unalike.methods import FedAvg

from .emulated_bf16 import emulated_bf16
from .measure import Row, show, unalike
from .w2_cnn import WORK
from .worlds import cnn, federation

SEEDS, LR = 3, 0.1
STUDIES: dict[str, dict[str, Any]] = {
    "digits": {"model": "cnn", "rounds": 20, "cohort": 5},
    "fashion-mnist": {"model": "simple-cnn", "rounds": 20, "cohort": 5, "local_steps": 10},
}
"""What is compared on each data set."""


def accuracies(
    data: str, precision: str, data_dir: str | None
) -> dict[tuple[str, str], list[float]]:
    """Of each method, personalised and global, after the last round: [seeds]."""
    settings = STUDIES[data]
    found: Result = compare(
        data,
        methods="fedavg",
        seeds=SEEDS,
        keep="none",
        evaluate_every=settings["rounds"],
        data_dir=data_dir,
        settings={label: {"lr": LR} for label in ("local", "fedavg")},
        precision=precision,
        **settings,
    )
    frame = found.frame[found.frame["client"] == "all"]
    names = {
        "personalised": "personalised_accuracy_mean_last",
        "global": "global_accuracy_last",
    }
    return {
        (label, kind): rows["value"].tolist()
        for kind, metric in names.items()
        for label, rows in frame[frame["metric"] == metric].groupby("method")
    }


def show_accuracy(data: str, data_dir: str | None) -> None:
    """A row for each method and kind of model; differences are bf16 less float32, by seed."""
    usual, reduced = (accuracies(data, each, data_dir) for each in ("float32", "bf16"))
    print(f"\n| {data} | float32 % | bf16 % | difference by seed, points |")
    print("|---|---|---|---|")
    for (label, kind), exact in usual.items():
        rounded = reduced[label, kind]
        mean = [100 * sum(values) / len(values) for values in (exact, rounded)]
        away = ", ".join(f"{100 * (b - a):+.2f}" for a, b in zip(exact, rounded, strict=True))
        print(f"| {label}, {kind} | {mean[0]:.2f} | {mean[1]:.2f} | {away} |", flush=True)


def w2_rows() -> list[Row]:
    """W2 one by one in either precision."""
    clients = federation(20, 500, 1, 28, 28)

    def ours(precision: Any) -> Row:
        plan = Plan("single", 1, 1)
        return Row(
            precision,
            lambda: unalike(FedAvg(lr=0.1), cnn(), clients, plan=plan, precision=precision, **WORK),
        )

    return [ours("float32"), ours("bf16")]


def main() -> None:
    """Print all tables."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("--data-dir", help="folder with the data files")
    given = asked.parse_args()
    has = "bf16 by the processor" if reduces() else "bf16 emulated, no times"
    print(f"{processor()}, torch {torch.__version__}: {has}", flush=True)
    with emulated_bf16():
        for data in STUDIES:
            show_accuracy(data, given.data_dir)
    if reduces():
        print("\nW2\n")
        show("precision", w2_rows(), repeats=3, peaks=False)


if __name__ == "__main__":
    main()
