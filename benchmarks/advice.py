"""Is the advice any good? Generated worlds, the advised method, and the best of a full comparison.

    python benchmarks/advice.py [--grid final|development] [--every K]

A world is 16 clients with one kind of skew, or two, at one of two strengths and one of two sizes
(40 or 80 known samples a client, and 200 more each that only test); three sources of samples
alternate: Gaussian classes, classes of several clusters, handwritten digits (fewer test samples).

The truth of a world is a comparison of every candidate method, tuned on the very test samples by
which it is judged: for each method three step sizes, then its key hyper-parameter at the best of
them (methods more than 6 points behind get one step size, more than 3 points no other
hyper-parameter); the best six of all on two more seeds. That favours the truth: nobody can choose
so well without the test samples. The advice sees known samples only, and what it advises is trained
with the same three seeds, its round chosen from the same ones. Printed are

    regret    mean accuracy over clients of the best of the comparison less that of the advice
    within    share of the worlds with a regret of at most 1 point

The race was designed on the worlds of the development grid; the final grid has other seeds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unalike import advise
from unalike.advice.candidates import CANDIDATES
from unalike.data.federation import Federation
from unalike.data.skews.concept import label_permutations
from unalike.data.skews.feature_transforms import transform_samples
from unalike.data.sources import load
from unalike.data.splits import deal
from unalike.functional.streams import generator
from unalike.study.inputs import UserInputs
from unalike.study.round_choice import best_round
from unalike.study.run import RunTask, run
from unalike.study.settings import make_study
from unalike.study.store import RunStore

CLIENTS, TEST = 16, 200
SIZES = {"small": 40, "large": 80}
STRENGTHS: dict[str, dict[str, float]] = {
    "label": {"moderate": 0.5, "strong": 0.1},  # Dirichlet concentration of a client's classes
    "quantity": {"moderate": 0.7, "strong": 1.2},  # standard deviation of the log of the sizes
    "feature": {"moderate": 1.0, "strong": 3.0},  # of the lens
    "concept": {"moderate": 1, "strong": 0},  # pairs exchanged by group 2; 0: all in a circle
}
COMPOUNDS: list[tuple[tuple[str, ...], str, str]] = [
    (("label", "quantity"), "moderate", "small"),
    (("label", "feature"), "strong", "large"),
    (("label", "concept"), "moderate", "large"),
    (("feature", "concept"), "strong", "small"),
]
SETTING: dict[str, Any] = {
    "model": "mlp",
    "rounds": 18,
    "batch_size": 17,
    "chunk": 64,
    "threads": 1,
}
STEPS = (0.1, 0.3, 1.0)
SEEDS = 3
GRIDS = {"development": 100, "final": 40000}
NEAR_ENOUGH_FOR_STEPS, NEAR_ENOUGH_FOR_KNOBS, AGAIN = 0.06, 0.03, 6


@dataclass(frozen=True)
class World:
    """What a world is made of."""

    skews: tuple[str, ...]
    strength: str
    size: str
    source: str
    seed: int

    @property
    def name(self) -> str:
        """Such as label+concept-strong-small-digits."""
        kinds = "+".join(self.skews) or "none"
        return f"{kinds}-{self.strength}-{self.size}-{self.source}"


def worlds(first_seed: int) -> Iterator[World]:
    """24 worlds: every skew alone by strength and size, four compounds, no skew; two of digits."""
    sources = ("gaussians", "clusters")
    cells: list[tuple[tuple[str, ...], str, str]] = [((), "no", size) for size in SIZES]
    for kind in STRENGTHS:
        cells += [((kind,), strength, size) for strength in STRENGTHS[kind] for size in SIZES]
    cells += COMPOUNDS
    for k, (skews, strength, size) in enumerate(cells):
        yield World(skews, strength, size, sources[(k + k // 2) % 2], first_seed + k)
    for k, kind in enumerate(("label", "concept")):
        yield World((kind,), "strong", "small", "digits", first_seed + len(cells) + k)


def federation(world: World) -> Federation:
    """The clients of a world."""
    rng = generator(world.seed, "benchmarks/advice")
    test = 60 if world.source == "digits" else TEST
    total = CLIENTS * (SIZES[world.size] + test)
    x, y = SOURCES[world.source](total, rng)
    level = {kind: STRENGTHS[kind][world.strength] for kind in world.skews}
    client = np.full(len(y), -1)
    for i, rows in enumerate(_held(y, level, rng)):
        client[rows] = i
    x, y, client = x[client >= 0], y[client >= 0], client[client >= 0]
    if "feature" in level:
        lens = ("shift", "gain")[world.seed % 2]
        x = transform_samples(x, client, kind=lens, strength=level["feature"], seed=world.seed)
    if "concept" in level:
        swaps = int(level["concept"]) or None
        y = label_permutations(int(y.max()) + 1, 2, swaps=swaps, seed=world.seed)[client % 2, y]
    share = test / (SIZES[world.size] + test)
    return Federation.from_arrays(
        x, y, client, test=share, validation=0.15 * (1 - share), seed=world.seed
    )


def _held(y: np.ndarray, level: dict[str, float], rng: np.random.Generator) -> list[np.ndarray]:
    """Who holds what; with both skews, clients of the label split lose samples."""
    if "label" in level:
        held = deal("dirichlet-mix", y, CLIENTS, rng, min_size=20, alpha=level["label"])
        if "quantity" in level:
            weight = np.exp(level["quantity"] * rng.standard_normal(CLIENTS))
            kept = np.maximum(weight / weight.max(), 0.1)
            held = [rows[rng.random(len(rows)) < kept[i]] for i, rows in enumerate(held)]
        return held
    if "quantity" in level:
        return deal("quantity", y, CLIENTS, rng, min_size=40, law="lognormal",
                    sigma=level["quantity"])  # fmt: skip
    return deal("iid", y, CLIENTS, rng)


def _gaussians(samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six classes in 20 dimensions, one cluster each."""
    y = rng.integers(0, 6, samples)
    means = rng.standard_normal((6, 20)) * 0.6
    return (means[y] + rng.standard_normal((samples, 20))).astype(np.float32), y


