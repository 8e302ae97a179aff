"""Predictions of clients' own models on their own samples, or of one model on all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Method, Problem
from unalike.data.ragged import Ragged
from unalike.functional.stack import map_rows
from unalike.functional.trees import map_tree

from .chunks import Chunks, covers_in_order, see_rows
from .client_data import ClientData, padded
from .predictions import Answer, PredictionBuffer, Predictions

LEAST_AT_ONCE, MOST_AT_ONCE = 1 << 10, 1 << 12
"""Samples that one model is asked about at once."""
FEATURES_AT_ONCE = 1 << 18
"""Features that these have together, where the former two leave a choice."""

STACKED_NUMBERS = 1 << 22
"""Features of samples that stacked models predict at once, where two clients do not have more."""


class Lookup(NamedTuple):
    """Samples of each client on which models are asked."""

    part: str  # "test" or another: whether the lists are of x_test or of x
    lists: Ragged  # [clients]


class Predictor:
    """Predicts with the models of a method, without gradients, on the samples of `data`."""

    def __init__(self, method: Method, problem: Problem, data: ClientData) -> None:
        self.method, self.problem, self.data = method, problem, data

    def lookup(self, rows: NDArray[np.int64], part: str) -> Lookup:
        """The "test", "validation" or "train" samples of these clients."""
        federation = self.data.federation
        held = {"test": federation.test, "train": federation.train}
        return Lookup(part, held.get(part, federation.validation).of_rows(rows))

    def pooled(self, rows: NDArray[np.int64], part: str) -> Lookup:
        """The pooled test samples, or the validation samples of these clients, as of one."""
        values = self.data.federation.pooled_test
        if part != "test":
            values = self.data.federation.validation.of_rows(rows).values
        return Lookup(part, Ragged.of(values, np.asarray([len(values)])))

    def buffer(self, lookup: Lookup) -> PredictionBuffer:
        """Where answers on these samples go."""
        return PredictionBuffer(lookup.lists, coupled=self.problem.couples)

    def predictions(self, lookup: Lookup, buffer: PredictionBuffer) -> Predictions:
        """What has been put there."""
        none = self._nothing_said
        nothing = Answer(self._reduced(none, self.data.y[:0]), none.flatten(), none.flatten())
        return buffer.predictions(self._samples(lookup.part)[1], nothing)

    def put_own(
        self,
        models: Any,
        clients: NDArray[np.int64],
        lookup: Lookup,
        buffer: PredictionBuffer,
        chunks: Chunks,
    ) -> None:
        """Ask each of these clients' models (leaves [m, ...]) about that client's samples.

        What comes back for a client does not depend on which others there are, so stacked samples
        are padded to lengths that follow from their own number.
        """
        x, y = self._samples(lookup.part)
        alone = chunks.plan.mode == "single"
        sizes = lookup.lists.sizes_of(clients)

        def one(model: Any, ids: Tensor, size: Tensor) -> Answer:
            real = torch.arange(len(ids), device=ids.device) < size
            return self._answer(model, x[ids], y[ids], real)

        def ask(group: Group) -> tuple[NDArray[np.int64], Tensor, Answer]:
            own = clients[group.clients]
            ids, counts = padded(lookup.lists, own, self.data.device, group.length)
            with torch.no_grad():
                if not alone:
                    return own, counts, map_rows(one, see_rows(models, group.clients), ids, counts)
                model = map_tree(lambda leaf: leaf[int(group.clients[0])].clone(), models)
                answer = one(model, ids[0], counts[0])
                return own, counts, Answer(*(column[None] for column in answer))

        most = STACKED_NUMBERS // max(1, x[0].numel() if len(x) else 1)
        groups = alike(sizes, most, alone=alone, empty=self.problem.couples)
        for own, counts, answer in chunks.map_threads(ask, groups):
            self._put(buffer, own, counts, answer)

    def put_shared(
        self, model: Any, lookup: Lookup, buffer: PredictionBuffer, chunks: Chunks
    ) -> None:
        """Ask one model about all samples."""
        x, y = self._samples(lookup.part)
        lists, device = lookup.lists, self.data.device
        all_in_order = covers_in_order(lists.values, len(lists.values))
        ids = None if all_in_order else torch.from_numpy(lists.values).to(device)

        def of(column: Tensor, held: slice) -> Tensor:
            """What is asked about, from one place among it to another."""
            return column[held] if ids is None else column[ids[held]]

        def ask(held: slice) -> Tensor:
            with torch.no_grad():
                return self.method.predict(self.problem, model, of(x, held))

        edges = np.append(np.arange(0, len(lists.values), at_once(x)), len(lists.values))
        asked = _between(edges)
        outputs: Sequence[Tensor] = list(chunks.map_threads(ask, asked))
        if self.problem.couples:
            outputs = torch.cat([*outputs, self._nothing_said]).split(lists.sizes.tolist())
            asked = _between(lists.offsets)
        for client, (held, output) in enumerate(zip(asked, outputs, strict=True)):
            y_held = of(y, held)
            answer = self._judged(output, y_held, torch.ones(len(y_held), device=device))
            buffer.put(held, slice(client, client + 1), answer)

    def _put(
        self, buffer: PredictionBuffer, clients: NDArray[np.int64], sizes: Tensor, answer: Answer
    ) -> None:
        """The answers of stacked clients, each leaf [S, ...], without padding."""
        length = answer.output.shape[1]
        steps = torch.arange(length, device=sizes.device)
        real = steps < sizes[:, None]
        ragged = not bool(real.all())
        starts = torch.from_numpy(buffer.lists.offsets[clients]).to(sizes.device)

        def without(column: Tensor) -> Tensor:
            return column[real] if ragged else column.flatten(0, 1)

        losses = [
            column.reshape(-1) if self.problem.couples or not column.numel() else without(column)
            for column in answer[1:]
        ]
        own = torch.from_numpy(clients).to(sizes.device)
        samples = without(starts[:, None] + steps)
        buffer.put(samples, own, Answer(without(answer.output), *losses))

    def _samples(self, part: str) -> tuple[Tensor, Tensor]:
        data = self.data
        return (data.x_test, data.y_test) if part == "test" else (data.x, data.y)

    @property
    def _nothing_said(self) -> Tensor:
        """A model's output on no samples: [0, ...]."""
        shape = (0, *self.data.federation.task.outputs)
        return torch.empty(shape, dtype=self.data.dtype, device=self.data.device)

    def _reduced(self, output: Tensor, y: Tensor) -> Tensor:
        """In the shape that the task says, whatever else of that size a model puts out."""
        task = self.data.federation.task
        reduced = task.reduced(output, y)
        return reduced[:, None] if reduced.dim() == 1 else reduced

    def _answer(self, model: Any, x: Tensor, y: Tensor, real: Tensor) -> Answer:
        return self._judged(self.method.predict(self.problem, model, x), y, real)

    def _judged(self, output: Tensor, y: Tensor, real: Tensor) -> Answer:
        """Outputs on samples [B], those that are not real being padding."""
        loss, reduced = self.problem.criterion, self._reduced(output, y)
        if loss.couples:
            ratio = loss.ratio(output, y, real.to(output.dtype))
            return Answer(reduced, ratio.numerator[None], ratio.denominator[None])
        each, denominators = self.problem.sample_losses(output, y), loss.denominators(output, y)
        nothing = torch.empty(0, dtype=self.data.dtype, device=self.data.device)
        return Answer(reduced, each, nothing if denominators is None else denominators)


