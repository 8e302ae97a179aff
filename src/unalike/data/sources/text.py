"""Text as numbers: TF-IDF of words and word pairs, then their 512 principal directions.

What is learned (the words, how rare each is, the directions) comes from the texts given to
`fit_text` alone. The directions are those of the uncentred table, which so stays sparse.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

from .source import Transform

DIRECTIONS = 512


def fit_text(texts: npt.NDArray[Any]) -> Transform:
    """Learn from texts [n] of type str how to turn texts [m] into numbers [m, 512].

    A word or pair counts once two texts hold it. Fewer texts or words than directions leave the
    last columns 0. The same texts give the same bits, however many threads there are.

    Raises:
        InputError: no word occurs in two texts.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    try:
        table = terms.fit_transform(texts)
    except ValueError as error:
        raise InputError(
            f"The {len(texts)} training texts share no words, so that nothing can be learned from "
            "them: ask for more clients."
        ) from error
    directions = TruncatedSVD(min(DIRECTIONS, *table.shape), random_state=0)
    with threadpool_limits(1):
        directions.fit(table)

    def transform(texts: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        x = np.zeros((len(texts), DIRECTIONS), np.float32)
        with threadpool_limits(1):
            x[:, : directions.n_components] = directions.transform(terms.transform(texts))
        return x

    return transform
