"""Which token comes next? A model puts out, at each place of a sequence, logits of V tokens.

y [n, T] int64: the token after each place, -1 behind the end of a sequence. Padding has no effect
on loss or measures. Baseline: the most frequent token.

    loss          mean over tokens, so long sequences count more than short ones
    accuracy      share of tokens predicted right
    perplexity    exp(mean over tokens of -log p)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unalike.core.loss import Loss, SampleLoss
from unalike.core.named_losses import mixed_probabilities
from unalike.errors import InputError
from unalike.measures.groups import Floats, Ints, by_group, ratio

from .measure import SHARE, Measure
from .samples import Array, Samples
from .sums import Sums, zeros_like
from .task import Baseline, Shape, Strata, Task
from .values import values_of, whole

PADDING = -1


class Parts(NamedTuple):
    """Sums over the tokens of each group."""

    tokens: Floats  # [groups]
    right: Floats  # [groups]
    log_loss: Floats  # [groups]


def _accuracy(sums: Sums) -> Floats:
    return ratio(sums.parts.right, sums.parts.tokens)


def _perplexity(sums: Sums) -> Floats:
    value: Floats = np.exp(ratio(sums.parts.log_loss, sums.parts.tokens))
    return value


def _log_losses(output: Tensor, y: Tensor) -> Tensor:
    """-log p of each token [B, T], 0 for padding."""
    real = y != PADDING
    log_p = torch.log_softmax(torch.where(real[..., None], output, 0), -1)
    said = log_p.gather(-1, torch.where(real, y, 0)[..., None]).squeeze(-1)
    return torch.where(real, -said, 0)


def _tokens(output: Tensor, y: Tensor) -> Tensor:
    return (y != PADDING).sum(-1).to(output.dtype)


ACCURACY = Measure(
    "accuracy",
    "accuracy",
    True,
    _accuracy,
    SHARE,
    (0.0, 1.0),
    meaning="Share of tokens predicted right.",
    formula="right / all",
)
PERPLEXITY = Measure(
    "perplexity",
    "perplexity",
    False,
    _perplexity,
    bounds=(1.0, np.inf),
    meaning="Among how many equally likely tokens a model seems to choose.",
    formula="exp(mean of -log p(token))",
)
NEXT_TOKEN = SampleLoss(
    lambda output, y: _log_losses(output, y).sum(-1),
    denominators=_tokens,
    mixture=mixed_probabilities,
)


@dataclass(frozen=True)
class Sequence(Task):
    """The next token of a sequence."""

    tokens: int  # V
    length: int  # T, of the longest

    name: ClassVar[str] = "sequence"
    title: ClassVar[str] = "the next token"
    usual: ClassVar[str] = "accuracy"
    standard_measures: ClassVar[tuple[Measure, ...]] = (ACCURACY, PERPLEXITY)

    @classmethod
    def read(cls, y: Any, *, name: str = "y", tokens: int | None = None) -> tuple[Task, Array]:
        """Tokens 0..V-1 [n, T], -1 for padding, or lists of different lengths.

        tokens: V, where some may not occur.
        """
        if isinstance(y, (list, tuple)):
            y = padded(y)
        array = values_of(y, name)
        if array.ndim != 2 or array.dtype.kind not in "biuf" or not whole(array):
            raise InputError(
                f"{name} must be whole numbers [sequences, places], one for each token, but its "
                f"shape is {list(array.shape)} and its type {array.dtype}."
            )
        array = array.astype(np.int64)
        task = cls(int(array.max()) + 1 if tokens is None else tokens, array.shape[1])
        task.check_tokens(np.where(array == PADDING, 0, array), name)
        empty = (array == PADDING).all(1)
        if empty.any():
            raise InputError(f"Sequence {empty.argmax()} of {name} has no token: leave it out.")
        return task, array

    def check_tokens(self, array: Array, name: str) -> None:
        """Raise InputError where one of these [n, T] is no token."""
        wrong = (array < 0) | (array >= self.tokens)
        if wrong.any():
            row, place = np.argwhere(wrong)[0]
            raise InputError(
                f"Sequence {row} of {name} holds the unknown token {array[row, place]} at place "
                f"{place}: tokens are 0..{self.tokens - 1}."
            )

    @classmethod
    def of(cls, outputs: int, y_shape: Shape = (), names: tuple[str, ...] = ()) -> Sequence:
        return cls(outputs, *y_shape)

    @property
    def outputs(self) -> Shape:
        return (self.length, self.tokens)

    @property
    def needs(self) -> str:
        return f"one for each of {self.tokens} tokens at each of {self.length} places"

    @property
    def losses(self) -> Mapping[str, Loss]:
        return {"next_token": NEXT_TOKEN}

    def predictions(self, output: Tensor) -> dict[str, Tensor]:
        return {"prediction": output.argmax(-1), "probability": torch.softmax(output, -1)}

    def reduced(self, output: Tensor, y: Tensor) -> Tensor:
        """Tokens, those predicted right, and the sum of -log p: [n, 3]."""
        right = ((output.argmax(-1) == y) & (y != PADDING)).sum(-1).to(output.dtype)
        return torch.stack([_tokens(output, y), right, _log_losses(output, y).sum(-1)], -1)

    def parts(self, samples: Samples, sizes: Ints, addable: bool) -> Parts:
        return Parts(*by_group(samples.output.astype(np.float64), sizes).T)

    def sample_scores(self, samples: Samples, sizes: Ints) -> Floats:
        """By first order: a sequence of more tokens counts for more."""
        tokens, right = samples.output.astype(np.float64).T[:2]
        mean = np.repeat(by_group(tokens, sizes) / np.maximum(1, sizes), sizes)
        accuracy = np.repeat(ratio(by_group(right, sizes), by_group(tokens, sizes)), sizes)
        return accuracy + (right - accuracy * tokens) / mean

    def possible(self, parts: Parts, sizes: Floats) -> bool:
        right, tokens = parts.right, parts.tokens
        return bool(((right >= 0) & (right <= tokens) & (tokens <= sizes * self.length)).all())

    def without_details(self, parts: Parts) -> Parts:
        nothing: Parts = zeros_like(parts)
        return nothing._replace(tokens=parts.tokens, right=parts.right)

    def no_truth(self) -> Tensor:
        return torch.zeros(0, self.length, dtype=torch.int64)

    def baseline(self, y: Array) -> Baseline:
        said = y[y != PADDING]
        held = np.bincount(said, minlength=self.tokens)
        share = torch.from_numpy((held + 1) / (held.sum() + len(held))).log().to(torch.float32)
        top = int(held.argmax())
        name = "the most frequent token"
        text = f"{name}: {top}, {SHARE.text(held[top] / len(said))} of them"
        return Baseline(name, text, share.expand(self.length, self.tokens))

    def strata(self, y: Array) -> Strata:
        first = y[np.arange(len(y)), (y != PADDING).argmax(1)]
        return Strata(
            tuple(map(str, range(self.tokens))), first, "Sequences count by their first token."
        )


def padded(sequences: Any) -> Array:
    """Lists of tokens of different lengths, with -1 behind their ends: [n, T]."""
    rows = [np.asarray(row) for row in sequences]
    longest = max(map(len, rows), default=0)
    array = np.full(
        (len(rows), longest), PADDING, np.result_type(np.int64, *{row.dtype for row in rows})
    )
    for at, row in enumerate(rows):
        array[at, : len(row)] = row
    return array
