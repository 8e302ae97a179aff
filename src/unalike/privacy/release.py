"""What a trusted server lets its method see of a round: a noisy sum, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from unalike.core import Cohort
from unalike.errors import InputError
from unalike.functional import streams
from unalike.functional.noise import noise_like
from unalike.functional.trees import map_tree

from .settings import Privacy

NOBODY = -1


@dataclass(frozen=True)
class Release:
    """The sum of a round's clipped answers plus noise of standard deviation sigma C.

    The mean is that sum over the expected size of a cohort, whoever answers, so that one client
    moves it by at most C over a fixed number.
    """

    privacy: Privacy
    expected: int  # S, clients that are asked in a round
    seed: int

    def __call__(self, ups: Any, cohort: Cohort, t: int) -> tuple[Any, Cohort]:
        """A cohort of nobody whose `mean` and `share` are those of the noisy sum.

        Its first row is the mean, its second what the sum adds to a mean over all N clients.
        """
        answers = len(cohort.ids)
        if float(cohort.weights.max()) * answers > 1 + 1e-5:
            raise InputError("Central privacy needs equal weights: take weights = 'uniform'.")
        present = answers / self.expected
        mean = map_tree(lambda leaf: cohort.mean(leaf) * present, ups)
        share = map_tree(cohort.share, ups)
        if self.privacy.noise > 0:
            nobody = torch.tensor(NOBODY, device=cohort.ids.device)
            key = streams.client_keys(self.seed, "privacy", t, nobody)
            noise = noise_like(mean, key)
            scale = self.privacy.noise * self.privacy.clip
            mean = map_tree(lambda m, z: m + scale / self.expected * z, mean, noise)
            share = map_tree(lambda s, z: s + scale / cohort.population * z, share, noise)
        first = torch.tensor([1, 0]).to(cohort.weights)
        second = torch.tensor([0, 1]).to(cohort.shares)
        seen = Cohort(torch.full_like(first, NOBODY).long(), first, second, cohort.population)
        return map_tree(lambda m, s: torch.stack([m, s]), mean, share), seen
