"""Concept shift: clients give other labels to the same samples, P(y | x) differs.

A flexible learner (kernel ridge regression) is fitted twice for each client: on its own samples
alone, and on everybody's, its own included, with its outputs weighted to the client's shares of
the classes. More samples help, or do no harm, as long as they are labelled alike: other shares of
the classes are weighed away, and samples that look different stay far away under the kernel.
Where learning alone is right and learning together is wrong, more often than the reverse, others
contradict the client. This cross-client excess of errors is taken class by class, on samples that
neither fit has seen (two folds), and tested twice; both must agree:

    sign test   of the samples of a class on which the two differ, half favour either side
    shuffles    membership exchanged within classes and folds, so labels and sizes stay
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from unalike.functional.streams import generator
from unalike.measures.distances import gaussian_kernel, median_distance

from .diagnosis_result import Finding, Measure
from .null import permutation_test
from .samples import Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_CLIENTS = 20
MOST_PER_CLIENT = 100
RIDGE = 0.1


class Contest(NamedTuple):
    """Unseen samples by who was right: each [classes]."""

    alone: Integers  # learning alone was right, learning together wrong
    together: Integers  # the reverse
    score: Floats  # (alone - together) / sqrt(alone + together), 0 where they never differ


def concept_shift(samples: Samples, *, shuffles: int, seed: int) -> Finding:
    """The excess of errors of learning together, on the class where it is clearest."""
    some = choose_samples(samples, seed)
    learner = _Learner(some, seed)
    truth = learner.contest(some.client)
    (score,) = permutation_test(
        lambda client: learner.contest(client).score.max(keepdims=True),
        some.client,
        some.y * 2 + learner.fold,
        purpose="concept",
        shuffles=shuffles,
        seed=seed,
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
                sign_test(truth),
                "the same as a share of the samples of that class; half of the samples on which "
                "the two differ favour either side",
                decides=True,
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


def choose_samples(samples: Samples, seed: int) -> Samples:
    """At most 20 clients, at random, with at most 100 samples each."""
    rng = generator(seed, "diagnosis/concept")
    _, part = samples.choose_clients(MOST_CLIENTS, rng)
    order = np.lexsort((rng.random(len(part.y)), part.client))
    sizes = part.sizes
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return part.subset(np.sort(order[place < MOST_PER_CLIENT]))


class _Learner:
    """Kernel ridge regression on the indicators of the classes, in two folds."""

    def __init__(self, some: Samples, seed: int) -> None:
        self.y, self.clients, self.classes = some.y, some.clients, some.classes
        rng = generator(seed, "diagnosis/folds")
        order = np.lexsort((rng.random(len(some.y)), some.cell))
        self.fold = np.empty(len(some.y), np.int64)
        self.fold[order] = np.arange(len(some.y)) % 2
        self.kernel = gaussian_kernel(some.x, some.x, median_distance(some.x, seed) / np.sqrt(2))
        self.target = np.eye(some.classes)[some.y]
        self.together = np.empty_like(self.target)
        for fold in (0, 1):
            known, unseen = np.flatnonzero(self.fold != fold), np.flatnonzero(self.fold == fold)
            self.together[unseen] = self._fit(known, unseen)

    def contest(self, client: Integers) -> Contest:
        """Who is right, when samples belong to these clients [n]."""
        alone = np.zeros(len(self.y), bool)
        together = np.zeros(len(self.y), bool)
        for fold in (0, 1):
            training = self.fold != fold
            shares = self._shares(client[training], self.y[training])
            unseen = np.flatnonzero(~training)
            weighted = np.clip(self.together[unseen], 1e-3, None) * shares[client[unseen]]
            together[unseen] = weighted.argmax(1) == self.y[unseen]
            members = np.argsort(client, kind="stable")
            borders = np.cumsum(np.bincount(client, minlength=self.clients))[:-1]
            for rows in np.split(members, borders):
                known, own = rows[training[rows]], rows[~training[rows]]
                if len(known) and len(own):
                    alone[own] = self._fit(known, own).argmax(1) == self.y[own]
        won = np.bincount(self.y[alone & ~together], minlength=self.classes)
        lost = np.bincount(self.y[together & ~alone], minlength=self.classes)
        return Contest(won, lost, (won - lost) / np.sqrt(np.maximum(won + lost, 1)))

    def _fit(self, known: Integers, unseen: Integers) -> Floats:
        regularised = self.kernel[np.ix_(known, known)] + RIDGE * np.eye(len(known))
        weights = np.linalg.solve(regularised, self.target[known])
        return self.kernel[np.ix_(unseen, known)] @ weights

    def _shares(self, client: Integers, y: Integers) -> Floats:
        """How much likelier each class is at each client than for everybody: [N, classes]."""
        cells = np.bincount(client * self.classes + y, minlength=self.clients * self.classes)
        counts = cells.reshape(self.clients, self.classes)
        everybody = np.maximum(counts.sum(0) / counts.sum(), 1e-9)
        own = (counts + everybody) / (counts.sum(1, keepdims=True) + 1)
        return own / everybody


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
