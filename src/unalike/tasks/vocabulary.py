"""Texts as sequences of tokens, one for each character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unalike.errors import InputError

from .sequence import PADDING


@dataclass(frozen=True)
class Vocabulary:
    """The characters that tokens 0..V-1 stand for."""

    characters: tuple[str, ...]

    @staticmethod
    def of(texts: Sequence[str]) -> Vocabulary:
        """All characters of some texts, in the order of Unicode."""
        return Vocabulary(tuple(sorted(set().union(*texts))))

    def encode(
        self, texts: Sequence[str], length: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """x [n, T] and the characters that follow, y [n, T]: T characters of each text at most.

        Behind the end of a text x is 0 and y is -1.

        Raises:
            InputError: a character that is no token, a text too short or longer than T + 1.
        """
        place = {character: at for at, character in enumerate(self.characters)}
        x = np.zeros((len(texts), length), np.int64)
        y = np.full((len(texts), length), PADDING, np.int64)
        for row, text in enumerate(texts):
            if len(text) < 2:
                raise InputError(f"Text {row} has {len(text)} characters; it needs at least two.")
            if len(text) > length + 1:
                raise InputError(
                    f"Text {row} has {len(text)} characters, but {length + 1} are allowed: cut it."
                )
            strange = next((at for at, c in enumerate(text) if c not in place), None)
            if strange is not None:
                raise InputError(
                    f"Text {row} holds the unknown token {text[strange]!r} at place {strange}."
                )
            tokens = [place[c] for c in text]
            x[row, : len(text) - 1] = tokens[:-1]
            y[row, : len(text) - 1] = tokens[1:]
        return x, y

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; padding is left out."""
        return "".join(self.characters[token] for token in tokens if token != PADDING)
