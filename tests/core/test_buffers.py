"""Batch normalisation that sees no padding, and the three policies for its statistics."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

from unalike.core import Batch, Problem
from unalike.core.buffers import LocalStatistics as KeptByClient
from unalike.core.buffers import ModelWithStatistics, ShareStatistics, with_buffers
from unalike.engines.plan import Plan
from unalike.errors import InputError
from unalike.functional.forward_pass import (
    BatchMoments,
    batch_moments,
    pooled_moments,
    prediction_statistics,
)
from unalike.functional.trees import leaves
from unalike.methods import (
    MEFL,
    Centralised,
    FedAvg,
    FedBN,
    FedPer,
    FedRep,
    LGFedAvg,
    Local,
    PFedMe,
)
from worlds import SINGLE, STACKED, Outcome, World, federation

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
SIZES = (7, 1, 4, 5)
SHAPE = (2, 4, 4)


def network(momentum: float = 0.1, *, affine: bool = True) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(2, 4, 3),
            nn.BatchNorm2d(4, momentum=momentum, affine=affine),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16, 5),
            nn.BatchNorm1d(5, momentum=momentum),
            nn.Tanh(),
            nn.Linear(5, 3),
        ).double()


def samples(sizes: tuple[int, ...] = SIZES) -> tuple[list[Tensor], list[Tensor]]:
    """Clients of different scale, so that their statistics differ."""
    draw = torch.Generator().manual_seed(0)
    x = [
        (i + 1) * torch.randn(n, *SHAPE, generator=draw, dtype=torch.float64) + i
        for i, n in enumerate(sizes)
    ]
    return x, [torch.randint(3, (n,), generator=draw) for n in sizes]


def world(
    buffers: str = "recompute", *, momentum: float = 0.1, test: int = 2, newcomers: Any = ()
) -> World:
    x, y = samples(tuple(n + test for n in SIZES))
    held = federation(x, y, test=[test] * len(x), newcomers=newcomers, classes=3)
    return World(Problem(network(momentum), buffers=buffers), held)


def torch_twin(problem: Problem, w: Tensor, momentum: float = 0.1) -> nn.Module:
    """PyTorch's own network at these weights."""
    module = network(momentum)
    nn.utils.vector_to_parameters(w, module.parameters())
    return module


def batch_of(x: Tensor, y: Tensor, padding: int = 0) -> Batch:
    weight = torch.cat([torch.ones(len(x)), torch.zeros(padding)]).double()
    x = torch.cat([x, 1e3 * torch.ones(padding, *x.shape[1:], dtype=x.dtype)])
    y = torch.cat([y, torch.zeros(padding, dtype=y.dtype)])
    return Batch(x, y, weight, weight.sum(), torch.arange(len(x)))


@pytest.mark.parametrize("padding", [0, 1, 5])
@pytest.mark.parametrize("affine", [True, False])
def test_gradient_is_that_of_batchnorm_on_the_unpadded_batch(padding, affine):
    (x, *_), (y, *_) = samples()
    problem = Problem(network(affine=affine))
    module = network(affine=affine).train()
    loss = nn.functional.cross_entropy(module(x), y)
    known = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, [*module.parameters()])])
    batch = batch_of(x, y, padding)
    torch.testing.assert_close(problem.loss(problem.init(), batch), loss, **CLOSED)
    torch.testing.assert_close(problem.grad(problem.init(), batch), known, **CLOSED)


def test_curvature_does_not_see_padding_either():
    (x, *_), (y, *_) = samples()
    problem = Problem(network())
    w = problem.init()
    v = torch.linspace(-1, 1, len(w), dtype=torch.float64)
    plain, padded = (problem.hvp(w, batch_of(x, y, extra), v) for extra in (0, 4))
    torch.testing.assert_close(plain, padded, **CLOSED)


