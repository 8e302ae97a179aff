"""Every method trains and predicts with batch normalisation and dropout in its model."""

from __future__ import annotations

import pytest
import torch

from normalised_worlds import normalised
from unalike.functional.trees import leaves
from unalike.methods import METHODS
from worlds import SINGLE, STACKED

POLICIES = [(name, buffers) for name, cls in METHODS.items() for buffers in cls.buffers]


@pytest.mark.parametrize(
    ("name", "buffers"),
    [
        pytest.param(name, buffers, marks=[] if buffers == "recompute" else pytest.mark.slow)
        for name, buffers in POLICIES
    ],
)
def test_every_method_trains_and_predicts_with_batchnorm_and_dropout(name, buffers):
    here = normalised(name, buffers)
    stacked, single = (
        here.run(METHODS[name](), 1, batch_size=4, plan=plan) for plan in (STACKED, SINGLE)
    )
    for one, other in zip(leaves(stacked.personal()), leaves(single.personal()), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)
    engine = stacked.engine
    measured = [
        engine.predict(stacked.personal(), engine.rows, "test"),
        engine.predict(engine.adapt(1, stacked.server), engine.new_rows, "test"),
    ]
    shared = engine.method.global_model(stacked.server)
    if shared is not None:
        measured.append(engine.predict_pooled(shared, "test"))
    for predictions in measured:
        assert len(predictions.losses)
        assert torch.isfinite(predictions.losses).all()


def test_every_method_knows_a_policy():
    assert {name for name, buffers in POLICIES if buffers == "recompute"} == set(METHODS)
