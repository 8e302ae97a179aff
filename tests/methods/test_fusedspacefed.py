"""FusedSpaceFed against hand-written rounds, FedAvg and its closed forms."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import Contract
from fusedspacefed_worlds import Times, fused_world, scalars
from unalike.core import Problem
from unalike.errors import InputError
from unalike.methods import FedAvg, FusedSpaceFed
from unalike.models import build
from unalike.models.fused import FusedNet
from worlds import ROUNDING, SINGLE, STACKED, World, blobs, federation

CONTRACT = Contract(down=lambda problem: 39, up=lambda problem: 39, world=fused_world)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
SLOPES, SIZES = np.asarray([1.0, -3.0, 4.0]), [2, 4, 6]
SHARES = np.asarray(SIZES) / 12
PLAIN = {"autoencoder_solver": "sgd", "lr": 0.1, "autoencoder_lr": 0.05}


@pytest.mark.proof("fixed point", "a new encoder goes to 1/d at rate 1 - 2 eta d^2, labels unread")
def test_newcomers_warm_up_without_labels() -> None:
    method = FusedSpaceFed(**PLAIN, adapt_epochs=7)
    world = scalars(SLOPES, sizes=SIZES, newcomers=[1])
    done = world.run(method, 3)
    engine = done.engine
    d = float(done.server.decoder)
    found = engine.adapt(3, done.server)[0]
    exact = 1 / d + (1 - 2 * 0.05 * d * d) ** 7 * (0.5 - 1 / d)
    assert float(found[0]) == pytest.approx(exact, abs=1e-12)
    assert torch.equal(found[1:], torch.cat([done.server.decoder, done.server.classifier]))
    unlabelled = World(
        world.problem, replace(world.federation, y=torch.full_like(world.federation.y, torch.nan))
    )
    again = unlabelled.engine(method)
    assert torch.equal(again.adapt(3, done.server)[0], found)


@pytest.mark.proof("fixed point", "d e_i = 1 for every client, and c = sum p slope / 2")
@pytest.mark.parametrize("preset", ["paper", "code"])
def test_fixed_point(preset: Any) -> None:
    method = FusedSpaceFed(preset=preset, autoencoder_solver="sgd", lr=0.1, autoencoder_lr=0.08)
    slopes = SLOPES if preset == "code" else np.full(3, 4.0)
    done = scalars(slopes, sizes=SIZES).run(method, 120)
    product = done.states.encoder * done.server.decoder
    torch.testing.assert_close(product, torch.ones_like(product), **CLOSED)
    assert float(done.server.classifier) == pytest.approx((SHARES * slopes).sum() / 2, abs=1e-9)


PULL = 0.3


def warmed(e: Any, d: float, steps: int) -> Any:
    """Steps down (d e - 1)^2 + PULL (e - 0.5)^2 by e."""
    best = (d + PULL * 0.5) / (d * d + PULL)
    return best + (1 - 2 * 0.05 * (d * d + PULL)) ** steps * (e - best)


@pytest.mark.proof(
    "fixed point", "apart: warm-up, then shape, then class on the new shape, by hand"
)
def test_split_rounds_by_hand() -> None:
    method = FusedSpaceFed(preset="code", warmup_epochs=3, l2sp=PULL, **PLAIN)
    done = scalars(SLOPES, sizes=SIZES, classifier=0.3).run(method, 2, steps=2)
    e, server_d, server_c = np.full(3, 0.5), 1.0, 0.3
    for _ in range(2):
        e, d, c = warmed(e, server_d, 3), np.full(3, server_d), np.full(3, server_c)
        for _ in range(2):
            gap = d * e - 1
            e, d = e - 0.05 * 2 * (gap * d + PULL * (e - 0.5)), d - 0.05 * 2 * gap * e
            z = 1 + d * e
            c = c - 0.1 * (c * z - SLOPES) * z
        server_d, server_c = (SHARES * d).sum(), (SHARES * c).sum()
    assert float(done.server.decoder) == pytest.approx(server_d, abs=1e-12)
    assert float(done.server.classifier) == pytest.approx(server_c, abs=1e-12)
    torch.testing.assert_close(done.states.encoder[:, 0], torch.from_numpy(e), **CLOSED)


@pytest.mark.proof(
    "fixed point", "jointly: one gradient of class loss + lambda shape loss, by hand"
)
def test_joint_rounds_by_hand() -> None:
    method = FusedSpaceFed(preset="paper", lam=0.7, l2sp=PULL, **PLAIN)
    done = scalars(SLOPES, sizes=SIZES, classifier=0.3).run(method, 2, steps=2)
    e, server_d, server_c = np.full(3, 0.5), 1.0, 0.3
    for _ in range(2):
        e, d, c = warmed(e, server_d, 1), np.full(3, server_d), np.full(3, server_c)
        for _ in range(2):
            wrong, gap = c * (1 + d * e) - SLOPES, d * e - 1
            by_product = wrong * c + 2 * 0.7 * gap
            e, d, c = (
                e - 0.05 * (by_product * d + 2 * PULL * (e - 0.5)),
                d - 0.05 * by_product * e,
                c - 0.1 * wrong * (1 + d * e),
            )
        server_d, server_c = (SHARES * d).sum(), (SHARES * c).sum()
    assert float(done.server.decoder) == pytest.approx(server_d, abs=1e-12)
    assert float(done.server.classifier) == pytest.approx(server_c, abs=1e-12)
    torch.testing.assert_close(done.states.encoder[:, 0], torch.from_numpy(e), **CLOSED)


@pytest.mark.proof("fixed point", "l2sp: the encoder's optimum is (d + l e0) / (d^2 + l)")
def test_pull_towards_the_start() -> None:
    method = FusedSpaceFed(l2sp=0.5, autoencoder_solver="sgd", autoencoder_lr=0.1, adapt_epochs=20)
    world = scalars(SLOPES, newcomers=[0], encoder=1.5, decoder=2.0)
    engine = world.engine(method)
    server = method.init_server(engine.problem, engine.w, engine.population)
    encoder = float(engine.adapt(0, server)[0, 0])
    assert encoder == pytest.approx((2 + 0.5 * 1.5) / (4 + 0.5), abs=1e-9)


@pytest.mark.proof("limit", "a decoder of zeros that never learns: FedAvg's classifier")
@pytest.mark.parametrize("task_aware", [False, True])
def test_nothing_fused_is_fedavg(task_aware: bool) -> None:
    method = FusedSpaceFed(task_aware=task_aware, autoencoder_lr=0.0)
    world = fused_world()
    classifier = Problem(world.problem.module.classifier)
    w = world.problem.init()
    w[14:32] = 0  # the decoder, after the encoder's 14 numbers
    options: dict[str, Any] = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    fused = world.run(method, 3, w=w, **options)
    plain = World(classifier, world.federation).run(FedAvg(), 3, w=w[32:].clone(), **options)
    limits = CLOSED if task_aware else ROUNDING
    torch.testing.assert_close(fused.server.classifier, plain.server, **limits)
    assert method.vacuous(world.problem)
    assert FusedSpaceFed().vacuous(world.problem) is None


@pytest.mark.proof("limit", "and with batch normalisation: FedAvg's running statistics")
@pytest.mark.parametrize("task_aware", [False, True])
@pytest.mark.parametrize("buffers", ["share", "local"])
def test_running_statistics_are_those_of_the_classifier(task_aware: bool, buffers: str) -> None:
    held = blobs().federation
    with torch.random.fork_rng():
        torch.manual_seed(2)
        top = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3))
        net = FusedNet(nn.Linear(6, 2), nn.Linear(2, 6), top).double()
    for number in net.decoder.parameters():
        nn.init.zeros_(number)
    method = FusedSpaceFed(task_aware=task_aware, autoencoder_lr=0.0)
    both, alone = Problem(net, buffers=buffers), Problem(top, buffers=buffers)
    fused = World(both, held).run(method, 3, batch_size=4, w=both.init())
    plain = World(alone, held).run(FedAvg(), 3, batch_size=4, w=alone.init())
    mine, known = fused.personal(), plain.personal()
    torch.testing.assert_close(mine.statistics, known.statistics, **CLOSED)
    torch.testing.assert_close(mine.model[:, 32:], known.model, **CLOSED)
    assert not torch.equal(known.statistics.mean, torch.zeros_like(known.statistics.mean))


@pytest.mark.proof("limit", "the presets are these switches")
def test_presets() -> None:
    def run(**settings: Any) -> Tensor:
        return fused_world().run(FusedSpaceFed(**settings), 2, batch_size=4).personal()

    paper, code = run(preset="paper"), run(preset="code")
    assert torch.equal(paper, run())
    assert torch.equal(paper, run(preset="code", task_aware=True, warmup_epochs=1))
    assert torch.equal(code, run(preset="paper", task_aware=False, warmup_epochs=2))
    assert not torch.equal(paper, run(task_aware=False))
    assert not torch.equal(paper, run(warmup_epochs=2))


@pytest.mark.proof("invariant", "warm-up moves the encoder alone, downhill in reconstruction")
def test_warm_up() -> None:
    world = fused_world(newcomers=(0,))
    engine = world.engine(FusedSpaceFed(autoencoder_lr=0.05), batch_size=4)
    start = engine.w
    server = engine.method.init_server(engine.problem, start, engine.population)
    adapted = engine.adapt(0, server)[0]
    x, rows = world.federation.x, world.federation.train.rows(0)

    def error(w: Tensor) -> float:
        views = world.problem.layout.views(w)
        code = torch.tanh(x[rows] @ views["encoder.0.weight"].T + views["encoder.0.bias"])
        again = code @ views["decoder.weight"].T + views["decoder.bias"]
        return float((again - x[rows]).square().mean())

    assert torch.equal(adapted[14:], start[14:])
    assert error(adapted) < error(start)


@pytest.mark.proof("invariant", "encoders stay: decoder and classifier are the same for all")
def test_only_decoder_and_classifier_are_shared() -> None:
    done = fused_world().run(FusedSpaceFed(), 3, batch_size=4)
    shared = torch.cat([done.server.decoder, done.server.classifier])
    assert shared.shape == (39,)
    assert all(torch.equal(w[14:], shared) for w in done.personal())
    assert torch.equal(done.personal()[:, :14], done.states.encoder)
    assert len({tuple(e.tolist()) for e in done.states.encoder}) == 6


@pytest.mark.proof("limit", "encoders that do not persist start every round at the common start")
def test_forgetting_encoders() -> None:
    forgetful = FusedSpaceFed(persist_encoder=False)
    done = fused_world().run(forgetful, 2, batch_size=4)
    fresh = fused_world().engine(forgetful, batch_size=4)
    server = done.history[0].server
    ids = np.arange(6)
    fresh.train(2, ids, fresh.broadcast(server, ids))
    assert torch.equal(fresh.states.encoder, done.states.encoder)
    lasting = fused_world().run(FusedSpaceFed(), 2, batch_size=4)
    assert not torch.equal(lasting.states.encoder, done.states.encoder)


@pytest.mark.parametrize("fusion", ["sum", "concat"])
def test_fusions_learn(fusion: str) -> None:
    world = fused_world(fusion=fusion)
    done = world.run(FusedSpaceFed(), 10, batch_size=4)
    before, after = (
        float(done.engine.predict(w, done.engine.rows, "test").losses.mean())
        for w in (done.engine.w.expand(6, -1), done.personal())
    )
    assert after < before


@pytest.mark.parametrize(
    "model",
    [
        "fused:preset=paper,classifier=mlp",
        "fused:preset=code,classifier=mlp",
        "fused:preset=code,fusion=concat,latent=3,classifier=logistic",
        "fused:skips=on,classifier=resnet20",
    ],
)
def test_images(model: str) -> None:
    net = build(model, shape=(2, 4, 4), classes=2, seed=0).double()
    rng = np.random.default_rng(0)
    x = [torch.from_numpy(rng.normal(size=(5, 2, 4, 4))) for _ in range(2)]
    y = [torch.from_numpy(rng.integers(2, size=5)) for _ in range(2)]
    world = World(Problem(net), federation(x, y, test=[2, 2], classes=2))
    stacked, single = (
        world.run(FusedSpaceFed(), 1, batch_size=3, plan=plan) for plan in (STACKED, SINGLE)
    )
    torch.testing.assert_close(stacked.personal(), single.personal(), **CLOSED)


def test_vectors() -> None:
    net = build("fused:latent=2", shape=(6,), classes=3, seed=0).double()
    done = World(Problem(net), blobs().federation).run(FusedSpaceFed(), 1, batch_size=4)
    assert torch.isfinite(done.personal()).all()
    with pytest.raises(InputError, match="skip connections for images only"):
        build("fused:preset=code", shape=(6,), classes=3, seed=0)


def test_the_settings_are_described() -> None:
    problem = fused_world().problem
    line = FusedSpaceFed(preset="code").describe(problem)
    assert "encoder (14 numbers)" in line
    assert "apart, 2 epochs" in line


def start(problem: Problem) -> Any:
    return FusedSpaceFed().init_client(problem, problem.init())


def test_a_model_without_the_three_parts() -> None:
    with pytest.raises(InputError, match="no encoder and no decoder and no classifier"):
        start(blobs().problem)
    half = nn.Module()
    half.encoder, half.classifier = nn.Linear(2, 2), nn.Linear(2, 2)
    with pytest.raises(InputError, match=r"has no decoder; use the model 'fused'"):
        start(Problem(half))
    with pytest.raises(InputError, match="no encoder"):
        start(Problem.from_function(lambda w, x, y: w.sum() + x, torch.zeros(2)))


def test_parts_that_do_not_fit() -> None:
    twin = Times(1.0)
    with pytest.raises(InputError, match="share no weights"):
        start(Problem(FusedNet(twin, twin, Times(1.0))))
    extra = FusedNet(Times(1.0), Times(1.0), Times(1.0))
    extra.more = nn.Parameter(torch.zeros(2).double())
    with pytest.raises(InputError, match="'more' belongs to none"):
        start(Problem(extra))
    normalising = nn.Sequential(nn.Linear(6, 2), nn.BatchNorm1d(2))
    with pytest.raises(InputError, match="functions of one sample"):
        start(Problem(FusedNet(normalising, nn.Linear(2, 6), nn.Linear(6, 3))))
    short = FusedNet(nn.Linear(6, 2), nn.Linear(2, 1), nn.Linear(6, 3)).double()
    with pytest.raises(InputError, match="must have the shape of its input"):
        World(Problem(short), blobs().federation).run(FusedSpaceFed(), 1)
    with pytest.raises(InputError, match="sum or concat"):
        FusedNet(twin, twin, twin, "product")  # type: ignore[arg-type]
