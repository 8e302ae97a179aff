"""One NaN anywhere is found, and large numbers that overflow in a sum are not taken for one."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from unalike.functional.finite import BLOCK, finite, finite_rows


class Pair(NamedTuple):
    w: Tensor
    count: Tensor


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("at", [0, 1, BLOCK, BLOCK + 2])
def test_one_bad_number_is_found(bad: float, at: int) -> None:
    w = torch.ones(BLOCK + 3)
    assert finite(Pair(w, torch.tensor(3)))
    w[at] = bad
    assert not finite(Pair(w, torch.tensor(3)))


def test_infinities_of_both_signs_do_not_cancel() -> None:
    assert not finite(torch.tensor([torch.inf, -torch.inf]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_sum_that_overflows_is_no_bad_number(dtype: torch.dtype) -> None:
    assert finite(torch.full((5,), torch.finfo(dtype).max, dtype=dtype))


def test_rows_are_judged_one_by_one() -> None:
    w = torch.zeros(4, 3)
    w[1, 2], w[3, 0] = torch.nan, torch.inf
    assert finite_rows((Pair(w, torch.zeros(4, 0)), torch.ones(4)), 4).tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert finite_rows((torch.zeros(2, 0),), 2).tolist() == [True, True]
