"""Which answers are too long to be believed: the server compares them with one another.

From four answers on an answer may be `ratio` times as long as the (lower) median. It may be longer
where that is to be expected. A site of n times the median's samples takes more steps: sqrt(n)
times. A site whose weight is n times below the median's pulls the model no further with n times the
length, and has such answers where it is unlike the others and the model at rest, since the weighted
sum of all is zero there: n times, at most `ratio`.

Three answers say little of what is usual: of three honest sites that are unlike, one is often that
much longer. So what absent sites sent last counts too, and if these are still three, `ratio`
squared is allowed: the median may lie as far below what is usual as an honest answer lies above.
A site that has been believed a few times is held to `ratio` times what it usually sends, in units
of the median, where that is less.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unalike.functional.trees import leaves

MIN_FOR_MEDIAN = 3
"""Lengths from which on there is a usual one."""
MIN_FOR_RATIO = 4
"""Lengths from which on their median is enough to go by."""
MIN_HISTORY = 3
"""Answers that were used, from which on a site has a usual length of its own."""
MAX_HISTORY = 10
"""Of these, the last that count."""
TINY = 1e-12
"""The least weight that is divided by."""
BLOCK = 1 << 16
"""Numbers that are squared at once, in double precision; as many as the cache holds."""


class AnswerLengths:
    """The lengths of the answers that a run has used.

    ratio: 0 for no limit.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._last: dict[int, float] = {}  # place -> the length of its last answer that was used
        self._usual: dict[int, deque[float]] = {}  # place -> such lengths, over their medians

    def too_long(
        self,
        ups: Mapping[int, Any],
        sizes: NDArray[np.int64],
        weights: NDArray[np.floating[Any]],
    ) -> dict[int, str]:
        """The places of a round's answers that are too long -> why; the others are remembered.

        ups: what came, by place. sizes: [places] samples that the sites train on. weights: [places]
        shares of the objective.
        """
        if self._ratio == 0:
            return {}
        lengths = {place: length(up) for place, up in ups.items()}
        refused = self._refused(lengths, sizes, weights)
        self._last |= {place: found for place, found in lengths.items() if place not in refused}
        return refused

    def history(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """What is remembered of these places [N]: [N, 1 + MAX_HISTORY], the length of the last
        answer, then lengths over their medians, the oldest first; NaN where there is none."""
        found = np.full((len(places), 1 + MAX_HISTORY), np.nan)
        for row, place in zip(found, places.tolist(), strict=True):
            usual = self._usual.get(place, ())
            row[0] = self._last.get(place, np.nan)
            row[1 : 1 + len(usual)] = usual
        return found

    def restore(self, places: NDArray[np.int64], history: NDArray[np.float64]) -> None:
        """Remember what `history` told of these places."""
        for place, (last, *usual) in zip(places.tolist(), history.tolist(), strict=True):
            if not np.isnan(last):
                self._last[place] = last
                known = (one for one in usual if not np.isnan(one))
                self._usual[place] = deque(known, maxlen=MAX_HISTORY)

    def _refused(
        self,
        lengths: dict[int, float],
        sizes: NDArray[np.int64],
        weights: NDArray[np.floating[Any]],
    ) -> dict[int, str]:
        compared = dict(lengths)
        if len(lengths) < MIN_FOR_RATIO:
            compared = self._last | lengths
        median = _lower_median(np.array(list(compared.values()))) if compared else 0.0
        if len(compared) < MIN_FOR_MEDIAN or median == 0:
            return {}
        usual_size = max(1.0, _lower_median(sizes[list(compared)]))
        usual_weight = _lower_median(weights[list(compared)])
        refused = {}
        for place, found in lengths.items():
            large = median * float(np.sqrt(max(1.0, sizes[place] / usual_size)))
            light = median * min(self._ratio, usual_weight / max(weights[place], TINY))
            limit = self._ratio * max(large, light)
            if len(compared) < MIN_FOR_RATIO:
                wide = min(self._ratio * large, self._usual_length(place, median))
                limit = max(limit, self._ratio * wide)
            if found > limit:
                refused[place] = f"its length {found:.3g} is {found / median:.3g} times the median"
            else:
                history = self._usual.setdefault(place, deque(maxlen=MAX_HISTORY))
                history.append(found / median)
        return refused

    def _usual_length(self, place: int, median: float) -> float:
        """What a site usually sends when the median is this; infinite of one that is new."""
        history = self._usual.get(place, ())
        return median * _lower_median(np.array(history)) if len(history) >= MIN_HISTORY else np.inf


def length(up: Any) -> float:
    """The L2 norm of all numbers of an answer."""
    parts = (part for leaf in leaves(up) for part in leaf.reshape(-1).split(BLOCK))
    return float(np.sqrt(sum(float(part.double().square().sum()) for part in parts)))


def _lower_median(values: NDArray[Any]) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])
