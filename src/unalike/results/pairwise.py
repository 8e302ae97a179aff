"""Every method against every other: paired over seeds, corrected for the number of pairs.

With M methods there are M (M - 1) / 2 pairs, and some look different by luck alone. Holm's
procedure (Scandinavian Journal of Statistics, 1979) bounds the chance that any pair of equal
methods is called different.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .columns import Chosen
from .comparison import Comparison
from .intervals import paired_p
from .ranking import Ranking

Floats = NDArray[np.float64]


def pairwise(comparison: Comparison, chosen: Chosen = "best") -> pd.DataFrame:
    """One row a pair of methods, the better first, the clearest pair on top.

    Columns: better, worse; gain, the mean over seeds of what the better is better by, in the main
    measure; seeds; p, two-sided, of the paired t test with what seeds have in common (see
    `shared_samples`); p_holm, corrected. Both are NaN where fewer than two seeds are shared.
    """
    r = Ranking(comparison, chosen)
    metric = r.metric("personalised", "mean")
    by_seed = {m: r.measure.key(r.seeds(m, metric)) for m in (*r.ranked, *_unfederated(r))}
    rows = []
    for ours, theirs in combinations(by_seed, 2):
        gains = by_seed[theirs].sub(by_seed[ours]).dropna().to_numpy(np.float64)
        if not len(gains):
            continue
        better, worse = (ours, theirs) if gains.mean() >= 0 else (theirs, ours)
        p = paired_p(gains, r.in_common(ours, theirs) or 0.0)
        rows.append((better, worse, abs(float(gains.mean())), len(gains), p))
    frame = pd.DataFrame(rows, columns=["better", "worse", "gain", "seeds", "p"])
    frame["p_holm"] = holm(frame["p"].to_numpy(np.float64))
    return frame.sort_values(["p", "gain"], ascending=[True, False], ignore_index=True)


class Duel(NamedTuple):
    """A method beside another."""

    gain: float  # what it is better by; below zero it is worse
    p: float  # corrected by Holm over all pairs; NaN where fewer than two seeds are shared
    told_apart: bool  # whether the seeds tell which of the two is better


def win_matrix(comparison: Comparison, chosen: Chosen = "best") -> dict[str, dict[str, Duel]]:
    """Each method, the best first, beside every other: by row and column, none with itself."""
    r = Ranking(comparison, chosen)
    methods = sorted(
        (*r.ranked, *_unfederated(r)), key=lambda method: float(r.measure.key(r.means[method]))
    )
    matrix: dict[str, dict[str, Duel]] = {method: {} for method in methods}
    pairs = pairwise(comparison, chosen)
    numbers = zip(pairs["gain"].astype(float), pairs["p_holm"].astype(float), strict=True)
    names = zip(pairs["better"].astype(str), pairs["worse"].astype(str), strict=True)
    for (better, worse), (gain, p) in zip(names, numbers, strict=True):
        matrix[better][worse] = Duel(gain, p, p < r.level)
        matrix[worse][better] = Duel(-gain, p, p < r.level)
    return matrix


def holm(p: Floats) -> Floats:
    """Corrected p values [m]: the i-th smallest times m - i (i from 0), never decreasing, up to 1.

    NaN stay NaN and are not counted.
    """
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    stepped = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return corrected


def _unfederated(r: Ranking) -> list[str]:
    """Centralised, which is in no ranking, where it was measured."""
    return [m for m in r.means if m == "centralised" and np.isfinite(r.means[m])]
