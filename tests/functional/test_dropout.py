"""Dropout from the run's streams: the same masks however clients are stacked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

from unalike.core import Batch, Problem
from unalike.engines.plan import Plan
from unalike.functional import streams
from unalike.functional.dropout import StreamedDropout
from unalike.functional.forward_pass import ForwardPass, set_forward_pass
from unalike.functional.trees import leaves
from unalike.methods import MEFL, FedAvg, Scaffold
from worlds import SINGLE, STACKED, World, blobs


def world(p: float = 0.4) -> World:
    """Ragged clients with a network that drops."""
    here = blobs(newcomers=[4])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(p), nn.Linear(8, 3)).double()
    return World(Problem(net), here.federation)


def mask(layer: StreamedDropout, key: Tensor, *shape: int) -> Tensor:
    """What the layer makes of ones."""
    with set_forward_pass(ForwardPass(key=key)):
        return layer(torch.ones(shape, dtype=torch.float64))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_units_are_kept_at_the_right_rate_and_scaled(p):
    found = mask(StreamedDropout(p, channels=False), torch.tensor(5), 400, 250)
    kept = found > 0
    assert abs(float(kept.double().mean()) - (1 - p)) < 4 * (p * (1 - p) / 1e5) ** 0.5
    torch.testing.assert_close(found[kept], torch.full_like(found[kept], 1 / (1 - p)))
    by_row, by_column = kept.double().mean(1), kept.double().mean(0)
    assert by_row.std() < 1.3 * (p * (1 - p) / 250) ** 0.5
    assert by_column.std() < 1.3 * (p * (1 - p) / 400) ** 0.5


def test_whole_channels_drop_together():
    found = mask(StreamedDropout(0.5, channels=True), torch.tensor(5), 60, 7, 3, 3)
    assert torch.equal(found, found[:, :, :1, :1].expand_as(found))
    assert 0 < float((found[:, :, 0, 0] > 0).double().mean()) < 1
    assert len(torch.unique(found[:, :, 0, 0], dim=0)) > 1


@pytest.mark.parametrize(("p", "value"), [(0.0, 1.0), (1.0, 0.0)])
def test_all_or_nothing(p, value):
    found = mask(StreamedDropout(p, channels=False), torch.tensor(5), 3, 4)
    assert torch.equal(found, torch.full_like(found, value))


def test_each_layer_of_a_pass_has_a_mask_of_its_own():
    layer = StreamedDropout(0.5, channels=False)
    with set_forward_pass(ForwardPass(key=torch.tensor(5))):
        first, second = layer(torch.ones(9, 9)), layer(torch.ones(9, 9))
    assert not torch.equal(first, second)


def test_stacked_keys_give_the_masks_of_single_ones():
    layer = StreamedDropout(0.5, channels=False)
    keys = streams.client_keys(0, "train", 1, torch.arange(4))
    stacked = vmap(lambda key: mask(layer, key, 5, 6))(keys)
    assert torch.equal(stacked, torch.stack([mask(layer, key, 5, 6) for key in keys]))
    assert len({tuple(row.flatten().tolist()) for row in stacked}) == 4


def test_no_chunk_size_changes_a_bit_and_single_agrees():
    here = world()
    results = [
        here.run(FedAvg(lr=0.1), 3, steps=2, batch_size=4, plan=plan)
        for plan in (Plan("stacked", 2, 1), Plan("stacked", 64, 1), SINGLE)
    ]
    assert torch.equal(results[0].server, results[1].server)
    torch.testing.assert_close(results[0].server, results[2].server, atol=1e-9, rtol=1e-9)


def test_dropout_is_really_on_in_training_and_off_in_prediction():
    dropping, plain = world(0.4), world(0.0)
    a, b = (w.run(FedAvg(lr=0.1), 1, batch_size=4) for w in (dropping, plain))
    assert torch.equal(a.engine.w, b.engine.w)
    assert not torch.allclose(a.server, b.server)
    x = dropping.federation.x_test
    assert torch.equal(dropping.problem.logits(a.server, x), plain.problem.logits(a.server, x))
    one, other = (a.engine.predict(a.personal(), a.engine.rows, "test").losses for _ in range(2))
    assert torch.equal(one, other)


def test_rounds_seeds_and_steps_draw_differently():
    here = world()
    engine = here.engine(FedAvg(), batch_size=4)
    keys = []

    class Peek(FedAvg):
        def client_update(self, problem, down, client, batches):
            keys.extend(turn.batch.key for turn in batches)
            keys.extend(turn.batch.key for turn in batches.exactly(3))
            return client, down

    for seed in (0, 1):
        engine = here.engine(Peek(), seed=seed, steps=2, batch_size=4, plan=SINGLE)
        for t in (1, 2):
            engine.train(t, torch.tensor([0]).numpy(), engine.w[None])
    by_run = torch.stack(keys).reshape(4, -1)
    epochs, exactly = by_run[:, :-3], by_run[:, -3:]
    assert len(epochs.unique()) == epochs.numel()
    assert torch.equal(epochs[:, :3], exactly)


def test_a_step_differentiated_again_drops_the_same_units():
    here = world()
    batch = Batch(
        here.federation.x[:5],
        here.federation.y[:5],
        torch.ones(5, dtype=torch.float64),
        torch.tensor(5.0, dtype=torch.float64),
        torch.arange(5),
        torch.tensor(7),
    )
    w = here.problem.init()
    v = torch.linspace(-1, 1, len(w), dtype=torch.float64)
    step = 1e-5
    ahead = here.problem.grad(w + step * v, batch)
    behind = here.problem.grad(w - step * v, batch)
    torch.testing.assert_close(
        here.problem.hvp(w, batch, v), (ahead - behind) / (2 * step), atol=1e-7, rtol=1e-6
    )
    assert not torch.allclose(
        here.problem.grad(w, batch), here.problem.grad(w, batch._replace(key=torch.tensor(8)))
    )


@pytest.mark.parametrize("method", [MEFL(inner_steps=3, alpha=0.1), Scaffold()])
def test_methods_with_inner_loops_agree_stacked_and_single(method):
    here = world()
    stacked, single = (here.run(method, 2, batch_size=4, plan=plan) for plan in (STACKED, SINGLE))
    for a, b in zip(leaves(stacked.server), leaves(single.server), strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


def test_torchs_own_generator_is_left_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    world().run(FedAvg(), 1, batch_size=4)
    assert torch.equal(torch.get_rng_state(), before)
