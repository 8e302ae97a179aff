"""FedRep's linear regression: how fast the shared subspace of many small clients is found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unalike.core import Problem
from unalike.core.local_work import LocalWork
from unalike.data.federation import Federation
from unalike.functional.streams import generator
from unalike.testing.worlds import federation

from ..table import Claim, Measured, PublishedTable, Settings, runs_of
from ..training import method_of, training

FEATURES, SHARED = 10, 2
CLIENTS, SAMPLES = (10, 100), (5, 10, 30)
METHODS = {
    "FedRep": ("fedrep", {"lr": 0.1, "head_lr": 0.1, "head_epochs": 50, "body_epochs": 1}),
    "FedAvg": ("fedavg", {"lr": 0.1}),
}


def _name(title: str, clients: int, samples: int) -> str:
    return f"{title}, n = {clients}, m = {samples}"


ROWS: dict[str, Settings] = {
    _name(title, clients, samples): {
        "method": method,
        "hyperparameters": hyperparameters,
        "clients": clients,
        "samples": samples,
    }
    for title, (method, hyperparameters) in METHODS.items()
    for clients in CLIENTS
    for samples in SAMPLES
}


class SharedSubspace(nn.Module):
    """y = h'B'x: B is the body [10, 2], h the head [2]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.utils.skip_init(nn.Linear, FEATURES, SHARED, bias=False, dtype=torch.float64)
        self.head = nn.utils.skip_init(nn.Linear, SHARED, 1, bias=False, dtype=torch.float64)

    def reset_parameters(self) -> None:
        """B with orthonormal columns of a random direction, h zero."""
        nn.init.orthogonal_(self.body.weight)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 1] of x [B, 10]."""
        return self.head(self.body(x))


def world(clients: int, samples: int, seed: int) -> tuple[Federation, NDArray[np.float64]]:
    """The clients, and the true subspace [10, 2] with orthonormal columns."""
    rng = generator(seed, "ledger/fedrep-linear")
    truth, _ = np.linalg.qr(rng.standard_normal((FEATURES, SHARED)))
    heads = rng.standard_normal((clients, SHARED))
    x = rng.standard_normal((clients, samples, FEATURES))
    y = np.einsum("nmd,dk,nk->nm", x, truth, heads)
    return federation([*torch.from_numpy(x)], [*torch.from_numpy(y)[..., None]]), truth


def distance(body: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """The sine of the largest principal angle of two subspaces: [10, 2], [10, 2] orthonormal."""
    basis, _ = np.linalg.qr(body)
    return float(np.linalg.norm(basis - truth @ (truth.T @ basis), 2))


def measure(settings: Settings, seed: int, data_dir: str | None) -> Mapping[str, float]:
    """The principal angle distance before, half-way and at the end."""
    clients, truth = world(settings["clients"], settings["samples"], seed)
    problem = Problem(SharedSubspace(), "squared_error")
    states = training(
        method_of(settings),
        problem,
        clients,
        times=settings["rounds"],
        seed=seed,
        batch_size=settings["samples"],
        work=LocalWork(),
    )
    numbers = FEATURES * SHARED
    bodies = [problem.init(seed)[:numbers]]
    bodies += [state.engine.personalise(state.t, state.server)[0, :numbers] for state in states]
    angles = [distance(body.reshape(SHARED, FEATURES).numpy().T, truth) for body in bodies]
    return {"start": angles[0], "half-way": angles[len(angles) // 2], "end": angles[-1]}


def _falls(found: Measured, row: str, factor: float) -> bool:
    return found.mean(row, "end") < factor * found.mean(row, "start")


def _fedrep_is_ahead(found: Measured) -> bool:
    return all(
        found.mean(_name("FedRep", n, m), "end") < found.mean(_name("FedAvg", n, m), "end")
        for n in CLIENTS
        for m in SAMPLES
    )


def _steady(found: Measured) -> bool:
    """The second half of the rounds shortens the distance as the first does, or more."""
    row = _name("FedRep", 100, 30)
    start, half, end = (found.mean(row, column) for column in ("start", "half-way", "end"))
    return end < 1e-6 or end / half < (half / start) ** 0.5


TABLE = PublishedTable(
    name="fedrep-linear",
    title="FedRep on linear regression with a shared subspace",
    source="Collins et al., ICML 2021 (arXiv:2102.07078), the figure on synthetic linear "
    "regression: curves, no numbers.",
    protocol="d = 10, k = 2, n clients in {10, 100} with m samples in {5, 10, 30} each; y = h'B'x "
    "without noise, x, h and B of standard normal draws, B with orthonormal columns. A round fits "
    "every head with the body frozen and takes one full gradient step of the body. Measured is the "
    "sine of the largest principal angle between the shared body and the true subspace, mean of "
    "two draws.",
    columns={
        "start": "principal angle distance before training",
        "half-way": "after half of the rounds",
        "end": "after all rounds",
    },
    runs=runs_of(ROWS, range(2), rounds=200),
    measure=measure,
    cpu_minutes=4,
    claims=(
        Claim(
            "FedRep finds the subspace with 100 clients of 30 samples: the distance falls to a "
            "hundredth.",
            lambda found: _falls(found, _name("FedRep", 100, 30), 0.01),
            (_name("FedRep", 100, 30),),
        ),
        Claim(
            "It falls linearly: on a logarithmic scale the second half of the rounds brings at "
            "least half of what the first did.",
            _steady,
            (_name("FedRep", 100, 30),),
        ),
        Claim(
            "FedAvg on the same clients does not find it: more than a tenth of the distance is "
            "left for every n and m.",
            lambda found: (
                not any(_falls(found, _name("FedAvg", n, m), 0.1) for n in CLIENTS for m in SAMPLES)
            ),
            tuple(row for row in ROWS if row.startswith("FedAvg")),
        ),
        Claim("FedRep ends nearer than FedAvg for every n and m.", _fedrep_is_ahead, tuple(ROWS)),
        Claim(
            "More samples and more clients help FedRep: 100 clients of 30 end nearer than 10 of 5.",
            lambda found: (
                found.mean(_name("FedRep", 100, 30), "end")
                < found.mean(_name("FedRep", 10, 5), "end")
            ),
            (_name("FedRep", 100, 30), _name("FedRep", 10, 5)),
        ),
    ),
    differs=(
        "Heads take 50 gradient steps of 0.1 instead of the exact minimum, and the body is not "
        "orthonormalised after a round: that is FedRep as this library has it for any network.",
        "Clients keep their m samples over all rounds; steps (0.1) and rounds (200) are ours.",
        "It begins in a random direction, without the method of moments.",
    ),
    digits=4,
)
