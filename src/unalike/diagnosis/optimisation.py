"""What unlike clients do to optimisation: where their gradients pull, and how local steps stray.

Watched on softmax regression (`probe.py`), at its start, after a short descent on everybody's
loss, and at its optimum. Chance is the same clients with membership shuffled among all samples,
so that it has the sizes and the noise of finite samples, and no skew. All kinds of skew but
quantity count; these measures say how much they matter, not which they are.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from unalike.functional.streams import generator
from unalike.measures.average_drift import average_drift
from unalike.measures.bounded_dissimilarity import least_g
from unalike.measures.dissimilarity import cancellation, client_drift, gradient_dissimilarity
from unalike.measures.gamma import decompose
from unalike.measures.gradient_diversity import gradient_diversity
from unalike.measures.proximal_dissimilarity import proximal_dissimilarity

from .diagnosis_result import Curve, Measure, Optimisation
from .null import Null, permutation_test
from .probe import RIDGE, ClientBlock, Probe
from .samples import Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_CLIENTS = 100
MOST_NUMBERS = 2_000_000
"""Samples times weights that are looked at; more samples are thinned."""
SHORT = 20
STEPS = (1, 2, 5, 10, 20, 50)
OWN_STEPS = 50
FROM_OPTIMUM = f", {SHORT} steps from the optimum"
ROUNDING = 1e-24
"""Relative dissimilarity of gradients that are equal but for rounding."""
MAIN_SHARE = 0.9
"""The share of the inputs' variance that the linear reconstructions hold."""


class MeasureKind(NamedTuple):
    """A measure's meaning and what it cannot see."""

    name: str
    meaning: str
    blind_to: str
    unlike: Literal["large", "small", "neither"] = "large"  # what unlike clients make it


_AT_ONE_POINT = "skews that leave the gradients at this point alike, and unequal curvature"
DISSIMILARITY = MeasureKind(
    "gradient dissimilarity",
    "mean squared distance of a client's gradient from the mean gradient",
    _AT_ONE_POINT,
)
G2 = MeasureKind(
    "G² at the optimum",
    "the same where the mean gradient is zero: the mean squared length of the clients' gradients",
    "unequal curvature: where all clients curve alike FedAvg has no bias, however large G² is",
)
B = MeasureKind(
    "FedProx's B",
    "length of the clients' gradients over that of their mean; 1 where all agree",
    "how far the point is from an optimum, near which B grows for any clients",
)
DIVERSITY = MeasureKind(
    "gradient diversity",
    "squared lengths over the squared length of the sum; 1/N where all agree",
    "the same as B, of which it is the square over N where clients weigh the same",
)
BOUNDED = MeasureKind(
    "SCAFFOLD's G",
    "the least G with mean squared gradient <= G² + B² |mean gradient|²",
    "every point but those visited: the G of the paper holds everywhere and is larger",
)
DRIFT = MeasureKind(
    "client drift",
    "mean length of a client's way in local steps",
    "whether the clients stray apart or go the same way together",
)
CANCELLATION = MeasureKind(
    "cancellation ratio",
    "length of the mean way over the mean length; 1 where all go the same way",
    "how far anybody goes",
    unlike="small",
)
LEFT = MeasureKind(
    "drift left in the mean",
    "the cancellation ratio at the optimum, where the first steps cancel whatever the clients are: "
    "what is left is the bias of averaging after local steps",
    "how far anybody goes",
)
AVERAGE = MeasureKind(
    "average drift at the optimum",
    "what local steps move the mean model away from the optimum, per step",
    "disagreement that cancels in the mean, which the mean model does not feel",
)
GAMMA = MeasureKind(
    "Γ",
    "loss of the common optimum less the clients' own least losses",
    "how well the clients' own models do on new samples: own losses are those of training",
)
FUSED = MeasureKind(
    "Γ fused over plain",
    "relative gradient dissimilarity with linear reconstructions fused in, over that without; "
    "below 1 fusing brings the gradients closer",
    "what a deep autoencoder would reconstruct",
    unlike="neither",
)


