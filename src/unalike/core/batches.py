"""A client's samples, drawn lazily from the one resident tensor.

Written for one client. Under `torch.func.vmap` the tensors stand for a chunk of stacked
clients; `sizes` tells how many samples each of them has, so that work which all of them do is
never masked. Everything ragged is hidden here and in `local.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.functional import streams
from unalike.functional.stack import on_rows

from .step_schedule import Gather, ScheduledStep, Span, takers_of, takers_of_epoch

IN_ORDER_SIZE = 256
"""Samples in one batch of `Batches.in_order`."""


NO_KEY = torch.empty(0, dtype=torch.int64)
"""The key of a batch on which nothing random is drawn."""


class Batch(NamedTuple):
    """B samples, the last of which may be padding."""

    x: Tensor  # [B, ...]
    y: Tensor  # [B, ...]
    weight: Tensor  # [B] 1 for a sample, 0 for padding
    size: Tensor  # [] how many samples, at least 1
    position: Tensor  # [B] int64, each one's place among the client's own samples
    key: Tensor = NO_KEY  # [] int64, the stream of this step's random draws (dropout)


class LocalStep(NamedTuple):
    """One local step's data."""

    batch: Any  # a Batch, or a tuple of independent ones
    active: Tensor | None  # [] bool: whether this client takes the step; None: all do
    samples: int  # samples in the batch, over the stacked clients


