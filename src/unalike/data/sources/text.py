"""Text as numbers: TF-IDF of words and word pairs, then their 512 principal directions.

What is learned (the words, how rare each is, the directions) comes from the texts given to
`fit_text` alone. The directions are those of the uncentred table, which so stays sparse.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

DIRECTIONS = 512


@dataclass(frozen=True, eq=False)
class TextComponents:
    """How to turn texts [m] into numbers [m, width]."""

    terms: Any  # a fitted TfidfVectorizer
    directions: npt.NDArray[np.float32]  # [components, terms]
    width: int

    def __call__(self, texts: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Texts [m] -> [m, width]; columns beyond the components are 0."""
        from sklearn.utils.extmath import safe_sparse_dot
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        x = np.zeros((len(texts), self.width), np.float32)
        with threadpool_limits(1):
            x[:, : len(self.directions)] = safe_sparse_dot(
                self.terms.transform(texts), self.directions.T
            )
        return x

    def to_dict(self) -> dict[str, Any]:
        """As plain values; arrays as base64 of their little-endian bytes."""
        return {
            "terms": list(self.terms.get_feature_names_out()),
            "rarity": _packed(self.terms.idf_),
            "directions": _packed(self.directions),
            "width": self.width,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> TextComponents:
        """What `to_dict` gave."""
        terms = _vectorizer(vocabulary=plain["terms"])
        terms.idf_ = _unpacked(plain["rarity"])
        directions = _unpacked(plain["directions"]).reshape(-1, len(plain["terms"]))
        return cls(terms, directions, plain["width"])


def fit_text(parts: Sequence[npt.NDArray[Any]], width: int | None = DIRECTIONS) -> TextComponents:
    """Learn from the texts of each client, type str, how to turn texts into numbers.

    A word or pair counts once two texts hold it. Fewer texts or words than directions leave the
    last columns 0, or are all there are where `width` is None and at most 100. The same texts give
    the same bits, however many threads there are.

    Raises:
        InputError: no word occurs in two texts.
    """
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    texts = np.concatenate(list(parts))
    terms = _vectorizer(min_df=2)
    try:
        table = terms.fit_transform(texts)
    except ValueError as error:
        raise InputError(
            f"The {len(texts)} training texts share no words, so that nothing can be learned from "
            "them: ask for more clients."
        ) from error
    svd = TruncatedSVD(min(width or FEW_DIRECTIONS, *table.shape), random_state=0)
    with threadpool_limits(1):
        svd.fit(table)
    return TextComponents(terms, svd.components_, width or svd.components_.shape[0])


FEW_DIRECTIONS = 100
"""For one column of a table; the number that scikit-learn recommends for latent semantics."""


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32, **options)


def _packed(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode("ascii")


def _unpacked(text: str) -> npt.NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)
