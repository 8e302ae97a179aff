"""SCAFFOLD's quadratics: what local steps do to FedAvg and SCAFFOLD as two clients drift apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from unalike.core import Problem
from unalike.core.local_work import LocalWork
from unalike.testing.worlds import federation

from ..table import Claim, Measured, PublishedTable, Settings, runs_of
from ..training import method_of, model_of, training

GAPS = (1, 10, 100)
STEPS = (2, 10)
START, SMALL = 1.0, 1e-6
CURVATURES = (2.0, 0.0)
"""Of the two clients: w^2 + G w and -G w, whose mean is w^2 / 2."""


def _name(method: str, gap: int, steps: int) -> str:
    return f"{method}, G = {gap}, K = {steps}"


ROWS: dict[str, Settings] = {
    _name(title, gap, steps): {
        "method": method,
        "hyperparameters": {"lr": 0.1},
        "gap": gap,
        "local_steps": steps,
    }
    for title, method, counts in (
        ("SGD", "fedavg", (1,)),
        ("FedAvg", "fedavg", STEPS),
        ("SCAFFOLD", "scaffold", STEPS),
    )
    for gap in GAPS
    for steps in counts
}


def measure(settings: Settings, seed: int, data_dir: str | None) -> Mapping[str, float]:
    """The distance from the optimum after all rounds, and the rounds until it stays small."""

    def loss(w: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x * w.square().sum() / 2 + y * w.sum()

    gap = float(settings["gap"])
    clients = federation(
        [torch.tensor([a], dtype=torch.float64) for a in CURVATURES],
        [torch.tensor([b], dtype=torch.float64) for b in (gap, -gap)],
    )
    states = training(
        method_of(settings),
        Problem.from_function(loss, torch.full((1,), START, dtype=torch.float64)),
        clients,
        times=settings["rounds"],
        seed=seed,
        batch_size=1,
        work=LocalWork(steps=settings["local_steps"]),
    )
    distances = np.array([abs(float(model_of(state))) for state in states])
    outside = np.flatnonzero(distances >= SMALL * max(START, distances.max()))
    found = {"distance": float(distances[-1])}
    last = int(outside[-1]) if len(outside) else -1
    return found if last == len(distances) - 1 else {"rounds": last + 2.0, **found}


def _rounds(found: Measured, steps: int) -> list[float]:
    return [found.mean(_name("SCAFFOLD", gap, steps), "rounds") for gap in GAPS]


def _same_for_all_gaps(found: Measured) -> bool:
    return all(max(_rounds(found, k)) < 1.1 * min(_rounds(found, k)) for k in STEPS)


def _better_with_steps(found: Measured) -> bool:
    plain = found.mean(_name("SGD", 1, 1), "rounds")
    return max(_rounds(found, 10)) < min(_rounds(found, 2)) and max(_rounds(found, 2)) < plain


def _fedavg_worse_with_steps(found: Measured) -> bool:
    few, many = ([found.mean(_name("FedAvg", g, k), "distance") for g in GAPS] for k in STEPS)
    return all(a < b for a, b in zip(few, many, strict=True))


def _fedavg_worse_with_gap(found: Measured) -> bool:
    by_steps = ([found.mean(_name("FedAvg", g, k), "distance") for g in GAPS] for k in STEPS)
    return all(a < b < c for a, b, c in by_steps)


def _rows(title: str) -> tuple[str, ...]:
    return tuple(row for row in ROWS if row.startswith(title))


TABLE = PublishedTable(
    name="scaffold-quadratics",
    title="SCAFFOLD on quadratics of two clients",
    source="Karimireddy et al., ICML 2020 (arXiv:1910.06378), Figure 3: curves, no numbers.",
    protocol="Two clients, full gradients, all take part, G in {1, 10, 100}, K in {2, 10} local "
    "steps. The losses are w^2 + G w and -G w, so that the mean is w^2 / 2 for every G and the "
    "gradients at its optimum 0 are G and -G; start 1, local step 0.1, server step 1, 200 "
    "rounds in float64. SGD is one local step a round.",
    columns={
        "distance": "from the optimum after 200 rounds",
        "rounds": "until the distance stays below a millionth of its largest",
    },
    runs=runs_of(ROWS, (0,), rounds=200),
    measure=measure,
    cpu_minutes=0.5,
    claims=(
        Claim(
            "SCAFFOLD's rounds do not depend on G (within a tenth).",
            _same_for_all_gaps,
            _rows("SCAFFOLD"),
        ),
        Claim(
            "SCAFFOLD is faster with 10 local steps than with 2, and with 2 faster than SGD.",
            _better_with_steps,
            (*_rows("SCAFFOLD"), _name("SGD", 1, 1)),
        ),
        Claim(
            "FedAvg ends further away with 10 local steps than with 2, for every G.",
            _fedavg_worse_with_steps,
            _rows("FedAvg"),
        ),
        Claim(
            "FedAvg ends further away the larger G is, for both K.",
            _fedavg_worse_with_gap,
            _rows("FedAvg"),
        ),
    ),
    differs=(
        "The two functions and the step are ours: the figure's were not at hand.",
        "Control variates begin at zero, so that the first round depends on G: rounds are "
        "counted to a share of the largest distance.",
    ),
    digits=6,
)