def test_moments_are_those_of_the_real_rows():
    x = torch.randn(6, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    real = torch.tensor([1.0, 0, 1, 1, 0, 1])
    found = batch_moments(x, real)
    rows = x[real > 0].transpose(0, 1).reshape(3, -1)
    torch.testing.assert_close(found.mean, rows.mean(1), **CLOSED)
    torch.testing.assert_close(found.variance, rows.var(1, correction=0), **CLOSED)
    assert found.values.tolist() == [8, 8, 8]


def test_pooled_moments_are_those_of_everything_and_nothing_adds_nothing():
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = [batch_moments(part, None) for part in x.split([2, 1, 6])]
    whole = batch_moments(x, None)
    for found, known in zip(pooled_moments(parts), whole, strict=True):
        torch.testing.assert_close(found, known, **CLOSED)
    empty = batch_moments(x, torch.zeros(9))
    for found, known in zip(
        pooled_moments([*parts, empty, empty]), pooled_moments(parts), strict=True
    ):
        assert torch.equal(found, known)


@pytest.mark.parametrize(("values", "variance"), [(0.0, 1.0), (1.0, 1.0), (2.0, 8.0)])
def test_a_single_value_has_no_variance(values, variance):
    one = BatchMoments(torch.tensor([2.0]), torch.tensor([4.0]), torch.tensor([values]))
    assert prediction_statistics(one).variance.item() == variance


# recompute


def test_recompute_predicts_like_torch_after_one_pass_over_the_clients_samples():
    here = world()
    result = here.run(FedAvg(lr=0.1), 2, batch_size=3)
    personal = result.personal()
    assert isinstance(personal, ModelWithStatistics)
    found = here_outputs(result, personal)
    x, _ = samples(tuple(n + 2 for n in SIZES))
    for i in (0, 2, 3):  # one sample alone is not enough for torch
        module = torch_twin(here.problem, result.server, momentum=1.0)
        module.train()(x[i][: SIZES[i]])
        known = module.eval()(x[i][SIZES[i] :])
        torch.testing.assert_close(found[i], known, **CLOSED)


def here_outputs(result: Outcome, personal: Any) -> list[Tensor]:
    """Each client's logits on its own test samples."""
    engine = result.engine
    method, federated = engine.method, engine.federation
    return [
        method.predict(
            engine.problem,
            ModelWithStatistics(
                personal.model[i], type(personal.statistics)(*(p[i] for p in personal[1]))
            ),
            federated.x_test[torch.from_numpy(federated.test.rows(i))],
        )
        for i in range(len(engine.rows))
    ]


def test_recompute_leaves_the_methods_messages_alone():
    plain = world().run(FedAvg(lr=0.1), 1, batch_size=3)
    assert plain.history[0].bytes_up == len(SIZES) * 8 * len(plain.server)
    assert isinstance(plain.server, Tensor)


def test_the_global_model_uses_the_statistics_of_all_training_clients():
    here = world(newcomers=[3])
    result = here.run(FedAvg(lr=0.1), 1, batch_size=3)
    engine = result.engine
    x, _ = samples(tuple(n + 2 for n in SIZES))
    first = torch_twin(here.problem, result.server)[0]
    seen = [first(x[i][: SIZES[i]]) for i in range(3)]
    values = torch.cat([s.transpose(0, 1).reshape(4, -1) for s in seen], 1)
    model = engine._with_statistics(result.server)
    torch.testing.assert_close(model.statistics.mean[:4], values.mean(1), **CLOSED)
    torch.testing.assert_close(model.statistics.variance[:4], values.var(1), **CLOSED)
    pooled_losses = engine.predict_pooled(result.server, "test").losses
    assert torch.isfinite(pooled_losses).all()
    assert len(pooled_losses) == 6


def test_several_models_keep_their_statistics_apart():
    """A prediction that calls two models meets each one's own statistics."""

    class Two(FedAvg):
        def personalise(self, problem, down, client, batches):
            return torch.stack([down, 2 * down])

        def predict(self, problem, personal, x):
            return problem.logits(personal[0], x) + problem.logits(personal[1], x)

    here = world()
    both = here.run(Two(lr=0.1), 1)
    total = [torch.zeros(2, 3, dtype=torch.float64)] * len(SIZES)
    for factor in (1, 2):

        class One(FedAvg):
            scale = factor

            def personalise(self, problem, down, client, batches):
                return self.scale * down

        alone = here.run(One(lr=0.1), 1)
        outputs = here_outputs(alone, alone.personal())
        total = [a + b for a, b in zip(total, outputs, strict=True)]
    for found, known in zip(here_outputs(both, both.personal()), total, strict=True):
        torch.testing.assert_close(found, known, **CLOSED)


@pytest.mark.parametrize("buffers", ["recompute", "share", "local"])
def test_a_client_with_one_sample_and_new_clients_get_finite_predictions(buffers):
    here = world(buffers, newcomers=[2])
    result = here.run(FedAvg(lr=0.1), 2, cohort=2, batch_size=3)
    engine = result.engine
    assert torch.isfinite(engine.predict(result.personal(), engine.rows, "test").losses).all()
    adapted = engine.adapt(1, result.server)
    assert torch.isfinite(engine.predict(adapted, engine.new_rows, "test").losses).all()


# share


@pytest.mark.parametrize("epochs", [1, 3])
def test_share_follows_torch_through_the_same_full_batch_steps(epochs):
    """One client: its running statistics and predictions are those of plain PyTorch."""
    x, y = samples((8,))
    here = World(Problem(network(), buffers="share"), federation(x, y, test=[2], classes=3))
    result = here.run(FedAvg(lr=0.1), 2, steps=epochs)
    module = torch_twin(here.problem, result.engine.w)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(2 * epochs):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(x[0][:6]), y[0][:6]).backward()
        optimiser.step()
    known = nn.utils.parameters_to_vector(module.parameters())
    torch.testing.assert_close(result.server.method, known, **CLOSED)
    layers = [part for part in module if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    means = torch.cat([layer.running_mean for layer in layers])
    variances = torch.cat([layer.running_var for layer in layers])
    torch.testing.assert_close(result.server.statistics.mean, means, **CLOSED)
    torch.testing.assert_close(result.server.statistics.variance, variances, **CLOSED)
    found = here_outputs(result, result.personal())[0]
    torch.testing.assert_close(found, module.eval()(x[0][6:]), **CLOSED)


def test_share_averages_with_the_weights_whatever_the_servers_step_is():
    here = world("share")
    whole = here.run(FedAvg(lr=0.1), 1, batch_size=3)
    half = here.run(FedAvg(lr=0.1, server_lr=0.5), 1, batch_size=3)
    for a, b in zip(whole.server.statistics, half.server.statistics, strict=True):
        assert torch.equal(a, b)
    ups = whole.history[0].ups.statistics.mean
    weights = torch.tensor(SIZES, dtype=torch.float64) / sum(SIZES)
    torch.testing.assert_close(whole.server.statistics.mean, weights @ ups, **CLOSED)
    assert whole.history[0].bytes_up == len(SIZES) * 8 * (len(whole.server.method) + 2 * 9)


def test_steps_that_a_client_does_not_take_move_no_statistics():
    """Client 1 has one sample: stacked with larger clients it still takes one step."""
    here = world("share")
    result = here.run(FedAvg(lr=0.1), 1, batch_size=2, plan=STACKED)
    ups = result.history[0].ups
    x, _ = samples(tuple(n + 2 for n in SIZES))
    first = torch_twin(here.problem, result.engine.w)[0]
    once = 0.1 * first(x[1][:1]).transpose(0, 1).reshape(4, -1).mean(1)
    torch.testing.assert_close(ups.statistics.mean[1, :4], once, **CLOSED)


# local


def test_local_statistics_stay_and_go_on_where_they_stopped():
    here = world("local")
    result = here.run(FedAvg(lr=0.1), 2, batch_size=3)
    assert result.history[0].bytes_up == len(SIZES) * 8 * len(result.server)
    assert isinstance(result.server, Tensor)
    x, _ = samples(tuple(n + 2 for n in SIZES))
    start = result.engine.w
    after = result.history[0].server
    mean = torch.zeros(4, dtype=torch.float64)
    for w in (start, after):  # client 1 has one step a round
        seen = torch_twin(here.problem, w)[0](x[1][:1]).transpose(0, 1).reshape(4, -1).mean(1)
        mean = 0.9 * mean + 0.1 * seen
    torch.testing.assert_close(result.states.statistics.mean[1, :4], mean, **CLOSED)
    assert result.engine.method.global_model(result.server) is None


def test_local_clients_that_never_trained_take_the_statistics_of_their_samples():
    fresh = world("local").run(FedAvg(lr=0.1), 0).personal().statistics
    known = world("recompute").run(FedAvg(lr=0.1), 0).personal().statistics
    for a, b in zip(fresh, known, strict=True):
        torch.testing.assert_close(a, b, **CLOSED)


# all policies


@pytest.mark.parametrize("buffers", ["recompute", "share", "local"])
def test_stacked_equals_single(buffers):
    here = world(buffers)
    a, b = (
        here.run(FedAvg(lr=0.1), 3, cohort=3, batch_size=2, plan=plan) for plan in (STACKED, SINGLE)
    )
    for one, other in zip(leaves(a.server), leaves(b.server), strict=True):
        torch.testing.assert_close(one, other, **CLOSED)
    for one, other in zip(leaves(a.personal()), leaves(b.personal()), strict=True):
        torch.testing.assert_close(one, other, **CLOSED)


@pytest.mark.parametrize("buffers", ["recompute", "share", "local"])
def test_no_chunk_size_changes_a_bit(buffers):
    here = world(buffers)
    a, b = (
        here.run(FedAvg(lr=0.1), 2, batch_size=2, plan=Plan("stacked", chunk=chunk, threads=1))
        for chunk in (2, 64)
    )
    for one, other in zip(leaves(a.personal()), leaves(b.personal()), strict=True):
        assert torch.equal(one, other)


def test_differentiated_inner_loops_run_and_write_nothing():
    here = world()
    before = {name: b.clone() for name, b in here.problem.module.named_buffers()}
    result = here.run(MEFL(inner_steps=2, alpha=0.05), 2, batch_size=3)
    assert torch.isfinite(result.server.w).all()
    for name, buffer in here.problem.module.named_buffers():
        assert torch.equal(buffer, before[name])


@pytest.mark.parametrize("method", [MEFL(), PFedMe()])
@pytest.mark.parametrize("buffers", ["share", "local"])
def test_methods_with_several_paths_refuse_running_statistics(method, buffers):
    with pytest.raises(InputError, match=f"buffers='{buffers}' does not suit {method.name}"):
        with_buffers(method, Problem(network(), buffers=buffers))


def test_statistics_travel_only_where_models_do():
    alone = world("share").run(Local(lr=0.1), 2, batch_size=3)
    kept = world("local").run(Local(lr=0.1), 2, batch_size=3)
    assert alone.history[0].bytes_up == 0
    for one, other in zip(leaves(alone.personal()), leaves(kept.personal()), strict=True):
        assert torch.equal(one, other)
    pooled_data = with_buffers(Centralised(), Problem(network(), buffers="local"))
    assert isinstance(pooled_data, ShareStatistics)


@pytest.mark.parametrize("method", [LGFedAvg(lr=0.1), FedBN(lr=0.1), FedRep(private="0,1,4,5")])
def test_layers_that_stay_keep_their_statistics_under_share(method):
    shared, kept = (world(buffers).run(method, 2, batch_size=3) for buffers in ("share", "local"))
    assert isinstance(shared.engine.method, KeptByClient)
    for one, other in zip(leaves(shared.personal()), leaves(kept.personal()), strict=True):
        assert torch.equal(one, other)
    assert shared.history[0].bytes_up == kept.history[0].bytes_up
    said, problem = "running statistics stay with the client", shared.engine.problem
    assert said in shared.engine.method.describe(problem)
    assert said not in kept.engine.method.describe(kept.engine.problem)


def test_layers_that_are_shared_share_their_statistics():
    assert isinstance(with_buffers(FedPer(), Problem(network(), buffers="share")), ShareStatistics)
    unscaled = Problem(network(affine=False), buffers="share")
    assert isinstance(with_buffers(LGFedAvg(private="0,4,5"), unscaled), KeptByClient)


def test_layers_that_stay_beside_layers_that_are_shared_are_refused():
    with pytest.raises(InputError, match="layer '5' stays with the client and layer '1' is shared"):
        with_buffers(FedPer(private="4,5,7"), Problem(network(), buffers="share"))


def test_without_batch_normalisation_the_method_is_itself():
    method = FedAvg()
    problem = Problem(nn.Sequential(nn.Linear(2, 2), nn.GroupNorm(1, 2)), buffers="share")
    assert with_buffers(method, problem) is method
    assert "buffers" not in problem.describe()


def test_the_policy_is_said_with_the_model():
    assert "2 batch normalisation layers, buffers = share" in world("share").problem.describe()


def test_unknown_policy_and_missing_momentum_are_one_sentence():
    with pytest.raises(InputError, match="Unknown policy for buffers 'shared': did you mean"):
        Problem(network(), buffers="shared")
    cumulative = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, momentum=None))
    with pytest.raises(InputError, match="'1' has no momentum"):
        Problem(cumulative, buffers="share")
    assert Problem(cumulative).batch_norm_layers[0].name == "1"


