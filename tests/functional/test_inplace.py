"""In-place arithmetic, alone and stacked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from unalike.functional.inplace import add_scaled_


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_alone() -> None:
    total, w = numbers(5), numbers(5) + 1
    known = total + 0.3 * w
    here = add_scaled_(total, w, torch.tensor(0.3, dtype=torch.float64))
    torch.testing.assert_close(here, known)
    assert here.data_ptr() == total.data_ptr()


@pytest.mark.parametrize("w_dim", [None, 0, 1])
@pytest.mark.parametrize("scale_dim", [None, 0])
@pytest.mark.parametrize("total_dim", [0, 1])
def test_stacked(total_dim: int, w_dim: int | None, scale_dim: int | None) -> None:
    total, w, scale = numbers(3, 4), numbers(3, 4) + 1, numbers(3)
    known = total + (scale[:, None] if scale_dim == 0 else scale[0]) * (
        w[0] if w_dim is None else w
    )
    given = (
        total.movedim(0, total_dim),
        w[0] if w_dim is None else w.movedim(0, w_dim),
        scale if scale_dim == 0 else scale[0],
    )
    here = vmap(add_scaled_, (total_dim, w_dim, scale_dim))(*given)
    torch.testing.assert_close(here, known)
    torch.testing.assert_close(total, known)


def test_a_total_for_all_is_not_written_over() -> None:
    total, w, scale = numbers(4), numbers(3, 4), numbers(3)
    with pytest.raises(ValueError, match="cannot be written over"):
        vmap(add_scaled_, (None, 0, 0))(total, w, scale)
