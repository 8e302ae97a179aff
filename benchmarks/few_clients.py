"""Is the advice any good for three to six clients? Generated worlds, each kept, then a page.

    python -m benchmarks.few_clients [--grid final|development] [--out FOLDER] [--page]

A world has 3 to 6 clients: alike, or with label skew, feature shift, concept shift, unequal sizes,
few samples, or one client that holds a single class. The model is logistic regression. Truth and
regret are those of `benchmarks/advice.py`: every candidate method, tuned on the very test samples
by which it is judged, three seeds for the best. Regret is told twice: with the settings that were
advised, and of the advised method alone, with its best settings. What is done is kept world by
world, so that an interrupted study goes on; `--page` writes docs/results-advice-few.md from what is
kept and runs nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from unalike import advise
from unalike.data.federation import Federation
from unalike.data.skews.concept import label_permutations
from unalike.data.skews.feature_transforms import transform_samples
from unalike.data.splits import deal
from unalike.functional.streams import generator

from .advice import SEEDS, more, truth

KINDS = ("iid", "label", "feature", "concept", "unequal", "small", "one-class", "label+feature")
CLIENTS = (3, 4, 5, 6)
EACH = 3
"""Worlds of each kind."""
KNOWN, FEW, LEAST, TEST = 200, 60, 20, 2000
"""Samples of a client on average that may be learned from, few of them, the least that a client
has, and those of the test: so many that chance moves no result by a point."""
CLASSES, DIMENSIONS = 4, 8
GRIDS = {"development": 70000, "final": 80000}
SETTING: dict[str, Any] = {"model": "logistic", "rounds": 9, "batch_size": 40, "threads": 1}
PAGE = Path(__file__).parent.parent / "docs" / "results-advice-few.md"


class World(NamedTuple):
    """What a world is made of."""

    kind: str
    clients: int
    seed: int

    @property
    def name(self) -> str:
        """Such as label-4-80009."""
        return f"{self.kind}-{self.clients}-{self.seed}"


def worlds(first_seed: int) -> Iterator[World]:
    """24 worlds: three of each kind, numbers of clients in turn."""
    for k in range(EACH * len(KINDS)):
        kind = KINDS[k % len(KINDS)]
        yield World(kind, CLIENTS[(k + k // len(KINDS)) % len(CLIENTS)], first_seed + k)


def federation(world: World) -> Federation:
    """The clients of a world; as many test samples each as make chance small."""
    rng = generator(world.seed, "benchmarks/few")
    known = FEW if world.kind == "small" else KNOWN
    total = world.clients * (known + TEST)
    y = rng.integers(0, CLASSES, total)
    means = rng.standard_normal((CLASSES, DIMENSIONS)) * 0.8
    x = (means[y] + rng.standard_normal((total, DIMENSIONS))).astype(np.float32)
    client = np.full(total, -1)
    for i, rows in enumerate(_dealt(world, y, rng)):
        client[rows] = i
    x, y, client = x[client >= 0], y[client >= 0], client[client >= 0]
    if "feature" in world.kind:
        x = transform_samples(x, client, kind="shift", strength=1.5, seed=world.seed)
    if world.kind == "concept":
        names = label_permutations(CLASSES, 2, swaps=1, seed=world.seed)
        y = names[client % 2, y]
    share = TEST / (known + TEST)
    return Federation.from_arrays(
        x, y, client, test=share, validation=0.15 * (1 - share), seed=world.seed
    )


def _dealt(world: World, y: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The samples of each client."""
    least = LEAST * (KNOWN + TEST) // KNOWN
    if "label" in world.kind:
        return deal("dirichlet-mix", y, world.clients, rng, min_size=least, alpha=0.4)
    if world.kind == "unequal":
        return deal("quantity", y, world.clients, rng, min_size=least, law="lognormal", sigma=1.0)
    held = deal("iid", y, world.clients, rng)
    if world.kind == "one-class":
        held[0] = held[0][y[held[0]] == 0]
    return held


def judge(world: World, folder: Path) -> dict[str, Any]:
    """The advice beside the truth, kept in the folder."""
    kept = folder / "row.json"
    if kept.exists():
        row: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        return row
    given = federation(world)
    row = _judged(world, given, folder)
    kept.write_text(json.dumps(row, indent=1), "utf-8")
    return row