def test_rows_that_are_no_samples_are_refused():
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x.reshape(-1, 2)).reshape(len(x), -1)

    problem = Problem(Folded())
    x = torch.zeros(3, 4)
    with pytest.raises(InputError, match="gets 6 rows for a batch of 3 samples"):
        problem.grad(problem.init(), batch_of(x.float(), torch.zeros(3, dtype=torch.int64)))


def test_a_pretrained_layers_statistics_are_the_start():
    module = network()
    module[1].running_mean += torch.arange(4)
    problem = Problem(copy.deepcopy(module), buffers="share")
    assert problem.start_statistics.mean.tolist() == [0, 1, 2, 3, *[0] * 5]
    assert np.isclose(problem.start_statistics.variance, 1).all()


def test_bare_logits_normalise_by_the_samples_at_hand():
    (x, *_), _ = samples()
    problem = Problem(network())
    w = problem.init()
    torch.testing.assert_close(problem.logits(w, x), network().train()(x), **CLOSED)
    several = vmap(problem.logits, (None, 0))(w, torch.stack([x, 2 * x]))
    torch.testing.assert_close(several[0], problem.logits(w, x), **CLOSED)


class AnyPolicy(PFedMe):
    """pFedMe for whatever policy: what its residual is does not hang on it."""

    buffers = ("recompute", "share", "local")


@pytest.mark.parametrize("buffers", ["recompute", "share", "local"])
def test_residual_is_that_of_gradients_on_the_batch_as_in_training(buffers: str) -> None:
    method = AnyPolicy(lam=2.0, solve_steps=3)
    outcome = world(buffers).run(method, 1)
    engine, server = outcome.engine, outcome.server
    w = server.method if buffers == "share" else server
    held, problem = engine.federation, engine.problem
    for i, theta in enumerate(outcome.personal().model):
        rows = held.train.rows(i)
        batch = batch_of(held.x[rows], held.y[rows])
        left = problem.grad(theta, batch) + 2 * (theta - w)
        share = left.norm() / problem.grad(w, batch).norm()
        torch.testing.assert_close(engine.residuals(1, server)[i], share, **CLOSED)
