"""Worlds of clients that are unlike in known ways, for the diagnosis."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from unalike.data.skews.concept import label_permutations
from unalike.data.skews.feature_transforms import transform_samples
from unalike.data.skews.window_assignment import drift_windows
from unalike.data.splits import deal
from unalike.functional.streams import generator

MODERATE = {
    "label": 1.0,  # Dirichlet concentration of each client's shares of the classes
    "quantity": 0.5,  # standard deviation of the logarithm of the sizes
    "feature": 0.75,  # strength of the lens
    "concept": 1,  # pairs of classes that every second client exchanges
    "temporal": 0.5,  # strength of the drift
}
"""Each skew alone at this strength has to be found."""


class World(NamedTuple):
    """Samples of clients, in the form that `diagnose` takes."""

    x: np.ndarray
    y: np.ndarray
    client: np.ndarray
    time: np.ndarray


def world(
    seed: int,
    *,
    source: str = "gaussians",
    samples: int = 1200,
    clients: int = 10,
    lens: str = "shift",
    **skews: Any,
) -> World:
    """A world with these skews and no others, at the strengths given."""
    rng = generator(seed, "worlds")
    x, y = _digits(samples, rng) if source == "digits" else _gaussians(samples, rng)
    client = _dealt(y, clients, rng, skews)
    if "feature" in skews:
        x = transform_samples(x, client, kind=lens, strength=skews["feature"], seed=seed)
    time = drift_windows(y, client, strength=skews.get("temporal", 0.0), seed=seed)
    if "concept" in skews:
        names = label_permutations(int(y.max()) + 1, 2, swaps=skews["concept"], seed=seed)
        y = names[client % 2, y]
    return World(x, y, client, time)


def faint_world(seed: int, *, overlap: float = 1.5, samples: int = 400, **skews: Any) -> World:
    """Five clients whose classes overlap more, so that a concept shift is about to be missed."""
    given = world(seed, samples=samples, clients=5, **skews)
    noise = generator(seed, "worlds/faint").standard_normal(given.x.shape)
    return given._replace(x=given.x + (overlap * noise).astype(np.float32))


def _dealt(
    y: np.ndarray, clients: int, rng: np.random.Generator, skews: dict[str, Any]
) -> np.ndarray:
    """The client of each sample; with both skews, samples leave the clients of the label split."""
    client = np.empty(len(y), np.int64)
    options: dict[str, Any] = {}
    name = "iid"
    if "label" in skews:
        name, options = "dirichlet-mix", {"alpha": skews["label"]}
    elif "quantity" in skews:
        name, options = "quantity", {"law": "lognormal", "sigma": skews["quantity"]}
    for i, rows in enumerate(deal(name, y, clients, rng, min_size=10, **options)):
        client[rows] = i
    if "label" in skews and "quantity" in skews:
        weight = np.exp(skews["quantity"] * rng.standard_normal(clients))
        moved = rng.random(len(y)) > (weight / weight.max())[client]
        client[moved] = rng.choice(clients, moved.sum(), p=weight / weight.sum())
    return client


def _gaussians(samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Five classes in 20 dimensions, their means about 4 standard deviations apart."""
    y = rng.integers(0, 5, samples)
    means = rng.standard_normal((5, 20)) * 4 / np.sqrt(40)
    return (means[y] + rng.standard_normal((samples, 20))).astype(np.float32), y


def _digits(samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    from unalike.data.sources import load

    digits = load("digits")
    rows = rng.permutation(len(digits.y))[:samples]
    return digits.x[rows], digits.y[rows]
