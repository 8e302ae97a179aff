"""What the seeds of a study have in common: they cut the same samples anew.

Seeds differ in how samples are dealt and cut, in first weights and in who is drawn, and their
spread says how sure a mean over them is of another such seed. But a sample that one method happens
to predict better is there with every seed, so results of different seeds hang together, and the
mean of more and more of them comes to what these samples have by chance.

Let d_si be by how much one method predicts test sample i better than another with seed s, with
weights w_si that sum to 1 over the samples of a seed (each client counts as much as every other),
and r_si = w_si (d_si - d) / S. With random effects of seeds and of samples the mean d over S seeds
has as its variance that between the seeds, s^2 / S, and

    sum_i (sum_s r_si)^2 - sum_i sum_s r_si^2

which is what a sample has in common over seeds (two-way clustering: Cameron, Gelbach and Miller,
Journal of Business & Economic Statistics 29, 2011); samples of one subject that stay together count
as one. Samples train as well as they test: where a
pair of samples agrees by chance, either is predicted better whenever the other has been trained on,
and the sum over samples varies as much again as they do one by one. So this is taken twice, which
is too much where luck is in the test samples alone. docs/results-seeds.md measures what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unalike.data.federation import Federation
from unalike.study.sample_scores import decoded

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NOTHING: Mapping[tuple[str, int], str] = MappingProxyType({})
TRAIN_AND_TEST = 2.0
"""Times that the variance of samples counts: as test samples, and as training samples."""


class ComparedSamples(NamedTuple):
    """The test samples of one seed that methods are compared by, client after client."""

    sample: Ints  # [n] which sample of the data set each is, or which is the first of its subject
    weight: Floats  # [n] summing to 1; 0 where its client is not counted


def compared_samples(federation: Federation, counted: NDArray[np.bool_]) -> ComparedSamples:
    """Those of the clients that train; counted: which of these [N] averages are over."""
    lists = federation.test.of_rows(np.flatnonzero(~federation.newcomers))
    counted = counted & (lists.sizes > 0)
    share = np.zeros(len(lists.sizes))
    share[counted] = 1 / (counted.sum() * lists.sizes[counted])
    origin = federation.origin
    sample = lists.values if origin is None else origin[lists.values]
    return ComparedSamples(sample.astype(np.int64), np.repeat(share, lists.sizes))


class SharedSamples:
    """The scores of each test sample by method and seed."""

    def __init__(
        self,
        tested: Sequence[ComparedSamples] = (),
        scores: Mapping[tuple[str, int], str] = NOTHING,
    ) -> None:
        """tested: of each seed. scores: by method and seed, as a record has them."""
        self.tested, self._scores = tested, scores
        self._residuals: dict[tuple[str, tuple[int, ...]], Floats] = {}

    def variance(self, ours: str, theirs: str, seeds: Sequence[int]) -> float | None:
        """That of the mean difference of two methods over these seeds, which they all share.

        None where scores of samples are not known of all seeds.
        """
        known = [(m, s) in self._scores for m in (ours, theirs) for s in seeds]
        if not all(known) or len(seeds) < 2:
            return None
        a, b = (self._residuals_of(method, tuple(seeds)) for method in (ours, theirs))
        each = a - b
        common = float((each.sum(0) ** 2 - (each**2).sum(0)).sum())
        return TRAIN_AND_TEST * max(0.0, common)

    def _residuals_of(self, method: str, seeds: tuple[int, ...]) -> Floats:
        """w (score - mean) / S of a method by seed and sample: [seeds, samples]."""
        if (method, seeds) not in self._residuals:
            weight = np.concatenate([self.tested[seed].weight for seed in seeds]) / len(seeds)
            scores = np.concatenate([decoded(self._scores[method, seed]) for seed in seeds])
            each = weight * (scores - weight @ scores)
            number = int(self._places[-1].max(initial=-1)) + 1
            ends = np.cumsum([len(self._places[seed]) for seed in seeds])[:-1]
            by_seed = zip(seeds, np.split(each, ends), strict=True)
            self._residuals[method, seeds] = np.stack(
                [np.bincount(self._places[seed], own, number) for seed, own in by_seed]
            )
        return self._residuals[method, seeds]

    @cached_property
    def _places(self) -> list[Ints]:
        """Of each seed's samples among all, numbered from 0; and of all, at the end."""
        everything = np.concatenate([one.sample for one in self.tested])
        places = np.unique(everything, return_inverse=True)[1].astype(np.int64)
        ends = np.cumsum([len(one.sample) for one in self.tested])
        return [*np.split(places, ends[:-1]), places]
