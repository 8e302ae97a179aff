"""LEAF's synthetic set: many small clients, whose labellers lie near those of a few clusters.

    m_c ~ N(0, 1),  mu_c ~ N(m_c, 1),  u_k ~ N(mu_c, 0.1),  W_k = Q u_k,  Q ~ N(0, 1)
    B_k ~ N(0, 1),  v_k ~ N(B_k, 1),   x ~ N(v_k, diag(j^-1.2)),  j = 1..60
    y = argmax(W_k (1, x) + e),        e ~ N(0, 0.1),  c the cluster of client k

Source  Caldas et al. (LEAF), arXiv:1812.01097, the recipe of its published generator with 1,000
        clients, 5 classes, 60 features and two equal clusters; sizes min(lognormal(3, 2) + 5,
        1000); the draws are ours
"""

import numpy as np

from unalike.functional.streams import generator

from .source import TRAIN, Arrays, Source, parts
from .synthetic import spread

CLIENTS, FEATURES, CLASSES, CLUSTERS = 1000, 60, 5, 2

SIZES = np.minimum(
    generator(0, "data/leaf-synthetic/sizes").lognormal(3, 2, CLIENTS).astype(np.int64) + 5, 1000
)


def leaf_synthetic() -> Arrays:
    """Features [n, 60], five classes, the 1,000 clients and the cluster of each."""
    shared = generator(0, "data/leaf-synthetic")
    q = shared.standard_normal((FEATURES + 1, CLASSES, CLUSTERS))
    means = shared.standard_normal((CLUSTERS, 1)) + shared.standard_normal((CLUSTERS, CLUSTERS))
    cluster = shared.integers(CLUSTERS, size=CLIENTS)
    x, y = [], []
    for k, size in enumerate(SIZES):
        rng = generator(0, "data/leaf-synthetic", k)
        labeller = q @ (means[cluster[k]] + 0.1 * rng.standard_normal(CLUSTERS))
        place = rng.standard_normal() + rng.standard_normal(FEATURES)
        x.append(place + spread(FEATURES) * rng.standard_normal((size, FEATURES)))
        noise = 0.1 * rng.standard_normal((size, CLASSES))
        y.append((x[-1] @ labeller[1:] + labeller[0] + noise).argmax(1))
    return Arrays(
        np.concatenate(x).astype(np.float32),
        np.concatenate(y),
        CLASSES,
        client=np.repeat(np.arange(CLIENTS), SIZES),
        part=parts(int(SIZES.sum()), values=(TRAIN,)),
        group=np.repeat(cluster, SIZES),
    )


LEAF_SYNTHETIC = Source(
    name="leaf-synthetic",
    title="Linear labellers of two clusters (synthetic, 1,000 clients)",
    samples=int(SIZES.sum()),
    shape=(FEATURES,),
    classes=CLASSES,
    licence="none needed: generated",
    citation="Caldas, Duddu, Wu, Li, Konecny, McMahan, Smith and Talwalkar (2018). LEAF: A "
    "Benchmark for Federated Settings. arXiv:1812.01097",
    files=(),
    read=leaf_synthetic,
)
