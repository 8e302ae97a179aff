"""The samples of a federation on one device, and the batches that each client goes through."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Batches
from unalike.core.local_work import LocalWork
from unalike.core.step_schedule import Span
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.windows import window_of
from unalike.functional import streams


class SamplesTakenError(Exception):
    """A method has asked for samples where there are none."""


class NoBatches:
    """In the place of a client's batches: whoever asks for anything of it takes samples."""

    def __getattr__(self, name: str) -> Any:
        raise SamplesTakenError(name)

    def __iter__(self) -> Any:
        raise SamplesTakenError("__iter__")


class ClientInputs(NamedTuple):
    """What a client's batches are made of, for S clients or, without the [S], for one."""

    ids: Tensor  # [S, capacity] samples, then padding
    size: Tensor  # [S]
    key: Tensor  # [S] the client's stream in this round
    home: Tensor  # [S] the client's stream in all rounds
    held_out: Tensor  # [S, capacity of the validation part]
    held_out_size: Tensor  # [S]
    first: Tensor  # [S] local steps before, of a stream that goes on
    steps: Tensor  # [S] local steps; those of whole epochs are not counted


class StepCounts(NamedTuple):
    """Local steps of S clients that are no whole epochs."""

    firsts: NDArray[np.int64]  # [S] those before
    counts: NDArray[np.int64]  # [S]
    goes_on: bool  # whether in a stream that is one for all rounds


class HostSizes(NamedTuple):
    """What is known on the host of S clients at work."""

    train: NDArray[np.int64]  # [S] samples
    validation: NDArray[np.int64]  # [S]
    steps: StepCounts | None

    def of(self, at: Any) -> HostSizes:
        """Some of them."""
        steps = self.steps
        if steps is not None:
            steps = StepCounts(steps.firsts[at], steps.counts[at], steps.goes_on)
        return HostSizes(self.train[at], self.validation[at], steps)

    @property
    def amount(self) -> NDArray[np.int64]:
        """[S] more for more local steps, and of as many for more samples."""
        if self.steps is None:
            return self.train
        return self.steps.counts * (1 + self.train.max(initial=0)) + self.train