@dataclass(frozen=True)
class Batches:
    """The training samples of a client and the way to go through them.

    Iterating gives one `LocalStep` per local step: `passes` epochs, each in a fresh random order
    without replacement, or the steps of `span` where that is set.
    """

    x: Tensor  # [M, ...] the resident tensors, shared by all clients
    y: Tensor  # [M, ...]
    ids: Tensor  # [capacity] this client's samples, then padding
    size: Tensor  # [] n, the number of samples
    key: Tensor  # [] int64, this client's stream in this round
    home: Tensor  # [] int64, this client's stream in all rounds
    sizes: NDArray[np.int64]  # [S] n of each stacked client
    most: int  # the largest n of any client of the federation
    batch_size: int  # B
    passes: int  # local epochs
    dtype: torch.dtype  # of the weights of samples
    held_out: tuple[Tensor, Tensor, NDArray[np.int64], int] | None = None
    """Ids, size, sizes and most of the validation samples."""
    span: Span | None = None  # local steps, in place of epochs
    independent: int = 1  # batches that a step draws
    draws: bool = False  # each step's batch carries a key for random draws
    trimmed: bool = False  # no padding: only where one client is at work alone

    @property
    def steps(self) -> Tensor:
        """K [], the local steps this client really takes."""
        if self.span is not None:
            return self.span.steps
        return self.passes * self._steps_per_epoch(self.size)

    @property
    def validation(self) -> Batches:
        """The client's validation samples (possibly none: check `size`)."""
        if self.held_out is None:
            raise ValueError("Validation samples have no validation samples of their own.")
        ids, size, sizes, most = self.held_out
        return replace(self, ids=ids, size=size, sizes=sizes, most=most, held_out=None)

    def epochs(self, passes: int) -> Batches:
        """The same samples, `passes` times each."""
        return replace(self, passes=passes, span=None)

    def exactly(self, steps: int) -> Batches:
        """The same samples for exactly this many steps, starting new epochs as needed."""
        counts = np.full_like(self.sizes, steps)
        first, number = torch.zeros_like(self.size), torch.full_like(self.size, steps)
        return replace(self, span=Span(first, number, np.zeros_like(counts), counts))

    def whole(self) -> Batches:
        """All samples in one batch."""
        return replace(self, batch_size=self.most)

    def drawn(self, independent: int) -> Batches:
        """Each step gets a tuple of this many batches, drawn independently."""
        return replace(self, independent=independent)

    def stream(self, purpose: str) -> Batches:
        """The same samples in an order of their own."""
        span = self.span
        if span is not None and span.key is not None:
            span = span._replace(key=streams.derive(span.key, purpose))
        return replace(self, key=streams.derive(self.key, purpose), span=span)

    def split(self, share: float) -> tuple[Batches, Batches]:
        """Two disjoint parts, the same in all rounds: `share` of the samples, and the rest.

        Each part has at least one sample; a client's only sample is in both.
        """
        order = streams.shuffle(streams.derive(self.home, "split"), len(self.ids), self.size)
        ids = self.ids.gather(0, order)
        capacity = len(self.ids)
        count = (self.size.to(torch.float64) * share).floor().clamp(min=1).to(torch.int64)
        rest = (self.size - count).clamp(min=1)
        skip = torch.minimum(count, self.size - 1).clamp(min=0)
        positions = (torch.arange(capacity, device=ids.device) + skip) % capacity
        sizes = _first(self.sizes, share)
        rest_sizes = np.maximum(self.sizes - sizes, 1)
        most = int(_first(np.asarray([self.most]), share)[0])
        return (
            replace(self, ids=ids, size=count, sizes=sizes, most=most),
            replace(
                self,
                ids=ids.gather(0, positions),
                size=rest,
                sizes=rest_sizes,
                most=max(self.most - most, 1),
            ),
        )

    def in_order(self) -> Iterator[LocalStep]:
        """All samples once, unshuffled, in batches of up to `IN_ORDER_SIZE`."""
        for step in self.schedule_in_order():
            yield LocalStep(step.batch(), None, step.samples)

    def schedule_in_order(self) -> Iterator[ScheduledStep]:
        """The same, their batches not yet gathered; a client takes part while it has samples."""
        slots = self._in_order_slots

        def scheduled(start: int) -> ScheduledStep:
            takers = takers_of(self.sizes, start, slots)

            def batch() -> Batch:
                stop = start + self._rows(takers.samples, slots)
                at = torch.arange(start, stop, device=self.ids.device)
                return self._gather(at.clamp(max=len(self.ids) - 1), at)

            return ScheduledStep(batch, lambda: self.size > start, *takers)

        return map(scheduled, range(0, int(self.sizes.max(initial=0)), slots))

    @property
    def in_one_batch(self) -> bool:
        """Whether `in_order` is a single batch to which every client brings samples."""
        return bool(
            self.sizes.min(initial=1) > 0 and self.sizes.max(initial=0) <= self._in_order_slots
        )

    @property
    def _in_order_slots(self) -> int:
        return min(IN_ORDER_SIZE, self.most)

    def __iter__(self) -> Iterator[LocalStep]:
        for step in self.schedule():
            active = None if step.everybody(len(self.sizes)) else step.active()
            yield LocalStep(step.batch(), active, step.samples)

    def schedule(self) -> Iterator[ScheduledStep]:
        """The local steps, their batches not yet gathered."""
        return self._epoch_steps() if self.span is None else self._span_steps(self.span)

    def _epoch_steps(self) -> Iterator[ScheduledStep]:
        slots = self._slots
        starts = np.arange(0, int(self.sizes.max(initial=0)), slots)
        at = torch.arange(len(starts) * slots, device=self.ids.device)
        weight = (at < self.size).to(self.dtype)
        counts = weight.reshape(len(starts), slots).sum(1).clamp(min=1)
        every = torch.arange(self.passes, device=self.ids.device)
        orders = [self._orders(every, draw) for draw in range(self.independent)]
        samples = [self.ids.gather(0, order.flatten()).view_as(order) for order in orders]
        per_epoch = self._steps_per_epoch(self.size)
        takers = takers_of_epoch(self.sizes, starts, slots)

        def step(epoch: int, k: int, drawn: tuple[tuple[Tensor, ...], ...]) -> ScheduledStep:
            first = k * slots
            own = slice(first, first + self._rows(takers[k].samples, slots))

            def part(
                ids: Tensor, positions: Tensor, weight: Tensor, counts: Tensor
            ) -> tuple[Tensor, ...]:
                rows = ids[..., own]
                x, y = _samples_at(self.x, rows), _samples_at(self.y, rows)
                return x, y, weight[..., own], counts[..., k], positions[..., own]

            def batch() -> Any:
                parts = tuple(Batch(*on_rows(part, *each)) for each in drawn)
                return self._with_keys(parts, lambda: epoch * per_epoch + k)

            gather = None if self.draws else Gather(drawn, part)
            return ScheduledStep(batch, lambda: self.size > first, *takers[k], gather)

        for epoch in range(self.passes):
            drawn = tuple(
                (ids[epoch], positions[epoch], weight, counts)
                for ids, positions in zip(samples, orders, strict=True)
            )
            for k in range(len(starts)):
                yield step(epoch, k, drawn)

    def _span_steps(self, span: Span) -> Iterator[ScheduledStep]:
        slots = self._slots
        per_epoch = np.maximum(self._steps_per_epoch(self.sizes), 1)
        ends = (span.firsts + np.maximum(span.counts, 1) - 1) // per_epoch
        epochs = np.where(self.sizes > 0, ends - span.firsts // per_epoch, 0)
        per_client = self._steps_per_epoch(self.size).clamp(min=1)
        begun, longest = span.first // per_client, int(epochs.max(initial=0)) + 1
        every = begun + torch.arange(longest, device=self.ids.device)
        orders = [self._orders(every, draw).flatten() for draw in range(self.independent)]
        padded = len(orders[0]) // longest
        drawn = tuple((order, self.ids, self.size, span.first, per_client) for order in orders)

        def scheduled(step: int) -> ScheduledStep:
            left = np.where(span.counts > step, self.sizes, 0)
            takers = takers_of(left, (span.firsts + step) % per_epoch * slots, slots)
            rows = torch.arange(self._rows(takers.samples, slots), device=self.ids.device)

            def part(
                order: Tensor, ids: Tensor, size: Tensor, first: Tensor, per_client: Tensor
            ) -> tuple[Tensor, ...]:
                number = (first + step)[..., None]
                steps = per_client[..., None]
                epoch = (number // steps - first[..., None] // steps).clamp(max=longest - 1)
                at = number % steps * slots + rows
                positions = order.gather(-1, epoch * padded + at)
                samples, weight = ids.gather(-1, positions), (at < size[..., None]).to(self.dtype)
                x, y = _samples_at(self.x, samples), _samples_at(self.y, samples)
                return x, y, weight, weight.sum(-1).clamp(min=1), positions

            def batch() -> Any:
                parts = tuple(Batch(*on_rows(part, *each)) for each in drawn)
                return self._with_keys(parts, lambda: span.first + step)

            gather = None if self.draws else Gather(drawn, part)
            return ScheduledStep(
                batch, lambda: (self.size > 0) & (span.steps > step), *takers, gather
            )

        return map(scheduled, range(int(span.counts.max(initial=0))))

    def _with_keys(self, parts: tuple[Batch, ...], step: Callable[[], Tensor]) -> Any:
        """The drawn batches of a step, with keys named by the client's own number of it."""
        if self.draws:
            here = streams.mix(streams.derive(self._stream_key, "draws"), step())
            parts = tuple(
                part._replace(key=streams.mix(here, draw)) for draw, part in enumerate(parts)
            )
        return parts if self.independent > 1 else parts[0]

    @property
    def _stream_key(self) -> Tensor:
        """The stream of the orders: of this round, or of all rounds where the steps go on."""
        going_on = None if self.span is None else self.span.key
        return self.key if going_on is None else going_on

    @property
    def _slots(self) -> int:
        return max(1, min(self.batch_size, self.most))

    def _rows(self, real: int, slots: int) -> int:
        """Rows of a batch with so many samples in it."""
        return max(1, real) if self.trimmed else slots

    def _steps_per_epoch(self, size: Any) -> Any:
        return -(-size // self._slots)

    def _orders(self, epochs: Tensor, draw: int) -> Tensor:
        """Random orders of the samples in these epochs [E], as long as whole batches need:
        [E, >= capacity]."""
        orders = streams.shuffle(
            streams.mix(streams.mix(self._stream_key, draw), epochs), len(self.ids), self.size
        )
        surplus = -len(self.ids) % self._slots
        if not surplus:
            return orders
        return torch.cat([orders, orders[:, :1].expand(len(epochs), surplus)], dim=1)

    def _gather(self, positions: Tensor, at: Tensor) -> Batch:
        weight = (at < self.size).to(self.dtype)
        samples = self.ids.gather(0, positions.broadcast_to(at.shape))
        return Batch(
            _samples_at(self.x, samples),
            _samples_at(self.y, samples),
            weight,
            weight.sum().clamp(min=1),
            positions.broadcast_to(at.shape),
        )


def _samples_at(data: Tensor, rows: Tensor) -> Tensor:
    """`data[rows]` of samples [M, ...] and whole numbers [...]: each sample is copied as a whole,
    which takes half the time."""
    return data.index_select(0, rows.flatten()).view(*rows.shape, *data.shape[1:])


def _first(sizes: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    return np.maximum(np.floor(sizes * share), 1).astype(np.int64)
