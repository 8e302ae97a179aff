"""A recurrent network that says at each place of a sequence which token comes next.

    z = sigmoid(Wz x + Uz h + b)    r = sigmoid(Wr x + Ur h + b)
    n = tanh(Wn x + b + r (Un h + b'))    h <- (1 - z) n + z h

Source  Cho et al., EMNLP 2014 (arXiv:1406.1078), in the form of torch.nn.GRU, whose weights fit
Ours    an embedding of 8 numbers a token and 128 units; written in plain operations, which
        `torch.func.vmap` can stack
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unalike.errors import InputError


class GRULayer(nn.Module):
    """Weights as in torch.nn.GRU of one layer: reset, update and new gate, one below the other."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.weight_ih_l0 = nn.Parameter(torch.empty(3 * hidden, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(3 * hidden, hidden))
        self.bias_ih_l0 = nn.Parameter(torch.empty(3 * hidden))
        self.bias_hh_l0 = nn.Parameter(torch.empty(3 * hidden))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform up to 1 / sqrt(hidden), as in torch."""
        bound = 1 / math.sqrt(self.hidden)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """States [B, T, hidden] of x [B, T, inputs], from zeros on; each knows what came before."""
        given = nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0)
        state = given.new_zeros(len(x), self.hidden)
        states = []
        for here in given.unbind(1):
            reset_x, update_x, new_x = here.chunk(3, -1)
            kept = nn.functional.linear(state, self.weight_hh_l0, self.bias_hh_l0)
            reset_h, update_h, new_h = kept.chunk(3, -1)
            new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
            update = torch.sigmoid(update_x + update_h)
            state = (1 - update) * new + update * state
            states.append(state)
        return torch.stack(states, 1)


class GRU(nn.Module):
    """`body` gives the states, `head` the logits of all tokens at each place."""

    def __init__(
        self, shape: Sequence[int], classes: int, embedding: int = 8, hidden: int = 128
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise InputError(
                f"Model 'gru' needs sequences of tokens, not samples of shape {tuple(shape)}."
            )
        self.tokens, self.longest = classes, shape[0]
        self.body = nn.Sequential(nn.Embedding(classes, embedding), GRULayer(embedding, hidden))
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, T, classes] of tokens x [B, T]; what stands behind a place has no effect."""
        if x.shape[1] > self.longest:
            raise InputError(
                f"A sequence of {x.shape[1]} tokens is longer than the {self.longest} that the "
                "model allows: cut it, or build the model for longer ones."
            )
        return self.head(self.body(x.long()))
