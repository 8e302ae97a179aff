"""pFedMe on MNIST: 20 users with two digits each, softmax regression and a small network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from unalike.core import Problem
from unalike.core.local_work import LocalWork
from unalike.data import load
from unalike.data.federation import Federation
from unalike.functional.streams import generator
from unalike.models.perceptron import Perceptron
from unalike.testing.worlds import federation

from ..table import Cell, Claim, Measured, PublishedTable, Settings, runs_of
from ..training import State, global_accuracy, last_state, method_of

USERS, DIGITS_EACH, TEST_SHARE = 20, 2, 0.25
STORED = {"lam": 15.0, "lr": 0.005, "beta": 1.0, "inner_steps": 5}


def _tuned(width: int, fedavg: float, per_fedavg: tuple[float, float], **pfedme: float) -> Any:
    alpha, beta = per_fedavg
    shared = {"hidden": width, "local_steps": 20}
    return {
        "FedAvg": {**shared, "method": "fedavg", "hyperparameters": {"lr": fedavg}},
        "Per-FedAvg": {
            **shared,
            "method": "per_fedavg",
            "hyperparameters": {"alpha": alpha, "beta": beta, "hessian": "none"},
        },
        "pFedMe": {
            **shared,
            "method": "pfedme",
            "hyperparameters": {"lr": 0.01, "beta": 2.0, "inner_steps": 5, **pfedme},
        },
    }


def _stored(local_steps: int, personal_lr: float) -> dict[str, Any]:
    return {
        "hidden": 0,
        "local_steps": local_steps,
        "method": "pfedme",
        "hyperparameters": {**STORED, "personal_lr": personal_lr},
    }


ROWS: dict[str, Settings] = {
    "pFedMe, MLR, R = 10": _stored(10, 0.09),
    "pFedMe, MLR, R = 20": _stored(20, 0.1),
    **{
        f"{title}, {model}, tuned": settings
        for model, rows in {
            "MLR": _tuned(0, 0.02, (0.03, 0.003), personal_lr=0.1, lam=15.0),
            "DNN": _tuned(100, 0.02, (0.02, 0.001), personal_lr=0.05, lam=30.0),
        }.items()
        for title, settings in rows.items()
    },
}


def measure(settings: Settings, seed: int, data_dir: str | None) -> Mapping[str, float]:
    """Accuracy on all users' test images of the one model and of their own models."""
    clients = _users(seed, data_dir)
    hidden = settings["hidden"]
    module = Perceptron((clients.x.shape[1],), 10, (hidden,) if hidden else ())
    state = last_state(
        method_of(settings),
        Problem(module),
        clients,
        times=settings["rounds"],
        seed=seed,
        batch_size=settings["batch_size"],
        work=LocalWork(steps=settings["local_steps"]),
        cohort=settings["cohort"],
    )
    return {"global": 100 * global_accuracy(state), "personal": _own(state)}


def _users(seed: int, data_dir: str | None) -> Federation:
    """Digits u and u + 1 for user u, each digit's images dealt evenly among its holders."""
    arrays = load("mnist", data_dir=data_dir)
    rng = generator(seed, "ledger/pfedme-mnist")
    images = 255 * arrays.x.reshape(len(arrays.x), -1)
    holders = [[u for u in range(USERS) if (digit - u) % 10 < DIGITS_EACH] for digit in range(10)]
    held: list[list[np.ndarray[Any, Any]]] = [[] for _ in range(USERS)]
    for digit, users in enumerate(holders):
        rows = rng.permutation(np.flatnonzero(arrays.y == digit))
        for user, own in zip(users, np.array_split(rows, len(users)), strict=True):
            held[user].append(own)
    order = [rng.permutation(np.concatenate(own)) for own in held]
    tests = [int(TEST_SHARE * len(own)) for own in order]
    known = images[
        np.concatenate([own[: len(own) - t] for own, t in zip(order, tests, strict=True)])
    ]
    scaled = (images - known.mean(0)) / (known.std(0) + 0.001)
    x = [torch.from_numpy(scaled[own]) for own in order]
    return federation(x, [torch.from_numpy(arrays.y[own]) for own in order], test=tests, classes=10)


def _own(state: State) -> float:
    engine = state.engine
    found = engine.predict(engine.personalise(state.t, state.server), engine.rows, "test")
    return 100 * float((found.output.argmax(-1) == found.truth).double().mean())


def _personal_above_global(found: Measured) -> bool:
    rows = [row for row in ROWS if row.startswith("pFedMe")]
    return all(found.mean(row, "personal") > found.mean(row, "global") for row in rows)


def _above_fedavg(found: Measured) -> bool:
    return all(
        found.mean(f"pFedMe, {model}, tuned", "personal")
        > found.mean(f"FedAvg, {model}, tuned", "global")
        for model in ("MLR", "DNN")
    )


TABLE = PublishedTable(
    name="pfedme-mnist",
    title="pFedMe on MNIST",
    source="T. Dinh et al., NeurIPS 2020 (arXiv:2006.08848). Numbers: the result files (h5) in the "
    "authors' repository (CharlieDinh/pFedMe, commit caf24b1); settings: its README.",
    protocol="20 users with two digits each, 75 per cent of their images for training, every pixel "
    "by mean and deviation; 5 users a round, 800 rounds, batches of 20, R = 20 local steps, K = 5 "
    "inner steps. Tuned, eta / rho / beta / lambda: softmax regression (MLR) 0.01 / 0.1 / 2 / 15, "
    "one hidden layer of 100 (DNN) 0.01 / 0.05 / 2 / 30; FedAvg 0.02; Per-FedAvg 0.03 / 0.003 and "
    "0.02 / 0.001. The stored files: eta 0.005, beta 1, lambda 15, R = 10 with rho 0.09 and R = 20 "
    "with rho 0.1.",
    columns={
        "global": "accuracy in per cent of the one model on all users' test images",
        "personal": "of each user's own model on its own test images, over all images",
    },
    runs=runs_of(ROWS, (0,), rounds=800, cohort=5, batch_size=20),
    measure=measure,
    cpu_minutes=10,
    cells=(
        Cell("pFedMe, MLR, R = 10", "global", 92.86, tolerance=1.0),
        Cell("pFedMe, MLR, R = 20", "personal", 94.54, tolerance=1.0),
    ),
    claims=(
        Claim(
            "pFedMe's personal models are ahead of its one model.",
            _personal_above_global,
            tuple(row for row in ROWS if row.startswith("pFedMe")),
        ),
        Claim(
            "Tuned, pFedMe's personal models are ahead of FedAvg's one model, MLR and DNN.",
            _above_fedavg,
            tuple(row for row in ROWS if row.endswith("tuned")),
        ),
    ),
    differs=(
        "Each digit's images are dealt evenly among its four holders, and no image has two; the "
        "authors' generator draws sizes, and gives the same images to several users.",
        "Scaling is learned from training images alone.",
        "The authors' code adds a decay of 0.001 to the inner problem, and judges as personal the "
        "local copy of the shared model; ours is the proximal point.",
        "No spread is published: the tolerance is one point.",
    ),
    left_out="The tuned table of the paper, whose numbers were not at hand.",
    reasons={
        ("pFedMe, MLR, R = 20", "personal"): "the authors' algorithm in a hand-written loop, with "
        "their decay and their local copy, comes to 93.3 with users as these, and to 93.0 with "
        "those that their repository's generator deals, so the stored file is of other users, or "
        "of other code (benchmarks/ledger_loops.py)"
    },
    data=("mnist",),
)
