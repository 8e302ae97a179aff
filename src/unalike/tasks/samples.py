"""What is known of samples before they are looked at group by group."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from unalike.measures.groups import Floats

from .sums import Losses, mapped

Array = NDArray[Any]


class Samples(NamedTuple):
    """Samples of consecutive groups; however these are cut, what is known of each stays."""

    output: Array  # [n, ...] `reduced` outputs in the unit of what is asked
    truth: Array  # [n, ...] y in that unit
    losses: Floats | Losses  # [n] one a sample, or those of the groups
    each: Any = ()  # what the task works out of each: a NamedTuple of arrays [n, ...]

    def some(self, samples: slice, groups: slice) -> Samples:
        """These samples, which are all those of these groups."""
        losses = self.losses
        if isinstance(losses, Losses):
            losses = Losses(losses.numerator[groups], losses.denominator[groups])
        else:
            losses = losses[samples]
        each = mapped(lambda column: column[samples], self.each) if self.each else ()
        return Samples(self.output[samples], self.truth[samples], losses, each)
