"""FedAS against pencil and paper, and FedPer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from contract import Contract
from unalike.core import Problem, parts
from unalike.core.features import body
from unalike.errors import InputError
from unalike.methods import FedAS, FedPer
from worlds import World, blobs, federation

CONTRACT = Contract(down=lambda problem: 56, up=lambda problem: 56, up_more=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}
FEATURES, DEPTH, CLASSES = 4, 3, 3
NO_ALIGNMENT = {"align_epochs": 0}


def linear(x: list[Tensor], y: list[Tensor], **kwargs: object) -> World:
    """Clients whose features are B x, below a linear head."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = nn.Sequential(
            nn.Linear(FEATURES, DEPTH, bias=False), nn.Linear(DEPTH, CLASSES, bias=False)
        ).double()
    return World(Problem(net), federation(x, y, classes=CLASSES, **kwargs))


def clients(*sizes: int, seed: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    rng = np.random.default_rng(seed)
    x = [torch.from_numpy(rng.normal(size=(n, FEATURES))) for n in sizes]
    return x, [torch.from_numpy(rng.integers(CLASSES, size=n)) for n in sizes]


def weights(w: Tensor) -> tuple[Tensor, Tensor]:
    """Body B [D, F] and head H [C, D]."""
    b, h = w.split([DEPTH * FEATURES, CLASSES * DEPTH])
    return b.view(DEPTH, FEATURES), h.view(CLASSES, DEPTH)


def aligned(server: Tensor, own: Tensor, x: Tensor, y: Tensor, *, lr: float, steps: int) -> Tensor:
    """Gradient descent on sum_c mean_{i in c} |B x_i - B_own mean_c|^2 / D, in closed form.

    The loss is quadratic in B: B <- goal + (B - goal) (1 - 2 lr M / D), where
    M = sum_c mean x x', S = sum_c mean_c mean_c' and goal = B_own S / M.
    """
    kinds = [x[y == c] for c in y.unique()]
    m = sum(part.T @ part / len(part) for part in kinds)
    s = sum(torch.outer(part.mean(0), part.mean(0)) for part in kinds)
    goal = torch.linalg.solve(m, (own @ s).T).T
    factor = torch.eye(FEATURES, dtype=torch.float64) - 2 * lr / DEPTH * m
    return goal + (server - goal) @ torch.linalg.matrix_power(factor, steps)


def gradient(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Of the mean cross-entropy of H B x, by hand."""
    b, h = weights(w)
    gap = (torch.softmax(x @ b.T @ h.T, 1) - nn.functional.one_hot(y, CLASSES)) / len(x)
    return torch.cat([(h.T @ gap.T @ x).flatten(), (gap.T @ (x @ b.T)).flatten()])


@pytest.mark.proof("fixed point", "the alignment of a linear body, in closed form over two rounds")
def test_alignment() -> None:
    x, y = clients(12, 9)
    world = linear(x, y)
    method = FedAS(lr=0, align_lr=0.05, align_epochs=7, fisher=False)
    b0, h0 = weights(world.engine(method).w)
    owns, server = [b0, b0], b0
    for rounds in (1, 2):
        owns = [aligned(server, own, x[i], y[i], lr=0.05, steps=7) for i, own in enumerate(owns)]
        server = 12 / 21 * owns[0] + 9 / 21 * owns[1]
        done = world.run(method, rounds)
        torch.testing.assert_close(done.server.view_as(server), server, **CLOSED)
        for i, own in enumerate(owns):
            b, h = weights(done.personal()[i])
            torch.testing.assert_close(b, own, **CLOSED)
            assert torch.equal(h, h0)


@pytest.mark.proof("fixed point", "weights in proportion to squared gradients summed over batches")
@pytest.mark.parametrize("batch_size", [1, 100])
def test_fisher_weights(batch_size: int) -> None:
    x, y = clients(8, 3, 5)
    done = linear(x, y).run(FedAS(lr=0.2), 1, batch_size=batch_size)
    models = done.personal()
    traces = []
    for i, w in enumerate(models):
        batches = zip(x[i].split(batch_size), y[i].split(batch_size), strict=True)
        traces.append(sum(gradient(w, *batch).square().sum() for batch in batches))
    share = torch.stack(traces) / sum(traces)
    torch.testing.assert_close(done.history[0].ups.fisher, torch.stack(traces), **CLOSED)
    bodies = torch.stack([weights(w)[0].flatten() for w in models])
    torch.testing.assert_close(done.server, share @ bodies, **CLOSED)
    assert float((share - torch.tensor([8, 3, 5]) / 16).abs().max()) > 0.05


@pytest.mark.proof("fixed point", "a client where the loss is flat has no say; all flat: weights")
def test_flat_clients() -> None:
    x, y = clients(6, 9)
    level = torch.zeros(6, FEATURES, dtype=torch.float64)
    done = linear([level, x[1]], y).run(FedAS(), 1)
    fisher = done.history[0].ups.fisher
    assert float(fisher[0]) == 0 < float(fisher[1])
    torch.testing.assert_close(done.server, weights(done.personal()[1])[0].flatten(), **CLOSED)
    both = linear([level, level[:3]], [y[0], y[0][:3]])
    flat = both.run(FedAS(), 2)
    assert torch.equal(flat.server, both.run(FedAS(fisher=False), 2).server)
    assert bool(torch.isfinite(flat.server).all())


@pytest.mark.proof("limit", "without alignment and Fisher weights it is FedPer, bit for bit")
@pytest.mark.parametrize("solver", ["sgd", "momentum:0.9"])
def test_without_both_parts(solver: str) -> None:
    options = {"batch_size": 4, "steps": 2, "cohort": 4, "dropout": 0.2}
    one = blobs().run(FedAS(solver=solver, fisher=False, **NO_ALIGNMENT), 4, **options)
    other = blobs().run(FedPer(solver=solver), 4, **options)
    split = parts.private(one.engine.problem, "head").split
    assert torch.equal(one.server, other.server)
    assert torch.equal(torch.stack([split(w)[1] for w in one.states.w]), other.states.h)
    assert "FedPer" in str(replace(one.engine.method).vacuous(one.engine.problem))
    assert FedAS().vacuous(one.engine.problem) is None


@pytest.mark.proof("limit", "clients that hold the same samples: Fisher weights are plain ones")
def test_equal_clients() -> None:
    x, y = clients(10)
    world = linear(x * 3, y * 3)
    one, other = (world.run(FedAS(fisher=fisher), 3) for fisher in (True, False))
    torch.testing.assert_close(one.server, other.server, **CLOSED)


@pytest.mark.proof("limit", "a new client's model is FedPer's")
def test_newcomers() -> None:
    world = blobs(newcomers=[1, 4])
    one = world.run(FedAS(fisher=False, adapt_epochs=3, **NO_ALIGNMENT), 2, batch_size=4)
    other = world.run(FedPer(adapt_epochs=3), 2, batch_size=4)
    assert torch.equal(one.engine.adapt(2, one.server), other.engine.adapt(2, other.server))


@pytest.mark.proof("invariant", "a client predicts with the model of its own last round")
def test_clients_keep_their_whole_model() -> None:
    done = blobs().run(FedAS(), 3, batch_size=4, cohort=3)
    assert torch.equal(done.personal(), done.states.w)
    split = parts.private(done.engine.problem, "head").split
    last = done.history[-1]
    before = blobs().run(FedAS(), 2, batch_size=4, cohort=3)
    for row, client in enumerate(last.cohort.ids.tolist()):
        kept = split(done.states.w[client])[0]
        torch.testing.assert_close(kept, before.server + last.ups.s[row], **CLOSED)
    others = sorted(set(range(6)) - set(last.cohort.ids.tolist()))
    assert torch.equal(done.states.w[others], before.states.w[others])


@pytest.mark.proof("invariant", "the features are what the head gets, whatever comes after it")
def test_features() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.head = nn.Linear(2 * 4, 5)

        def forward(self, x: Tensor) -> Tensor:
            return torch.log_softmax(self.head(self.conv(x).flatten(1)), 1).view(-1, 5)

    net = Net().double()
    problem = Problem(net)
    x = torch.linspace(-1, 1, 7 * 16, dtype=torch.float64).view(7, 1, 4, 4)
    own = body(problem, "FedAS")
    s, _ = own.parts.split(problem.init())
    seen = own.problem.logits(s, x)
    assert own.classes == 5
    torch.testing.assert_close(torch.log_softmax(net.head(seen), 1), net(x), **CLOSED)


def test_models_without_a_body_are_refused() -> None:
    method = FedAS()
    flat = Problem.from_function(lambda w, x, y: (w - x).square().sum(1), torch.zeros(2))
    for problem, words in (
        (flat, "bare function"),
        (Problem(nn.Linear(3, 2)), "add a hidden layer"),
    ):
        with pytest.raises(InputError, match=words):
            method.init_server(problem, problem.init(), None)
    assert method.describe(blobs().problem).startswith("private: 2.weight, 2.bias (27 of 83")
    assert method.global_model(torch.zeros(1)) is None
    assert method.displacement(None) is None
