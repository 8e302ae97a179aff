"""Concept shift: clients give other labels to the same samples, P(y | x) differs.

A flexible learner (kernel ridge regression) is fitted twice for each client: on its own samples
alone, and on everybody's, its own included, with its outputs weighted to the client's shares of
the classes. More samples help, or do no harm, as long as they are labelled alike: other shares of
the classes are weighed away, and samples that look different stay far away under the kernel.
Where learning alone is right and learning together is wrong, more often than the reverse, others
contradict the client. This cross-client excess of errors is taken class by class, each sample
judged by fits on all the others (leave one out, so that no folds are drawn), and tested twice;
both must agree:

    sign test   of the samples of a class on which the two differ, half favour either side
    shuffles    membership exchanged within classes, so labels and sizes stay

Clients of many samples are cut into parts of about 100, which are learned apart and counted
together.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from unalike.functional.streams import generator
from unalike.measures.distances import gaussian_kernel, median_distance

from .diagnosis_result import Finding, Measure
from .kernel_ridge import leave_one_out
from .null import permutation_test
from .samples import Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_CLIENTS = 20
PER_PART = 100
MOST_SAMPLES = 4000
LEAST = 1e-3
"""A class that learning together gives less than this may still be the one."""


class Contest(NamedTuple):
    """Unseen samples by who was right: each [classes]."""

    alone: Integers  # learning alone was right, learning together wrong
    together: Integers  # the reverse
    score: Floats  # (alone - together) / sqrt(alone + together), 0 where they never differ


def concept_shift(
    samples: Samples, *, shuffles: int, seed: int, level: float | None = None
) -> Finding:
    """The excess of errors of learning together, on the class where it is clearest."""
    some, part = choose_samples(samples, seed)
    learner = _Learner(some, part, seed)
    truth = learner.contest(some.client)
    sign = sign_test(truth)
    (score,) = permutation_test(
        lambda client: learner.contest(client).score.max(keepdims=True),
        some.client,
        some.y + some.classes * part,
        purpose="concept",
        shuffles=shuffles,
        seed=seed,
        level=None if level is None or sign > level else level,
    )
    worst = int(truth.score.argmax())
    held = max(np.count_nonzero(some.y == worst), 1)
    gap = (truth.alone[worst] - truth.together[worst]) / held
    said = (
        f"Of the samples of class {some.labels[worst]}, {_percent(truth.alone[worst] / held)} are "
        f"learned right alone and wrong together, {_percent(truth.together[worst] / held)} the "
        "other way round."
    )
    return Finding(
        "concept",
        (
            Measure.of(
                "excess errors together",
                score,
                "how much more often a client is right alone than together, on the worst class, "
                "in standard errors",
                decides=True,
            ),
            Measure(
                "sign test of the same",
                float(gap),
                0.0,
                np.nan,
                np.nan,
                sign,
                "the same as a share of the samples of that class; half of the samples on which "
                "the two differ favour either side",
                decides=True,
                error=0.0,
            ),
        ),
        said,
        "disagreement that costs less than the others' samples help, such as a rare or slight "
        "one; disagreement where a client has too few samples to learn from alone; renaming "
        "that goes with a change in looks (the looks then explain it); a rotation or shift that "
        "makes one class look like another counts as concept shift, for it is one",
    )


def sign_test(contest: Contest) -> float:
    """p of the clearest class, Bonferroni over the classes on which the two differ."""
    differ = contest.alone + contest.together
    p = binom.sf(contest.alone - 1, differ, 0.5)[differ > 0]
    return float(min(1.0, p.min() * len(p))) if len(p) else 1.0


def choose_samples(samples: Samples, seed: int) -> tuple[Samples, Integers]:
    """At most 20 clients, at random, and the part to which each of their samples belongs [n].

    A client's samples are dealt at random to as many parts as make about 100 each, classes evenly.
    Parts beyond those that 4,000 samples allow are left out, and those of a single client.
    """
    rng = generator(seed, "diagnosis/concept")
    _, some = samples.choose_clients(MOST_CLIENTS, rng)
    sizes = some.sizes
    parts = np.maximum(1, np.rint(sizes / PER_PART).astype(np.int64))
    order = np.lexsort((rng.random(len(some.y)), some.y, some.client))
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    part = np.empty(len(order), np.int64)
    part[order] = place % parts[some.client[order]]
    holders = np.bincount(np.unique(part * some.clients + some.client) // some.clients)
    kept = (part < max(1, MOST_SAMPLES // (PER_PART * some.clients))) & (holders[part] > 1)
    return some.subset(kept), part[kept]


class _Learner:
    """Kernel ridge regression on the indicators of the classes, part by part."""

    def __init__(self, some: Samples, part: Integers, seed: int) -> None:
        self.y, self.classes = some.y, some.classes
        self.parts = [np.flatnonzero(part == p) for p in np.unique(part)]
        self.target = np.eye(some.classes)[some.y]
        scale = median_distance(some.x, seed) / np.sqrt(2)
        self.kernels = [gaussian_kernel(some.x[rows], some.x[rows], scale) for rows in self.parts]
        self.together = np.empty_like(self.target)
        for rows, kernel in zip(self.parts, self.kernels, strict=True):
            self.together[rows] = np.maximum(leave_one_out(kernel, self.target[rows]), LEAST)
        self.counts = some.counts

    def contest(self, client: Integers) -> Contest:
        """Who is right, when samples belong to these clients [n], of the same classes."""
        together = (self.together * self._shares(client)).argmax(1) == self.y
        alone = np.zeros(len(self.y), bool)
        for rows, kernel in zip(self.parts, self.kernels, strict=True):
            order = np.argsort(client[rows], kind="stable")
            for own in np.split(order, np.cumsum(np.bincount(client[rows]))[:-1]):
                if len(own) > 1:
                    known = rows[own]
                    fit = leave_one_out(kernel[np.ix_(own, own)], self.target[known])
                    alone[known] = fit.argmax(1) == self.y[known]
        won = np.bincount(self.y[alone & ~together], minlength=self.classes)
        lost = np.bincount(self.y[together & ~alone], minlength=self.classes)
        return Contest(won, lost, (won - lost) / np.sqrt(np.maximum(won + lost, 1)))

    def _shares(self, client: Integers) -> Floats:
        """How much likelier each class is at a sample's client than for everybody: [n, classes].

        The sample itself is not counted.
        """
        everybody = np.maximum(self.counts.sum(0) / self.counts.sum(), 1e-9)
        others = self.counts[client] - self.target
        own = (others + everybody) / (others.sum(1, keepdims=True) + 1)
        return own / everybody


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