def at_once(x: Tensor) -> int:
    """How many samples one model is asked about at once, of x [n, ...]."""
    features = max(1, x[:1].numel())
    return min(max(FEATURES_AT_ONCE // features, LEAST_AT_ONCE), MOST_AT_ONCE)


def _between(edges: NDArray[np.int64]) -> list[slice]:
    """From each of these places to the next."""
    return [slice(a, b) for a, b in pairwise(edges.tolist())]


class Group(NamedTuple):
    """Clients whose samples are padded to one length."""

    clients: NDArray[np.int64]  # [m] places
    length: int


def alike(sizes: NDArray[np.int64], most: int, *, alone: bool, empty: bool = False) -> list[Group]:
    """Groups of clients with about as many samples: sizes [n].

    A pair at least, if need be of the same client twice, since one alone rounds differently; no
    more than `most` samples at once otherwise.

    alone: each by itself, without padding. empty: clients without samples are among them.
    """
    held = np.flatnonzero((sizes > 0) | empty)
    if alone:
        return [Group(np.asarray([i]), int(sizes[i])) for i in held]
    groups = []
    lengths = padded_length(sizes[held])
    for length in np.unique(lengths):
        clients = held[lengths == length]
        pieces = -(-len(clients) // max(2, most // int(length)))
        groups += [
            Group(piece if len(piece) > 1 else np.repeat(piece, 2), int(length))
            for piece in np.array_split(clients, pieces)
        ]
    return groups


def padded_length(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, ...: at most half as much again."""
    power = 2 ** np.ceil(np.log2(np.maximum(sizes, 1))).astype(np.int64)
    between = 3 * (power // 4)
    return np.where((power >= 4) & (sizes <= between), between, power)
