"""FedEM's synthetic mixture: clients that share three linear labellers in shares of their own.

    pi_t ~ Dir(alpha),  theta_m ~ U[-1, 1]^d,  x ~ U[-1, 1]^d,  z ~ pi_t,  y = 1[theta_z x + e > 0]

Source  Marfoq et al., NeurIPS 2021 (arXiv:2108.10252), the recipe of its published generator: 300
        clients, d = 150, alpha = 0.4, noise e of standard deviation 0.1, seed 12345, sizes
        min(lognormal(4, 2) + 50, 1000), which gives 67,758 samples
"""

import numpy as np

from .source import TEST, TRAIN, Arrays, Source

CLIENTS, FEATURES, COMPONENTS = 300, 150, 3


def synthetic_mixture(tests: int = 0) -> Arrays:
    """Features [n, 150] in [-1, 1], two classes, and the 300 clients.

    tests: test samples drawn for each client on top of its own (the paper's are 5,000).
    """
    draw = np.random.RandomState(12345)  # the legacy generator: the recipe's sizes need it
    sizes = np.minimum(draw.lognormal(4, 2, CLIENTS).astype(np.int64) + 50, 1000)
    shares = draw.dirichlet(np.full(COMPONENTS, 0.4), CLIENTS)
    theta = draw.uniform(-1, 1, (COMPONENTS, FEATURES))
    x, y = [], []
    for size, share in zip(sizes, shares, strict=True):
        count = size + tests
        here = draw.uniform(-1, 1, (count, FEATURES)).astype(np.float32)
        component = draw.choice(COMPONENTS, count, p=share)
        scores = np.einsum("nd,nd->n", here, theta[component]) + draw.normal(0, 0.1, count)
        x.append(here)
        y.append((scores > 0).astype(np.int64))
    parts = [np.repeat([TRAIN, TEST], [size, tests]).astype(np.int8) for size in sizes]
    clients = np.repeat(np.arange(CLIENTS), sizes + tests)
    return Arrays(np.concatenate(x), np.concatenate(y), 2, clients, np.concatenate(parts))


SYNTHETIC_MIXTURE = Source(
    name="synthetic-mixture",
    title="A mixture of three linear labellers (synthetic, 300 clients)",
    samples=67_758,
    shape=(FEATURES,),
    classes=2,
    licence="none needed: generated",
    citation="Marfoq, Neglia, Bellet, Kameni and Vidal (2021). Federated Multi-Task Learning "
    "under a Mixture of Distributions. NeurIPS. arXiv:2108.10252",
    files=(),
    read=synthetic_mixture,
)
