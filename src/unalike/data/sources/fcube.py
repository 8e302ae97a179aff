"""FCUBE: the same line splits everybody's classes, but each party sees two octants of the cube.

    y = 0 where x1 > 0, else 1;    party p holds the octants s_p and -s_p,
    s_p = (+, +, +), (+, +, -), (+, -, +), (+, -, -)

Source  Li, Diao, Chen and He, ICDE 2022 (NIID-Bench, arXiv:2102.02079), sizes as in its public
        code: 4 parties of 1,000 points, half of them in each octant, and 1,000 test points from
        the whole cube; the draws are ours
"""

import numpy as np

from unalike.functional.streams import generator

from .source import TEST, TRAIN, Arrays, Source, parts

PARTIES, HELD, TESTS = 4, 1000, 1000


def read_fcube() -> Arrays:
    """Points [5000, 3] in (-1, 1)^3; the test points belong to nobody's octants."""
    rng = generator(0, "data/fcube")
    octants = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]])
    sides = np.tile([1, -1], HELD // 2)
    train = rng.random((PARTIES, HELD, 3)) * octants[:, None] * sides[:, None]
    test = rng.uniform(-1, 1, (TESTS, 3))
    x = np.concatenate([train.reshape(-1, 3), test]).astype(np.float32)
    names = [*(f"party-{p}" for p in range(PARTIES)), "cube"]
    return Arrays(
        x,
        (x[:, 0] <= 0).astype(np.int64),
        2,
        client=np.repeat(names, [HELD] * PARTIES + [TESTS]),
        part=parts(PARTIES * HELD, TESTS, values=(TRAIN, TEST)),
    )


FCUBE = Source(
    name="fcube",
    title="Points in a cube, two octants a party (synthetic, 4 parties)",
    samples=PARTIES * HELD + TESTS,
    shape=(3,),
    classes=2,
    licence="none needed: generated",
    citation="Li, Diao, Chen and He (2022). Federated Learning on Non-IID Data Silos: An "
    "Experimental Study. ICDE. arXiv:2102.02079",
    files=(),
    read=read_fcube,
)
