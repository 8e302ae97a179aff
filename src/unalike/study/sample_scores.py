"""How well each test sample is predicted, in a line of a run's records.

Scores are those of `Task.sample_scores`, of the samples of the clients that train, one client
after the other; a line holds them as float32, compressed, in base 64.
"""

from __future__ import annotations

import base64
import zlib

import numpy as np

from unalike.measures.groups import Floats

MOST_SAMPLES = 100_000
"""Samples of whom each may have its score in a line; of more, none has."""
MOST_CHARACTERS = 1 << 16
"""That they may take there: 100,000 samples that are right or wrong, 13,000 quantities."""
NAME = "sample_scores"


def as_record(scores: Floats | None) -> dict[str, str]:
    """The scores [n] as an evaluation holds them; nothing where there are none to be kept."""
    if scores is None or len(scores) > MOST_SAMPLES or not np.isfinite(scores).all():
        return {}
    content = zlib.compress(scores.astype("<f4").tobytes(), level=1)
    text = base64.b64encode(content).decode("ascii")
    return {NAME: text} if len(text) <= MOST_CHARACTERS else {}


def decoded(text: str) -> Floats:
    """The scores [n] of such a text."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<f4").astype(np.float64)