def optimisation(samples: Samples, *, shuffles: int, seed: int) -> Optimisation | None:
    """All measures beside chance, of at most 100 clients; None where they hold one class."""
    numbers = (samples.x.shape[1] + 1) * samples.classes
    _, part = samples.choose_clients(MOST_CLIENTS, generator(seed, "diagnosis/probe"))
    some = part.subsample(max(1000, min(3000, MOST_NUMBERS // numbers)), seed)
    if len(np.unique(some.y)) < 2:
        return None
    watch = _Measurements(Probe(some))
    nulls = permutation_test(
        watch, some.client, None, purpose="optimisation", shuffles=shuffles, seed=seed
    )
    measures = iter(_measure(*pair) for pair in zip(watch.named, nulls, strict=True))
    singles = [next(measures) for _ in watch.singles]
    curves = {
        point: Curve(STEPS, *(tuple(next(measures) for _ in STEPS) for _ in range(2)))
        for point in ("start", "optimum")
    }
    drift, left = (singles[watch.singles.index((kind, FROM_OPTIMUM))] for kind in (DRIFT, LEFT))
    return Optimisation(
        tuple(singles),
        curves,
        f"At the optimum of one linear model for all, {SHORT} local steps carry a client "
        f"{drift.value:.2g} away (chance: {drift.chance:.2g}); {100 * left.value:.0f} % of that "
        f"is left in the mean (chance: {100 * left.chance:.0f} %) and is the bias of averaging.",
        {
            "model": "softmax regression",
            "ridge": RIDGE,
            "lr": watch.probe.lr,
            "short": SHORT,
            "clients": some.clients,
            "samples": len(some.y),
            "shuffles": shuffles,
        },
    )


class _Measurements:
    """All numbers for one membership, in the order of `named`."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.start, self.short, self.optimum = probe.start, probe.descend(SHORT), probe.optimum()
        self.shares = torch.from_numpy(probe.weights)
        self.keeping = _main_projection(probe.z)
        after = f"after {SHORT} steps"
        self.singles = [
            (DISSIMILARITY, ", start"),
            (DISSIMILARITY, f", {after}"),
            (G2, ""),
            (B, ", start"),
            (B, f", {after}"),
            (DIVERSITY, ", start"),
            (DIVERSITY, f", {after}"),
            (BOUNDED, " where B = 1"),
            (BOUNDED, " where B = 2"),
            (DRIFT, f", {SHORT} steps from the start"),
            (CANCELLATION, f", {SHORT} steps from the start"),
            (DRIFT, FROM_OPTIMUM),
            (LEFT, FROM_OPTIMUM),
            (AVERAGE, f", {SHORT} steps"),
            (GAMMA, ""),
            (FUSED, f", {after}"),
        ]
        mean = MeasureKind(
            "drift of the mean", "length of the clients' mean way in local steps", ""
        )
        curves = [(kind, "") for _ in range(2) for kind in (DRIFT, mean) for _ in STEPS]
        self.named = [*self.singles, *curves]

    def __call__(self, client: Integers) -> Floats:
        held, probe, p = self.probe.deal(client), self.probe, self.shares
        g = [_rows(probe.gradients(held, w)) for w in (self.start, self.short, self.optimum)]
        ways = [
            [_rows(y - w) for y in probe.path(held, w, STEPS)] for w in (self.start, self.optimum)
        ]
        from_start, from_optimum = (way[STEPS.index(SHORT)] for way in ways)
        singles = [
            *(gradient_dissimilarity(rows, p) for rows in g),
            *(proximal_dissimilarity(rows, p) for rows in g[:2]),
            *(gradient_diversity(rows, p) for rows in g[:2]),
            *(least_g(g, p, b=b) for b in (1.0, 2.0)),
            client_drift(from_start, p),
            cancellation(from_start, p),
            client_drift(from_optimum, p),
            cancellation(from_optimum, p),
            average_drift(from_optimum, p, lr=probe.lr, steps=SHORT),
            self._gamma(held),
            self._fused(held, g[1]),
        ]
        return np.array([*singles, *(number for way in ways for number in _curve(way, p))])

    def _gamma(self, held: Sequence[ClientBlock]) -> float:
        own = self.probe.own_optima(held, self.optimum, OWN_STEPS)
        gaps = self.probe.losses(held, self.optimum) - self.probe.losses(held, own)
        return float(self.probe.weights @ gaps)

    def _fused(self, held: Sequence[ClientBlock], plain: torch.Tensor) -> float:
        """Each input with its reconstruction added, at the same weights."""
        seen = [part._replace(z=part.z + part.z @ self.keeping) for part in held]
        fused = _rows(self.probe.gradients(seen, self.short))
        parts = decompose(plain, fused, self.shares)
        return _ratio(parts.relative_fused, parts.relative_original)


def _curve(way: list[torch.Tensor], p: torch.Tensor) -> list[float]:
    drift = [client_drift(rows, p) for rows in way]
    return drift + [float((p @ rows).norm()) for rows in way]


def _main_projection(z: Floats) -> Floats:
    """The projection [d + 1, d + 1] onto the inputs' main directions, the constant left out."""
    centred = z - z.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(z))
    held = np.cumsum(values[::-1]) <= MAIN_SHARE * values.sum()
    main = vectors[:, ::-1][:, : np.count_nonzero(held) + 1]
    return main @ main.T


def _rows(w: Floats) -> torch.Tensor:
    return torch.from_numpy(w.reshape(len(w), -1))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > ROUNDING else math.nan


def _measure(named: tuple[MeasureKind, str], null: Null) -> Measure:
    kind, where = named
    known = null.draws[np.isfinite(null.draws)]
    if not (math.isfinite(null.value) and len(known)):
        null, known = Null(math.nan, known), np.array([math.nan])
    low, high = np.quantile(known, (0.025, 0.975))
    p = {
        "large": Null(null.value, known).p,
        "small": Null(-null.value, -known).p,
        "neither": math.nan,
    }[kind.unlike]
    return Measure(
        kind.name + where,
        null.value,
        float(known.mean()),
        float(low),
        float(high),
        math.nan if math.isnan(null.value) else p,
        kind.meaning,
        blind_to=kind.blind_to,
    )
