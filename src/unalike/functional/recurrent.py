"""Recurrent layers whose inner dropout draws from the run's streams."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from unalike.errors import InputError

from .dropout import drop


class StreamedRecurrent(nn.Module):
    """Takes the place of an `nn.LSTM`, `nn.GRU` or `nn.RNN` of several layers, whose parameters
    it keeps under their names: one layer after the other, with dropout in between."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.mode, self.p, self.batch_first = layer.mode, layer.dropout, layer.batch_first
        self.biased, self.bidirectional = layer.bias, layer.bidirectional
        self.hidden, self.layers = layer.hidden_size, layer.num_layers
        self.projected = layer.proj_size or layer.hidden_size
        self.ways = 2 if layer.bidirectional else 1
        for name, parameter in layer.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        self.names: list[list[str]] = layer._all_weights  # of each layer and way

    def forward(self, x: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """As the layer it stands for: [B, T, F] (or [T, B, F]) -> outputs and last states."""
        if isinstance(x, PackedSequence) or x.dim() != 3:
            raise InputError(
                f"A recurrent layer ({self.mode}) with dropout needs a batch of sequences as one "
                "tensor of three dimensions here: set its dropout to 0 for others."
            )
        states = self._start(x) if hx is None else hx if isinstance(hx, tuple) else (hx,)
        run = getattr(torch._VF, self.mode.lower())
        ends: list[tuple[Tensor, ...]] = []
        for layer in range(self.layers):
            if layer:
                x = drop(x, self.p)
            here = slice(layer * self.ways, (layer + 1) * self.ways)
            start = tuple(state[here].contiguous() for state in states)
            weights = [getattr(self, name) for names in self.names[here] for name in names]
            x, *end = run(
                x,
                start if self.mode == "LSTM" else start[0],
                weights,
                self.biased,
                1,
                0.0,
                True,
                self.bidirectional,
                self.batch_first,
            )
            ends.append(tuple(end))
        last = tuple(torch.cat(parts) for parts in zip(*ends, strict=True))
        return x, last if self.mode == "LSTM" else last[0]

    def _start(self, x: Tensor) -> tuple[Tensor, ...]:
        rows = x.shape[0 if self.batch_first else 1]
        sizes = [self.projected, self.hidden] if self.mode == "LSTM" else [self.hidden]
        return tuple(x.new_zeros(self.layers * self.ways, rows, size) for size in sizes)
