"""Rows that several clients have in common are kept once, whatever block they come in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unalike.study.distinct_rows import DistinctRows, first_alike, word_sums, words_of


@pytest.mark.parametrize("width", [1, 3, 65])
@pytest.mark.parametrize("kind", [torch.float32, torch.int64, torch.float64])
def test_every_place_has_its_row_and_no_row_comes_twice(width: int, kind: torch.dtype) -> None:
    luck = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 2, (60, width), generator=luck).to(kind)
    distinct = DistinctRows()
    places = np.random.default_rng(0).permutation(60)
    for block in np.array_split(places, 7):
        distinct.add(block, rows[block])
    assert torch.equal(distinct.rows[distinct.places], rows)
    assert len(distinct.rows) == len(torch.unique(rows, dim=0))


def test_one_row_for_many_places() -> None:
    distinct = DistinctRows()
    distinct.add(np.asarray([3, 0]), torch.tensor([[1.0, 2.0]]))
    distinct.add(np.asarray([1, 2]), torch.tensor([[1.0, 2.0], [5.0, 2.0]]))
    assert distinct.places.tolist() == [0, 0, 1, 0]
    assert distinct.rows.tolist() == [[1.0, 2.0], [5.0, 2.0]]


def test_rows_of_one_sum_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Equal:
        def integers(self, low: int, high: int, size: int, kind: type) -> np.ndarray:
            return np.ones(size, kind)

    monkeypatch.setattr(np.random, "default_rng", lambda _: Equal())
    rows = torch.tensor([[1, 2], [2, 1], [1, 2], [2, 1]])
    words = words_of(rows)
    first, inverse = first_alike(words, word_sums(words))
    assert torch.equal(rows[torch.from_numpy(first)][torch.from_numpy(inverse)], rows)
    distinct = DistinctRows()
    distinct.add(np.arange(4), rows)
    distinct.add(np.arange(4, 8), rows.flip(0))
    assert torch.equal(distinct.rows[distinct.places], torch.cat([rows, rows.flip(0)]))
    assert len(distinct.rows) == 2


def test_scalars_of_each_client() -> None:
    distinct = DistinctRows()
    distinct.add(np.arange(3), torch.tensor([2, 2, 5]))
    assert distinct.rows[distinct.places].tolist() == [2, 2, 5]
