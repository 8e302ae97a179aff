"""No method's results depend on who stays in a stack to the end."""

from __future__ import annotations

import pytest
import torch

from test_every_method import every_method, trial
from unalike.core import local_steps, stacked_steps
from unalike.core.plain_descent import PlainDescent
from unalike.functional.trees import leaves
from unalike.testing import STACKED


@every_method
def test_leaving_the_stack_changes_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that stay to the end and are masked, and clients that leave as soon as can be."""
    known = trial(name).usual()
    with monkeypatch.context() as patch:
        patch.setattr(local_steps, "stack_of", lambda tensor: None)
        patch.setattr(PlainDescent, "through", lambda *_: None)
        masked = trial(name).trained(2, plan=STACKED)
    monkeypatch.setattr(stacked_steps, "WORTH", 0)
    monkeypatch.setattr(stacked_steps, "SIZES", range(2, 100))
    left = trial(name).trained(2, plan=STACKED)
    for other in (masked, left):
        for one, two in (
            (known.server, other.server),
            (known.states, other.states),
            (known.history[-1].ups, other.history[-1].ups),
        ):
            for a, b in zip(leaves(one), leaves(two), strict=True):
                assert torch.equal(a.nan_to_num(7.5), b.nan_to_num(7.5))
        assert [r.gradients for r in known.history] == [r.gradients for r in other.history]
