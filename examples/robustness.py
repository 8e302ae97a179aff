"""Robust rules against attacks among clients that are alike, and among those that are not.

    python examples/robustness.py [--only "digits, IID" ...] [--seeds 3]

For each federation, every rule meets every attack with FedAvg and FedRep. What counts are the
clients that are not hostile: their mean accuracy, and how many of them fall below what they had
with neither attack nor rule. The round that speaks is chosen on validation samples. What a study
gave is kept in --out, so that the command goes on where it was; then it writes --page.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unalike import compare

METHODS = ("fedavg", "fedrep")
HARMED = 0.01
"""Accuracy by which a client must fall to count as harmed."""
FEDERATIONS: dict[str, Mapping[str, Any]] = {
    "digits, IID": {"data": "digits", "split": "iid", "clients": 10},
    "digits, Dirichlet 0.1": {"data": "digits", "split": "dirichlet:alpha=0.1", "clients": 10},
    "fed-heart": {"data": "fed-heart", "split": "natural", "model": "logistic"},
    "mnist-writers": {
        "data": "mnist-writers",
        "split": "natural",
        "model": "mlp",
        "clients": 100,
        "cohort": 0.2,
    },
}
RULES = ("none", "caps", "median", "trimmed:share=0.3", "geometric-median", "clipping")
ATTACKS = (
    "none",
    "sign-flip:share=0.2,scale=10",
    "noise:share=0.2",
    "label-flip:share=0.2",
    "a-little-is-enough:share=0.2",
    "inner-product:share=0.2",
)
COMMON = {"rounds": 20, "new_clients": 0.0, "keep": "none", "threads": 1, "methods": METHODS}

Scores = dict[str, list[dict[str, float]]]
"""method -> seed -> client -> accuracy; hostile clients are missing"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", action="append", choices=list(FEDERATIONS), default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/robustness"))
    parser.add_argument("--page", type=Path, default=Path("docs/results-robust.md"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    names = given.only or list(FEDERATIONS)
    start = time.process_time()
    for at, name in enumerate(names, 1):
        for rule in RULES:
            for attack in ATTACKS:
                measured(name, rule, attack, given.seeds, given.out)
        minutes = (time.process_time() - start) / 60
        left = minutes / at * (len(names) - at)
        print(f"{name}: {minutes:.1f} CPU minutes so far, about {left:.0f} more.", flush=True)
    given.page.write_text(page(given.out, given.seeds), "utf-8")


def measured(name: str, rule: str, attack: str, seeds: int, out: Path) -> Scores:
    """What the clients that are not hostile reach, from its file where it is there."""
    path = out / f"{'--'.join((name, rule, attack, str(seeds)))}.json".replace(" ", "-")
    if not path.exists():
        settings: dict[str, Any] = {**COMMON, **FEDERATIONS[name], "seeds": seeds}
        if rule != "none":
            settings["robust"] = rule
        if attack != "none":
            settings["attack"] = attack
        frame = compare(**settings).frame
        rows = frame[(frame["metric"] == "personalised_accuracy_best") & (frame["client"] != "all")]
        found = {
            method: [
                dict(zip(of["client"].astype(str), of["value"].astype(float), strict=True))
                for of in (
                    rows[(rows["method"] == method) & (rows["seed"] == seed)]
                    for seed in range(seeds)
                )
            ]
            for method in METHODS
        }
        path.write_text(json.dumps(found), "utf-8")
    known: Scores = json.loads(path.read_text("utf-8"))
    return known


def cell(name: str, rule: str, attack: str, method: str, seeds: int, out: Path) -> str:
    """Mean accuracy of honest clients in percent, and the share of them that are harmed."""
    here = measured(name, rule, attack, seeds, out)[method]
    plain = measured(name, "none", "none", seeds, out)[method]
    means, harmed = [], []
    for now, before in zip(here, plain, strict=True):
        honest = [client for client, value in now.items() if not np.isnan(value)]
        means.append(np.mean([now[client] for client in honest]))
        harmed.append(np.mean([now[client] < before[client] - HARMED for client in honest]))
    return f"{100 * np.mean(means):.1f} ({100 * np.mean(harmed):.0f})"


def page(out: Path, seeds: int) -> str:
    """The page, from what is kept."""
    lines = [
        "# Robust rules and attacks: what was measured",
        "",
        f"Made by `python examples/robustness.py --seeds {seeds}`; nothing here was typed by hand.",
        "",
        "Each cell: mean accuracy in percent of the clients that are not hostile and, in brackets,",
        "how many percent of them are more than 1 point below what they had with neither attack",
        f"nor rule. {COMMON['rounds']} rounds, means over {seeds} seeds, defaults of every method,",
        "nothing tuned; the round that speaks is chosen on validation samples. A fifth of the",
        "clients are hostile, at least one: of the four hospitals one, which is a quarter. Rules",
        "and attacks are described in [Hostile or faulty clients](how-to/robust.md).",
        "",
    ]
    for name in FEDERATIONS:
        if not any(out.glob(f"{name}--*".replace(" ", "-"))):
            continue
        for method in METHODS:
            settings = ", ".join(f"{key} {value}" for key, value in FEDERATIONS[name].items())
            lines += [f"## {name}: {method}", "", f"{settings[0].upper()}{settings[1:]}.", ""]
            lines.append(
                "| rule | " + " | ".join(attack.split(":")[0] for attack in ATTACKS) + " |"
            )
            lines.append("|---" * (1 + len(ATTACKS)) + "|")
            for rule in RULES:
                cells = (cell(name, rule, attack, method, seeds, out) for attack in ATTACKS)
                lines.append(f"| `{rule}` | {' | '.join(cells)} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()
