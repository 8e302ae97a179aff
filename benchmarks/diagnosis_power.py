"""How often the diagnosis finds what is there, and what is not: many generated worlds.

    python benchmarks/diagnosis_power.py [--worlds 10] [--clients 10] [--samples 1200]

There are two sources of samples (Gaussian classes and handwritten digits), and of each `--worlds`
worlds for each of five skews alone at moderate strength (`tests/unlike_worlds.py`, or
`--feature` for that one) and for six compounds, and four times as many without skew. The lens of a
feature skew changes from world to world. Every world has a seed of its own, so that no chance deal
is counted twice; seeds start at 1000, since the diagnosis was designed on worlds of seeds below
10. Printed are

    power          share of the worlds of one skew in which it is found
    false alarms   share of the worlds without skew in which anything is found
    wrong names    share of the worlds of one skew in which another is found too
    complete       share of the compounds of which every skew is named

    python benchmarks/diagnosis_power.py --faint 20 [--kept FILE]

looks at concept shift alone in worlds in which it is about to be missed: 400 samples of 5 clients
whose classes overlap, with two seeds of the diagnosis. Printed are the share of the worlds in which
it is found, of those in which another seed, another order of the rows or other names of the classes
change the verdict, and of false alarms in the same worlds without shift. Each world is kept in the
file, so that an interrupted study goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from unalike.diagnosis.concept_shift import concept_shift
from unalike.diagnosis.diagnose import findings
from unalike.diagnosis.diagnosis_result import KINDS
from unalike.diagnosis.samples import prepare_samples
from unlike_worlds import MODERATE, World, faint_world, world

FEATURE_TRANSFORMS = {
    "gaussians": ("shift", "gain", "contrast", "noise"),
    "digits": ("shift", "gain", "contrast", "noise", "gamma", "blur", "field"),
}
COMPOUNDS = (
    ("label", "quantity"),
    ("label", "feature"),
    ("label", "concept"),
    ("feature", "concept"),
    ("quantity", "temporal"),
    ("label", "quantity", "feature"),
)


def main() -> None:
    """Run all cells and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--samples", type=int, default=1200)
    parser.add_argument("--shuffles", type=int, default=200)
    parser.add_argument("--first", type=int, default=1000, help="first seed")
    parser.add_argument("--feature", type=float, default=MODERATE["feature"])
    parser.add_argument("--faint", type=int, help="so many faint worlds in place of all others")
    parser.add_argument("--kept", type=Path, help="file of what is done of the faint worlds")
    chosen = parser.parse_args()
    if chosen.faint:
        _faint(chosen.first, chosen.faint, chosen.shuffles, chosen.kept)
        return
    started = time.perf_counter()
    strength = {**MODERATE, "feature": chosen.feature}
    cells: list[tuple[str, ...]] = [(), *[(kind,) for kind in KINDS], *COMPOUNDS]
    outcome: dict[tuple[str, ...], list[set[str]]] = {cell: [] for cell in cells}
    seed = chosen.first
    for cell in cells:
        for source, lenses in FEATURE_TRANSFORMS.items():
            for k in range(chosen.worlds if cell else 4 * chosen.worlds):
                given = world(
                    seed,
                    source=source,
                    samples=chosen.samples,
                    clients=chosen.clients,
                    lens=lenses[k % len(lenses)],
                    **{kind: strength[kind] for kind in cell},
                )
                measured = findings(
                    prepare_samples(*given, seed=seed), shuffles=chosen.shuffles, seed=seed
                )
                outcome[cell].append({finding.kind for finding in measured if finding.found})
                seed += 1
        _say(cell, outcome[cell])
    _summary(outcome, time.perf_counter() - started)


LEVELS = (0.05, 0.0125)
"""Of concept shift alone, and under Holm's correction where nothing else is found of four kinds."""


def _faint(first: int, worlds: int, shuffles: int, kept: Path | None) -> None:
    """Print how often concept shift is found, and how often a verdict changes."""
    done: dict[str, dict[str, float]] = {}
    if kept is not None and kept.exists():
        done = json.loads(kept.read_text("utf-8"))
    for seed in range(first, first + worlds):
        if str(seed) not in done:
            done[str(seed)] = _faint_row(seed, shuffles)
            if kept is not None:
                kept.write_text(json.dumps(done), "utf-8")
    rows = [done[str(seed)] for seed in range(first, first + worlds)]
    for level in LEVELS:
        found = {name: np.array([row[name] <= level for row in rows]) for name in rows[0]}
        changed = {name: np.mean(found["p"] != found[name]) for name in ("seed", "order", "names")}
        print(
            f"level {level:6}: found {found['p'].mean():.0%} of {worlds}, false alarms "
            f"{found['alike'].mean():.0%}; changed by another seed {changed['seed']:.0%}, order "
            f"{changed['order']:.0%}, names {changed['names']:.0%}",
            flush=True,
        )


def _faint_row(seed: int, shuffles: int) -> dict[str, float]:
    """p of concept shift in one world: as it is, by another seed, in another order, renamed."""
    given, alike = faint_world(seed, concept=1), faint_world(seed)
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(given.y))
    renamed = given._replace(y=draw.permutation(int(given.y.max()) + 1)[given.y])

    def p(some: World, again: int) -> float:
        samples = prepare_samples(*some[:3], seed=again)
        return concept_shift(samples, shuffles=shuffles, seed=again, level=0.05).p

    return {
        "p": p(given, 0),
        "seed": p(given, 1),
        "order": p(World(*(part[order] for part in given)), 0),
        "names": p(renamed, 0),
        "alike": p(alike, 0),
    }


def _say(cell: tuple[str, ...], found: list[set[str]]) -> None:
    name = " + ".join(cell) or "no skew"
    rates = ", ".join(f"{kind} {np.mean([kind in one for one in found]):.0%}" for kind in KINDS)
    print(f"{name:30} {len(found):3} worlds   found: {rates}", flush=True)


def _summary(outcome: dict[tuple[str, ...], list[set[str]]], seconds: float) -> None:
    alone = {cell: found for cell, found in outcome.items() if len(cell) == 1}
    mixed = {cell: found for cell, found in outcome.items() if len(cell) > 1}
    power = [set(cell) <= one for cell, found in alone.items() for one in found]
    wrong = [bool(one - set(cell)) for cell, found in alone.items() for one in found]
    complete = [set(cell) <= one for cell, found in mixed.items() for one in found]
    alarms = [bool(one) for one in outcome[()]]
    print(f"\npower         {np.mean(power):6.1%} of {len(power)} worlds of one skew")
    print(f"false alarms  {np.mean(alarms):6.1%} of {len(alarms)} worlds without skew")
    print(f"wrong names   {np.mean(wrong):6.1%} of {len(wrong)} worlds of one skew")
    print(f"complete      {np.mean(complete):6.1%} of {len(complete)} compounds")
    print(f"{sum(map(len, outcome.values()))} worlds in {seconds:.0f} s")


if __name__ == "__main__":
    main()