def _judged(world: World, given: Federation, folder: Path) -> dict[str, Any]:
    started = time.process_time()
    advice = advise(given, seeds=SEEDS, seed=world.seed, out=folder / "advice", **SETTING)
    advised_at = time.process_time()
    best = truth(given, folder, SETTING, again=4)
    advised = advice.measured.scores[advice.method]
    ways = [one for one in best if one.method == advice.method]
    alone = more(given, ways[0], folder / "method", SETTING).mean if ways else advised
    alone = max(alone, advised)
    top = max(best[0].mean, alone)
    return {
        "world": world.name,
        "kind": world.kind,
        "best": best[0].method,
        "top": top,
        "advised": advice.method,
        "accuracy": advised,
        "regret": top - advised,
        "regret_of_method": top - alone,
        "local": advice.measured.scores["local"],
        "fedavg": advice.measured.scores["fedavg"],
        "headline": advice.headline,
        "advice_seconds": advised_at - started,
        "truth_seconds": time.process_time() - advised_at,
    }


def main() -> None:
    """Go through the grid and print, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--grid", choices=GRIDS, default="final")
    parser.add_argument("--out", type=Path, default=Path("runs/advice-few"))
    parser.add_argument("--most", type=int, default=EACH * len(KINDS), help="worlds at most")
    parser.add_argument("--page", action="store_true", help="write the page from what is kept")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    listed = list(worlds(GRIDS[chosen.grid]))[: chosen.most]
    folders = [chosen.out / chosen.grid / world.name for world in listed]
    if chosen.page:
        kept = [at / "row.json" for at in folders]
        rows = [json.loads(one.read_text("utf-8")) for one in kept if one.exists()]
        if not rows:
            parser.error(f"{chosen.out} holds no world of this grid yet: run it without --page.")
        PAGE.write_text(page(rows, chosen.grid), "utf-8")
        return
    for world, at in zip(listed, folders, strict=True):
        row = judge(world, at)
        print(
            line(row), f"| {row['advice_seconds']:.0f} + {row['truth_seconds']:.0f} s", flush=True
        )


def page(rows: list[dict[str, Any]], grid: str) -> str:
    """The results as a page of the documentation."""
    regret, of_method, worse = (
        100 * np.array([row["regret"] for row in rows]),
        100 * np.array([row["regret_of_method"] for row in rows]),
        100 * np.array([row["local"] - row["accuracy"] for row in rows]),
    )
    alone = [row["advised"] == "local" for row in rows if row["regret"] > 0.01]
    always = {
        name: 100 * np.array([row["top"] - row[name] for row in rows])
        for name in ("fedavg", "local")
    }
    seconds = sum(row["advice_seconds"] + row["truth_seconds"] for row in rows)
    whole = EACH * len(KINDS)
    text = (__doc__ or "").split("\n\n")
    lines = [
        "# The advice for few clients: what was measured",
        "",
        "Written by the commands",
        "",
        "<!-- checked: takes long -->",
        "```sh",
        f"python -m benchmarks.few_clients --grid {grid}",
        f"python -m benchmarks.few_clients --grid {grid} --page",
        "```",
        "",
        *text[2].splitlines(),
        "",
        f"{len(rows)} of the {whole} worlds of seeds from {GRIDS[grid]} on were run, in "
        f"{seconds:.0f} s of processor time.",
        "",
        "| | measured | asked for |",
        "|---|---|---|",
        f"| the advised method, with its best settings, within 1 point of the best "
        f"| {np.mean(of_method <= 1):.0%} | at least 80 % |",
        f"| with the settings advised, within 1 point of the best | {np.mean(regret <= 1):.0%} | |",
        "| below Local by more than 1 point "
        f"| {np.count_nonzero(worse > 1)} of {len(rows)} worlds | none |",
        "| regret with the settings advised, median and worst "
        f"| {np.median(regret):.2f}, {regret.max():.2f} points | |",
        f"| always FedAvg: within 1 point | {np.mean(always['fedavg'] <= 1):.0%} | |",
        f"| always Local: within 1 point | {np.mean(always['local'] <= 1):.0%} | |",
        "",
        f"In {sum(alone)} of the {len(alone)} worlds in which the advised settings miss it, Local",
        "is advised, because nothing is shown to beat it by the samples at hand.",
        "",
        "| world (kind, clients, seed) | best | advised | regret | method's | Local | FedAvg |",
        "|---|---|---|---|---|---|---|",
        *(line(row) for row in rows),
        "",
    ]
    return "\n".join(lines)


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    numbers = [
        f"{100 * row[name]:.1f}"
        for name in ("top", "accuracy", "regret", "regret_of_method", "local", "fedavg")
    ]
    top, accuracy, *others = numbers
    return (
        f"| {row['world']} | {row['best']} {top} | {row['advised']} {accuracy} | "
        f"{' | '.join(others)} |"
    )


if __name__ == "__main__":
    main()
