"""The samples of a federation on one device, and the batches that each client goes through."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unalike.core import Batches
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.windows import window_of
from unalike.functional import streams


class ClientInputs(NamedTuple):
    """What a client's batches are made of, for S clients or, without the [S], for one."""

    ids: Tensor  # [S, capacity] samples, then padding
    size: Tensor  # [S]
    key: Tensor  # [S] the client's stream in this round
    home: Tensor  # [S] the client's stream in all rounds
    held_out: Tensor  # [S, capacity of the validation part]
    held_out_size: Tensor  # [S]


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
        epochs: int,
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
        self._seed, self._batch_size, self._epochs = seed, batch_size, epochs
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
        return self._held.train.sizes[rows]

    def held_out_sizes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Validation samples of each of these clients."""
        return self._held.validation.sizes[rows]

    def inputs(self, purpose: str, t: int, rows: NDArray[np.int64]) -> ClientInputs:
        """What the batches of these clients [S] are made of, in round t and for this purpose."""
        ids, size = padded(self._held.train, rows, self.device)
        held_out, held_out_size = padded(self._held.validation, rows, self.device)
        names = torch.from_numpy(self._stream_ids[rows]).to(self.device)
        return ClientInputs(
            ids,
            size,
            streams.client_keys(self._seed, purpose, t, names),
            streams.client_keys(self._seed, "home", 0, names),
            held_out,
            held_out_size,
        )

    def batches(
        self,
        inputs: ClientInputs,
        sizes: NDArray[np.int64],
        held_out_sizes: NDArray[np.int64],
        *,
        trimmed: bool,
    ) -> Batches:
        """The batches of one client, or under `vmap` of stacked ones with these sizes.

        trimmed: without padding, where one client is at work alone.
        """
        held_out = (inputs.held_out, inputs.held_out_size, held_out_sizes, self._held_out_capacity)
        return Batches(
            x=self.x,
            y=self.y,
            ids=inputs.ids,
            size=inputs.size,
            key=inputs.key,
            home=inputs.home,
            sizes=sizes,
            most=self.capacity,
            batch_size=self._batch_size,
            passes=self._epochs,
            dtype=self.dtype,
            held_out=held_out,
            draws=self._draws,
            trimmed=trimmed,
        )


def padded(
    ragged: Ragged, rows: NDArray[np.int64], device: torch.device, least: int = 1
) -> tuple[Tensor, Tensor]:
    """Index lists as a rectangle [S, longest] padded with the first sample, and sizes [S].

    least: the rectangle is no shorter.
    """
    sizes = ragged.sizes[rows]
    longest = max(least, int(sizes.max(initial=1)))
    steps = np.arange(longest)
    at = ragged.offsets[rows][:, None] + np.where(steps < sizes[:, None], steps, 0)
    if len(ragged.values) == 0:
        ids = np.zeros_like(at)
    else:
        ids = ragged.values[np.minimum(at, len(ragged.values) - 1)]
    return torch.from_numpy(ids).to(device), torch.from_numpy(sizes).to(device)
