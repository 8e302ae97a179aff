"""What models answer on the samples of clients, filled in bit by bit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.data.ragged import Ragged
from unalike.measures.groups import Floats
from unalike.tasks import Losses, Samples, Sums, Task

Places = Tensor | slice
"""Some of them, by number or one after the other."""


class Predictions(NamedTuple):
    """Outputs for consecutive groups of samples, one group a client."""

    output: Tensor  # [n, ...] what the task's measures need of them
    losses: Tensor | Losses  # [n] of each sample; or of groups, where a mean is not over samples
    truth: Tensor  # [n, ...]
    sizes: NDArray[np.int64]  # [groups]

    def samples(self, task: Task) -> Samples:
        """What is known of each sample, which counts of different groups have in common."""
        output, truth = (values.detach().cpu().numpy() for values in (self.output, self.truth))
        losses: Floats | Losses
        if isinstance(self.losses, Tensor):
            losses = self.losses.detach().cpu().numpy().astype(np.float64)
        else:
            losses = self.losses
        return task.samples(output, truth, losses)

    def counts(self, task: Task, *, addable: bool = False, together: bool = False) -> Sums:
        """What scores need to know of each group, or of all samples together as one group.

        addable: whether the sums may be added to those of other places.
        """
        samples = self.samples(task)
        if together:
            return task.together(samples, self.sizes)
        return task.sums(samples, self.sizes, addable=addable)


class Answer(NamedTuple):
    """What a model says of B samples, the last of which may be padding."""

    output: Tensor  # [B, ...]
    numerator: Tensor  # [B] the losses, or [1] where they are coupled: one of all samples
    denominator: Tensor  # [B] or [1]; [0] where each loss counts once


class PredictionBuffer:
    """Places for the answers on all samples of some clients, in the order of the clients.

    lists: the samples of each client, as indices into x and y. coupled: whether a loss is of all
    the samples of a client.
    """

    def __init__(self, lists: Ragged, *, coupled: bool) -> None:
        self.lists, self._coupled = lists, coupled
        self._answers: Answer | None = None

    def put(self, samples: Places, clients: Places, answer: Answer) -> None:
        """The answer on these samples [B]; a coupled loss is that of these clients."""
        n = len(self.lists.values)
        at, places = (clients, len(self.lists.sizes)) if self._coupled else (samples, n)
        if self._answers is None:
            self._answers = Answer(
                answer.output.new_zeros((n, *answer.output.shape[1:])),
                answer.numerator.new_zeros(places),
                answer.denominator.new_zeros(places if len(answer.denominator) else 0),
            )
        self._answers.output[samples] = answer.output
        self._answers.numerator[at] = answer.numerator
        if len(answer.denominator):
            self._answers.denominator[at] = answer.denominator

    def copy(self) -> PredictionBuffer:
        """The same answers in places of their own."""
        other = PredictionBuffer(self.lists, coupled=self._coupled)
        if self._answers is not None:
            other._answers = Answer(*(column.clone() for column in self._answers))
        return other

    def predictions(self, y: Tensor, nothing: Answer) -> Predictions:
        """All answers with the truth out of y; `nothing` where there is no sample at all."""
        output, numerator, denominator = self._answers or nothing
        sizes = self.lists.sizes
        truth = y[torch.from_numpy(self.lists.values).to(y.device)]
        if not len(denominator):
            return Predictions(output, numerator, truth, sizes)
        above, below = (
            part.detach().cpu().numpy().astype(np.float64) for part in (numerator, denominator)
        )
        if self._coupled:
            return Predictions(output, Losses(above, below), truth, sizes)
        return Predictions(output, Losses.of_samples(above, sizes, below), truth, sizes)
