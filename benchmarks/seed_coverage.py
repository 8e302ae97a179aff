"""How often seeds that cut the same samples say too much: `python -m benchmarks.seed_coverage`.

A study is two classifiers by least squares, one of all clients together and one of each client
alone, on six clients of unequal size whose training and test samples each seed cuts anew. Samples
are drawn again for each study, so what the difference really is, is the mean over all studies; a
95 % interval should miss it in 5 % of them. Beside the interval that `unalike` gives are Student's
over seeds alone and that of Nadeau and Bengio (Machine Learning 52, 2003), whose variance is
s^2 (1 / S + n_test / n_train).

    null    answers that do not depend on x
    shared  one rule for all clients, with noise
    own     a rule for each client
    mixed   rules that have a part in common
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unalike.engines.machine import cores
from unalike.results.intervals import paired, paired_p
from unalike.results.shared_samples import ComparedSamples, SharedSamples
from unalike.study.sample_scores import NAME, as_record

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIZES = (50, 60, 80, 100, 120, 150)
OWNER = np.repeat(np.arange(len(SIZES)), SIZES)
FEATURES = 10
KINDS = ("null", "shared", "own", "mixed")
CUTS = ((0.3, 0.4), (0.2, 0.7))
"""Shares of each client's samples that test and that train."""
SEEDS = (2, 3, 10, 30)
WAYS = ("seeds alone", "Nadeau and Bengio", "unalike")
METHODS = ("together", "alone")
LEVEL = 0.05


def samples(kind: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """x [n, features] and y [n], -1 or 1."""
    x = rng.normal(size=(len(OWNER), FEATURES))
    if kind == "null":
        return x, rng.integers(2, size=len(OWNER)) * 2.0 - 1
    rules = np.random.default_rng(5).normal(size=(len(SIZES), FEATURES))
    if kind == "shared":
        rules[:] = rules[0]
    elif kind == "mixed":
        rules = 0.7 * rules[:1] + 0.5 * rules
    return x, np.sign((x * rules[OWNER]).sum(1) + 1.5 * rng.normal(size=len(OWNER)))


def classifier(x: Floats, y: Floats) -> Floats:
    """By least squares, slightly held back."""
    found: Floats = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
    return found


def seed_of(
    x: Floats, y: Floats, test: float, train: float, rng: np.random.Generator
) -> tuple[ComparedSamples, Floats, Floats]:
    """The test samples of a seed, and whether each is right together and alone: [n]."""
    parts = []
    for client in range(len(SIZES)):
        own = rng.permutation(np.flatnonzero(client == OWNER))
        tests, trains = round(test * len(own)), round(train * len(own))
        parts.append((own[:tests], own[tests : tests + trains]))
    training = np.concatenate([trained for _, trained in parts])
    together = classifier(x[training], y[training])
    tested = np.concatenate([own for own, _ in parts])
    weight = np.concatenate([np.full(len(own), 1 / len(own)) for own, _ in parts]) / len(parts)
    alone = [np.sign(x[own] @ classifier(x[trained], y[trained])) for own, trained in parts]
    right = np.sign(x[tested] @ together) == y[tested]
    return (
        ComparedSamples(tested, weight),
        right.astype(np.float64),
        (np.concatenate(alone) == y[tested]).astype(np.float64),
    )


def study(
    kind: str, test: float, train: float, seeds: int, rng: np.random.Generator
) -> tuple[Floats, float]:
    """The difference with each seed [seeds], and what seeds share of the variance of their mean."""
    x, y = samples(kind, rng)
    found = [seed_of(x, y, test, train, rng) for _ in range(seeds)]
    scores = {
        (method, seed): as_record(column)[NAME]
        for seed, (_, *columns) in enumerate(found)
        for method, column in zip(METHODS, columns, strict=True)
    }
    shared = SharedSamples([tested for tested, *_ in found], scores)
    gains = np.array([tested.weight @ (one - other) for tested, one, other in found])
    common = shared.variance(*METHODS, range(seeds))
    if common is None:
        raise ValueError("These are more test samples than records keep the scores of.")
    return gains, common


def rows(studies: int) -> Iterator[str]:
    """Lines of the table."""
    rng = np.random.default_rng(0)
    for kind, (test, train), seeds in product(KINDS, CUTS, SEEDS):
        found = [study(kind, test, train, seeds, rng) for _ in range(studies)]
        true = float(np.mean([gains for gains, _ in found]))
        missed, widths = np.zeros(len(WAYS)), []
        for gains, common in found:
            wider = np.sqrt(1 + seeds * test / train)
            errors, mean = gains - true, gains.mean() - true
            ps = (
                paired_p(errors),
                paired_p(mean + wider * (errors - mean)),
                paired_p(errors, common),
            )
            missed += np.array(ps) < LEVEL
            zero = pd.Series(np.zeros(seeds))
            alone, whole = (paired(pd.Series(gains), zero, shared=one) for one in (0.0, common))
            widths.append((whole.high - whole.low) / (alone.high - alone.low))
        cells = [f"{100 * share:.0f} %" for share in missed / studies]
        yield (
            f"| {kind} | {100 * test:.0f} | {seeds} | {100 * true:+.1f} "
            f"| {' | '.join(cells)} | {np.nanmedian(widths):.2f} |"
        )


def main() -> None:
    """Simulate all studies, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--studies", type=int, default=400, help="of each row")
    parser.add_argument("--write", type=Path, help="the page with the results")
    given = parser.parse_args()
    started = time.process_time()
    lines = [
        f"| world | tested, % | seeds | difference, points | {' | '.join(WAYS)} | width |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows(given.studies):
        print(row, flush=True)
        lines.append(row)
    if given.write is not None:
        minutes = (time.process_time() - started) / 60
        machine = f"{platform.machine()}, {cores()} of {os.cpu_count()} cores"
        given.write.write_text(page(lines, given.studies, minutes, machine), "utf-8")


def page(lines: list[str], studies: int, minutes: float, machine: str) -> str:
    """The results, with the command that made them."""
    return "\n".join(
        [
            "# Seeds of the same samples: what was measured",
            "",
            "Numbers as they came out, with the command that made them and wrote this page.",
            "",
            "<!-- checked: takes minutes -->",
            "```sh",
            f"python -m benchmarks.seed_coverage --studies {studies} --write docs/results-seeds.md",
            "```",
            "",
            "In how many of the studies a 95 % interval of the difference between two methods does "
            "not hold the true one: 5 % is what it says. All seeds of a study cut the same samples "
            "anew, as those of `unalike compare` do. Of three intervals the first is Student's "
            "over seeds alone, the second that of Nadeau and Bengio (2003), with the variance "
            "s² (1/S + n_test/n_train), the third the one that `unalike` gives where it knows the "
            "scores of each test sample ([how](how-to/results.md)). Width: how many times as wide "
            "as the first the third is, the median of the studies. The worlds are described in "
            f"`benchmarks/seed_coverage.py`; {studies} studies a row, {minutes:.1f} CPU minutes "
            f"({machine}).",
            "",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    main()
