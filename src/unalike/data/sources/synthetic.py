"""FedProx's synthetic(alpha, beta): every client has a linear labeller and a place of its own.

    u_k ~ N(0, alpha),  W_k, b_k ~ N(u_k, 1),  y = argmax(W_k x + b_k)
    B_k ~ N(0, beta),   v_k ~ N(B_k, 1),       x ~ N(v_k, diag(j^-1.2)),  j = 1..60

As in the published generators alpha and beta are used as standard deviations. beta says how far
apart clients' samples lie. alpha says nothing: u_k is added to every entry of W_k and b_k, so it
moves the scores of all classes alike and changes no label (a test holds this); labellers differ
because each client draws its own. `synthetic-iid` has one labeller for all and v_k = 0.

Source  Li et al., MLSys 2020 (arXiv:1812.06127), the recipe of its published generators: 30
        clients, 60 features, 10 classes, sizes lognormal(4, 2) + 50
Ours    all draws: the published generators set no seed, and the files that come with them have
        other sizes (897, 912, 1,084 and 805 test samples). Sizes here are those of numpy's legacy
        generator with seed 0, 22,349 samples in all
"""

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from unalike.functional.streams import generator

from .source import TRAIN, Arrays, Source, parts

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CLIENTS, FEATURES, CLASSES = 30, 60, 10
PATTERN = re.compile(r"synthetic-(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")

CITATION = (
    "Li, Sahu, Zaheer, Sanjabi, Talwalkar and Smith (2020). Federated Optimization in "
    "Heterogeneous Networks. MLSys. arXiv:1812.06127"
)


def spread(features: int) -> Floats:
    """The standard deviations of the features: the square roots of j^-1.2, [features]."""
    return np.arange(1.0, features + 1) ** -0.6


SIZES = np.random.RandomState(0).lognormal(4, 2, CLIENTS).astype(np.int64) + 50


def synthetic(alpha: float, beta: float) -> Arrays:
    """Features [n, 60], ten classes, and the 30 clients."""
    x, y = [], []
    for k, size in enumerate(SIZES):
        rng = generator(0, "data/synthetic", k)
        shift, middle = rng.standard_normal(2) * (alpha, beta)
        labeller = shift + rng.standard_normal((FEATURES + 1, CLASSES))
        place = middle + rng.standard_normal(FEATURES)
        x.append(place + spread(FEATURES) * rng.standard_normal((size, FEATURES)))
        y.append((x[-1] @ labeller[1:] + labeller[0]).argmax(1))
    return _arrays(x, y)


def synthetic_iid() -> Arrays:
    """The same sizes, with one labeller and one place for all."""
    labeller = generator(0, "data/synthetic/iid").standard_normal((FEATURES + 1, CLASSES))
    x, y = [], []
    for k, size in enumerate(SIZES):
        rng = generator(0, "data/synthetic/iid", k)
        x.append(spread(FEATURES) * rng.standard_normal((size, FEATURES)))
        y.append((x[-1] @ labeller[1:] + labeller[0]).argmax(1))
    return _arrays(x, y)


def _arrays(x: list[Floats], y: list[Integers]) -> Arrays:
    return Arrays(
        np.concatenate(x).astype(np.float32),
        np.concatenate(y),
        CLASSES,
        client=np.repeat(np.arange(CLIENTS), SIZES),
        part=parts(int(SIZES.sum()), values=(TRAIN,)),
    )


def _source(name: str, title: str, read: Callable[[], Arrays]) -> Source:
    return Source(
        name=name,
        title=title,
        samples=int(SIZES.sum()),
        shape=(FEATURES,),
        classes=CLASSES,
        licence="none needed: generated",
        citation=CITATION,
        files=(),
        read=read,
    )


def parse_synthetic(name: str) -> Source | None:
    """The set synthetic-ALPHA-BETA, for any two numbers from 0 up; None for other names."""
    found = PATTERN.fullmatch(name)
    if found is None:
        return None
    alpha, beta = map(float, found.groups())
    title = f"Linear labellers, alpha {alpha:g}, beta {beta:g} (synthetic, 30 clients)"
    return _source(name, title, partial(synthetic, alpha, beta))


SYNTHETIC = tuple(
    source
    for ab in ("0-0", "0.5-0.5", "1-1")
    if (source := parse_synthetic(f"synthetic-{ab}")) is not None
)
SYNTHETIC_IID = _source(
    "synthetic-iid", "One linear labeller for all (synthetic, 30 clients)", synthetic_iid
)