def _clusters(samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six classes in 12 dimensions, three clusters each."""
    y, mode = rng.integers(0, 6, samples), rng.integers(0, 3, samples)
    means = rng.standard_normal((6, 3, 12)) * 1.2
    return (means[y, mode] + rng.standard_normal((samples, 12))).astype(np.float32), y


def _digits(samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    digits = load("digits")
    rows = rng.permutation(len(digits.y))[:samples]
    return digits.x[rows], digits.y[rows]


SOURCES = {"gaussians": _gaussians, "clusters": _clusters, "digits": _digits}


@dataclass(frozen=True)
class Tried:
    """A method with settings, and its test accuracy by seed."""

    method: str
    settings: dict[str, Any]
    accuracy: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.accuracy))


def accuracy(
    given: Federation,
    method: str,
    settings: dict[str, Any],
    seed: int,
    at: Path,
    setting: dict[str, Any] = SETTING,
) -> float:
    """Mean over clients of the test accuracy at the round that validation chose; 0 if diverged."""
    study = make_study(
        {
            **setting,
            "data": "own",
            "split": "natural",
            "methods": (method,),
            "settings": {method: settings},
            "evaluate_every": setting["rounds"] // 3,
        }
    )
    task = RunTask(study, method, seed, at, UserInputs(given))
    run(task)
    records = RunStore(task.run_folder).records()
    if any("diverged" in record for record in records):
        return 0.0
    best = best_round(given.task, [record for record in records if "evaluation" in record])
    return float(np.nanmean(best["evaluation"]["personal"]["accuracy"]))


def truth(
    given: Federation, folder: Path, setting: dict[str, Any] = SETTING, again: int = AGAIN
) -> list[Tried]:
    """The full comparison, the best first; kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "truth.json"
    if path.exists():
        return [Tried(**row) for row in json.loads(path.read_text())]
    known: dict[str, Tried] = {}

    def tried(name: str, settings: dict[str, Any]) -> float:
        key = f"{name} {json.dumps(settings)}"
        if key not in known:
            at = folder / "truth" / str(len(known))
            known[key] = Tried(name, settings, (accuracy(given, name, settings, 0, at, setting),))
        return known[key].mean

    field = {name: one for name, one in CANDIDATES.items() if name != "fedbn"}
    options = {
        name: {step: one.settings(step, step) for step in STEPS} for name, one in field.items()
    }
    reached = {name: tried(name, _middle(options[name][STEPS[1]])) for name in field}
    for name in _near(reached, NEAR_ENOUGH_FOR_STEPS):
        reached[name] = max(tried(name, _middle(options[name][step])) for step in STEPS)
    for name in _near(reached, NEAR_ENOUGH_FOR_KNOBS):
        step = max(STEPS, key=lambda step: tried(name, _middle(options[name][step])))
        for settings in options[name][step]:
            tried(name, settings)
    found = list(known.values())
    found.sort(key=lambda one: -one.mean)
    best = [
        more(given, one, folder / "again" / str(k), setting) for k, one in enumerate(found[:again])
    ]
    best.sort(key=lambda one: -one.mean)
    path.write_text(json.dumps([asdict(one) for one in [*best, *found[again:]]]))
    return [*best, *found[again:]]


def _middle(options: list[dict[str, Any]]) -> dict[str, Any]:
    return options[len(options) // 2]


def _near(reached: dict[str, float], most: float) -> list[str]:
    """Those at most so far behind the best."""
    best = max(reached.values())
    return [name for name, value in reached.items() if value >= best - most]


def more(given: Federation, one: Tried, at: Path, setting: dict[str, Any] = SETTING) -> Tried:
    """The same on all seeds."""
    others = range(len(one.accuracy), SEEDS)
    found = [accuracy(given, one.method, one.settings, seed, at, setting) for seed in others]
    return Tried(one.method, one.settings, (*one.accuracy, *found))


def judge(world: World, folder: Path) -> dict[str, Any]:
    """The advice beside the truth."""
    given = federation(world)
    started = time.process_time()
    best = truth(given, folder)
    compared = time.process_time()
    advice = advise(given, seeds=SEEDS, seed=world.seed, out=folder / "advice", overwrite=True,
                    **SETTING)  # fmt: skip
    ended = time.process_time()
    settled = Tried(advice.method, dict(advice.hyperparameters), ())
    advised = more(given, settled, folder / "advised").mean
    top = max(best[0].mean, advised)
    methods: dict[str, float] = {}
    for one in best:
        methods.setdefault(one.method, one.mean)
    return {
        "world": world.name,
        "found": advice.diagnosis.found,
        "best": best[0].method,
        "best_settings": best[0].settings,
        "top": top,
        "advised": advice.method,
        "settings": advice.hyperparameters,
        "accuracy": advised,
        "regret": top - advised,
        "by_method": methods,
        "local": advice.measured.scores["local"],
        "fedavg": advice.measured.scores["fedavg"],
        "spent": advice.spent,
        "price": advice.plan.price,
        "truth_seconds": compared - started,
        "advice_seconds": ended - compared,
    }


def main() -> None:
    """Go through the grid and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--grid", choices=GRIDS, default="final")
    parser.add_argument("--out", type=Path, default=Path("runs/advice-benchmark"))
    parser.add_argument("--only", default="", help="worlds whose names contain this")
    parser.add_argument("--every", type=int, default=1, help="every k-th world of the grid")
    parser.add_argument("--truth-only", action="store_true", help="compare, do not advise")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    if chosen.truth_only:
        for world in list(worlds(GRIDS[chosen.grid]))[:: chosen.every]:
            truth(federation(world), chosen.out / chosen.grid / world.name)
            print(f"compared {world.name}", flush=True)
        return
    for world in list(worlds(GRIDS[chosen.grid]))[:: chosen.every]:
        if chosen.only not in world.name:
            continue
        row = judge(world, chosen.out / chosen.grid / world.name)
        rows.append(row)
        print(
            f"{row['world']:42} best {row['best']:11} {row['top']:6.1%}   "
            f"advised {row['advised']:11} {row['accuracy']:6.1%}   "
            f"regret {100 * row['regret']:4.1f}   "
            f"local {row['local']:6.1%} fedavg {row['fedavg']:6.1%}   "
            f"{row['truth_seconds']:3.0f} + {row['advice_seconds']:3.0f} s",
            flush=True,
        )
    (chosen.out / f"{chosen.grid}.json").write_text(json.dumps(rows, indent=1))
    summary(rows)


def summary(rows: list[dict[str, Any]]) -> None:
    """Regret and how often it is small."""
    regret = 100 * np.array([row["regret"] for row in rows])
    print(f"\nworlds          {len(rows)}")
    print(f"within 1 point  {np.mean(regret <= 1):.0%}")
    print(
        f"regret          median {np.median(regret):.2f}, mean {regret.mean():.2f}, "
        f"worst {regret.max():.2f} points"
    )
    for name in ("local", "fedavg"):
        other = 100 * np.array([row["top"] - row[name] for row in rows])
        print(
            f"always {name:8} median {np.median(other):.2f}, mean {other.mean():.2f}, worst "
            f"{other.max():.2f} points; within 1 point {np.mean(other <= 1):.0%}"
        )


if __name__ == "__main__":
    main()