class ClientData:
    """All clients' samples, shared by whoever works on them; clients are rows of the federation.

    Where samples come in windows of time, clients hold those of the window of the round that was
    named last, the `rounds` rounds being spread over the windows.

    stream_ids: the number by which random draws know a client [rows].
    draws: whether each step's batch carries a key for random draws.
    """

    def __init__(
        self,
        federation: Federation,
        device: torch.device,
        *,
        seed: int,
        batch_size: int,
        work: LocalWork,
        dtype: torch.dtype,
        rounds: int,
        stream_ids: NDArray[np.int64],
        draws: bool,
    ) -> None:
        self.federation, self.device = federation, device
        self.x, self.y = federation.x.to(device), federation.y.to(device)
        self.x_test, self.y_test = federation.x_test.to(device), federation.y_test.to(device)
        self.capacity = max(1, int(federation.train.sizes.max(initial=1)))
        self._held_out_capacity = max(1, int(federation.validation.sizes.max(initial=1)))
        self.dtype = dtype
        self._seed, self._batch_size, self._work = seed, batch_size, work
        self._rounds, self._stream_ids, self._draws = rounds, stream_ids, draws
        self._held, self._window = federation.at_window(0), 0

    def use_round(self, t: int) -> None:
        """From now on clients hold the samples of round t."""
        time = self.federation.window
        if time is None:
            return
        window = window_of(t, self._rounds, time.number)
        if window != self._window:
            self._held, self._window = self.federation.at_window(window), window

    def sizes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Training samples of each of these clients."""
        return self._held.train.sizes_of(rows)

    def held_out_sizes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Validation samples of each of these clients."""
        return self._held.validation.sizes_of(rows)

    def host_sizes(
        self, purpose: str, t: int, rows: NDArray[np.int64], done: NDArray[np.int64]
    ) -> HostSizes:
        """What these clients [S] have to do in round t; done [S]: their local steps before it."""
        sizes = self.sizes(rows)
        return HostSizes(
            sizes, self.held_out_sizes(rows), self._step_counts(purpose, t, rows, sizes, done)
        )

    def _step_counts(
        self,
        purpose: str,
        t: int,
        rows: NDArray[np.int64],
        sizes: NDArray[np.int64],
        done: NDArray[np.int64],
    ) -> StepCounts | None:
        work, trains = self._work, purpose == "train"
        goes_on = work.goes_on and trains
        firsts = done if goes_on else np.zeros_like(sizes)
        if trains and work.slow > 0:
            names = torch.from_numpy(self._stream_ids[rows])
            keys = streams.client_keys(self._seed, "slow", t, names)
            luck = streams.uniform(keys[:, None], 2).numpy()
            return StepCounts(firsts, work.slow_steps(luck, sizes, self._batch_size), goes_on)
        if not work.goes_on:
            return None
        return StepCounts(firsts, work.steps_per_round(sizes, self._batch_size), goes_on)

    def inputs(
        self, purpose: str, t: int, rows: NDArray[np.int64], known: HostSizes
    ) -> ClientInputs:
        """What the batches of these clients [S] are made of, in round t and for this purpose."""
        ids, size = padded(self._held.train, rows, self.device)
        held_out, held_out_size = padded(self._held.validation, rows, self.device)
        names = torch.from_numpy(self._stream_ids[rows]).to(self.device)
        none = np.zeros_like(known.train)
        steps = known.steps or StepCounts(none, none, goes_on=False)
        return ClientInputs(
            ids,
            size,
            streams.client_keys(self._seed, purpose, t, names),
            streams.client_keys(self._seed, "home", 0, names),
            held_out,
            held_out_size,
            torch.from_numpy(steps.firsts).to(self.device),
            torch.from_numpy(steps.counts).to(self.device),
        )

    def batches(self, inputs: ClientInputs, known: HostSizes, *, trimmed: bool) -> Batches:
        """The batches of one client, or under `vmap` of the stacked ones of whom this is known.

        trimmed: without padding, where one client is at work alone.
        """
        held_out = (
            inputs.held_out,
            inputs.held_out_size,
            known.validation,
            self._held_out_capacity,
        )
        return Batches(
            x=self.x,
            y=self.y,
            ids=inputs.ids,
            size=inputs.size,
            key=inputs.key,
            home=inputs.home,
            sizes=known.train,
            most=self.capacity,
            batch_size=self._batch_size,
            passes=self._work.passes,
            dtype=self.dtype,
            held_out=held_out,
            span=_span(inputs, known.steps),
            draws=self._draws,
            trimmed=trimmed,
        )


def _span(inputs: ClientInputs, steps: StepCounts | None) -> Span | None:
    if steps is None:
        return None
    key = streams.derive(inputs.home, "steps") if steps.goes_on else None
    return Span(inputs.first, inputs.steps, steps.firsts, steps.counts, key)


def padded(
    ragged: Ragged, rows: NDArray[np.int64], device: torch.device, least: int = 1
) -> tuple[Tensor, Tensor]:
    """Index lists as a rectangle [S, longest] padded with the first sample, and sizes [S].

    least: the rectangle is no shorter.
    """
    sizes = ragged.sizes_of(rows)
    longest = max(least, int(sizes.max(initial=1)))
    steps = np.arange(longest)
    at = ragged.offsets[rows][:, None] + np.where(steps < sizes[:, None], steps, 0)
    if len(ragged.values) == 0:
        ids = np.zeros_like(at)
    else:
        ids = ragged.values[np.minimum(at, len(ragged.values) - 1)]
    return torch.from_numpy(ids).to(device), torch.from_numpy(sizes).to(device)
