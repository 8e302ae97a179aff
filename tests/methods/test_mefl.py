"""MEFL: the client's half, exact through its inner steps, and the server's half, by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import grad

from contract import Contract
from unalike.core import Cohort, Population, Problem
from unalike.methods import MEFL, PerFedAvg, mefl
from unalike.weighting import agreement
from worlds import Halves, blobs, fixed_point, quadratics, samples, whole_batch

CONTRACT = Contract(down=2, up=2, up_more=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


def f64(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def client(
    method: MEFL,
    problem: Problem,
    w: Tensor,
    alpha: Tensor,
    batches: Any,
    own: Tensor | None = None,
) -> tuple[mefl.Client, mefl.Up]:
    """One client's round of work, as an engine calls it."""
    fresh = method.init_client(problem, w)
    private = fresh if own is None else fresh._replace(alpha=own)
    with torch.no_grad():
        return method.client_update(problem, mefl.Down(w, alpha), private, batches)


@pytest.mark.proof("fixed point", "a = 2, c = 1, w = 2, alpha = .1, J = 2: g = .8192, a = -4.096")
def test_parabola() -> None:
    world = quadratics([2], [1], start=2.0)
    ups = world.run(MEFL(alpha=0.1, inner_steps=2), 1).history[0].ups
    assert float(ups.g) == pytest.approx(0.8192, abs=1e-12)
    assert float(ups.a) == pytest.approx(-4.096, abs=1e-12)
    plain = world.run(MEFL(alpha=0.1, inner_steps=2, without_gdp=True), 1).history[0].ups
    assert float(plain.g) == pytest.approx(0.36, abs=1e-12)
    assert float(plain.a) == 0


A_S = np.asarray([[2.0, 0.6, 0.1], [0.6, 1.0, -0.3], [0.1, -0.3, 1.5]])
A_Q = np.asarray([[1.0, -0.4, 0.2], [-0.4, 2.0, 0.3], [0.2, 0.3, 0.7]])
C_S, C_Q = np.asarray([1.0, -1.0, 0.5]), np.asarray([0.2, 0.4, -2.0])
W, ALPHA = np.asarray([3.0, 0.5, -1.0]), np.asarray([0.1, 0.3, 0.2])


def halves() -> Halves:
    """One sample of curvature A_S around C_S for support, one of A_Q around C_Q for query."""
    part = [(torch.from_numpy(a)[None], torch.from_numpy(c)[None]) for a, c in PARTS]
    return Halves.of(part[0], part[1])


PARTS = ((A_S, C_S), (A_Q, C_Q))
PARABOLOID = quadratics([A_S], [C_S]).problem


@pytest.mark.proof("fixed point", "g = (P^J)' A_Q (u_J - c_Q), P = I - diag(alpha) A_S")
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("query", ["query", "all"])
def test_paraboloid(steps: int, query: Any) -> None:
    method = MEFL(inner_steps=steps, query=query)
    start, alpha = torch.from_numpy(W), torch.from_numpy(ALPHA)
    _, up = client(method, PARABOLOID, start, alpha, halves())
    shrink = np.eye(3) - np.diag(ALPHA) @ A_S
    path = [C_S + np.linalg.matrix_power(shrink, j) @ (W - C_S) for j in range(steps + 1)]
    last = A_Q @ (path[-1] - C_Q)
    if query == "all":
        last = (last + A_S @ (path[-1] - C_S)) / 2
    g = np.linalg.matrix_power(shrink, steps).T @ last
    a = np.zeros(3)
    for j in range(steps):
        onwards = np.linalg.matrix_power(shrink, steps - 1 - j)
        a -= (A_S @ (path[j] - C_S)) * (onwards.T @ last)
    torch.testing.assert_close(up.g, torch.from_numpy(g), **CLOSED)
    torch.testing.assert_close(up.a, torch.from_numpy(a), **CLOSED)


def network() -> tuple[Problem, Halves, Any, Any]:
    """A small network, a client's samples, and both halves as batches."""
    world = blobs((11,))
    own = world.federation.train.rows(0)
    x, y = world.federation.x[own], world.federation.y[own]
    batches = Halves.of((x[:6], y[:6]), (x[6:], y[6:]))
    return world.problem, batches, whole_batch(x[:6], y[:6]), whole_batch(x[6:], y[6:])


INNER: dict[str, Callable[..., Tensor]] = {
    "chain": lambda u, w, alpha, g: u - alpha * g(u),
    "restart": lambda u, w, alpha, g: w - alpha * g(u),
    "start": lambda u, w, alpha, g: u - alpha * g(w),
}


@pytest.mark.proof("limit", "the reverse chain is autograd through the inner steps, on a network")
@pytest.mark.parametrize("anchor", INNER)
@pytest.mark.parametrize("steps", [1, 4])
def test_autograd_through(anchor: Any, steps: int) -> None:
    problem, batches, support, query = network()
    w = problem.init().requires_grad_()
    rng = torch.Generator().manual_seed(0)
    alpha = (0.4 * torch.rand(len(w), generator=rng, dtype=torch.float64)).requires_grad_()

    def g(at: Tensor) -> Tensor:
        return grad(problem.losses(at, support).mean(), at, create_graph=True)[0]

    u = w
    for _ in range(steps):
        u = INNER[anchor](u, w, alpha, g)
    exact = grad(problem.losses(u, query).mean(), (w, alpha))
    method = MEFL(inner_steps=steps, anchor=anchor)
    _, up = client(method, problem, w.detach(), alpha.detach(), batches)
    torch.testing.assert_close(up.g, exact[0], **CLOSED)
    torch.testing.assert_close(up.a, exact[1], **CLOSED)
    everything = samples(batches.x[:6], batches.y[:6])
    personal = method.personalise(
        problem,
        mefl.Down(w.detach(), alpha.detach()),
        method.init_client(problem, w.detach()),
        everything,
    )
    torch.testing.assert_close(personal, u.detach(), **CLOSED)


@pytest.mark.proof("limit", "J = 0 is the plain gradient of the query samples")
def test_no_inner_step() -> None:
    problem, batches, _, query = network()
    w = problem.init()
    _, up = client(MEFL(inner_steps=0), problem, w, torch.ones_like(w), batches)
    torch.testing.assert_close(up.g, problem.grad(w, query), **CLOSED)
    assert not up.a.any()


@pytest.mark.proof("limit", "J = 1, S = D, Q = D', one alpha: Per-FedAvg's gradient with D'' = D")
def test_per_fedavg() -> None:
    problem, batches, support, query = network()
    w = problem.init()
    _, up = client(MEFL(inner_steps=1), problem, w, torch.full_like(w, 0.3), batches)
    adapted = w - 0.3 * problem.grad(w, support)
    g = problem.grad(adapted, query)
    hessian_times = PerFedAvg(alpha=0.3)._hessian_times(g, problem, w, support)
    torch.testing.assert_close(up.g, g - 0.3 * hessian_times, **CLOSED)


@pytest.mark.proof("limit", "... and a round of Per-FedAvg where all three batches are the same")
def test_round_of_per_fedavg() -> None:
    world = quadratics([1, 4], [0, 1], start=2.0)
    ours = MEFL(inner_steps=1, alpha=0.1, lr=0.2, without_eoa=True, step_sizes="frozen")
    theirs = PerFedAvg(alpha=0.1, beta=0.2, steps=1)
    torch.testing.assert_close(world.run(ours, 4).server.w, world.run(theirs, 4).server, **CLOSED)


@pytest.mark.proof("fixed point", "uniform weights, frozen alpha: weights p a (1 - alpha a)^(2J)")
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_fixed_point(steps: int) -> None:
    method = MEFL(inner_steps=steps, alpha=0.1, without_eoa=True, step_sizes="frozen", lr=0.3)
    w = fixed_point(method, [0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5])
    a, c, p = np.asarray([0.5, 2, 5]), np.asarray([0, 1, -2]), np.asarray([0.2, 0.3, 0.5])
    weights = p * a * (1 - 0.1 * a) ** (2 * steps)
    assert w == pytest.approx((weights * c).sum() / weights.sum(), abs=1e-9)


@pytest.mark.proof("invariant", "J steps in epochs: inner_epochs passes over the support samples")
def test_inner_epochs() -> None:
    world = quadratics([2], [1], sizes=[12], start=2.0)
    by_epochs = world.run(MEFL(inner_epochs=2), 1, batch_size=2).history[0].ups
    by_steps = world.run(MEFL(inner_steps=6), 1, batch_size=2).history[0].ups
    torch.testing.assert_close(by_epochs.g, by_steps.g, **CLOSED)
    torch.testing.assert_close(by_epochs.a, by_steps.a, **CLOSED)


@pytest.mark.proof("invariant", "private step sizes: learned by each client, never sent")
def test_private_step_sizes() -> None:
    problem, batches, _, _ = network()
    w = problem.init()
    shared, mine = torch.full_like(w, 9.0), torch.full_like(w, 0.2)
    method = MEFL(step_sizes="private", alpha_lr=0.1)
    after, up = client(method, problem, w, shared, batches, own=mine)
    _, known = client(MEFL(), problem, w, mine, batches)
    torch.testing.assert_close(up.g, known.g, **CLOSED)
    torch.testing.assert_close(after.alpha, mine - 0.1 * known.a, **CLOSED)
    assert up.a.shape == (0,)
    assert torch.equal(method.init_client(problem, w).alpha, torch.full_like(w, 0.1))
    assert MEFL().init_client(problem, w).alpha.shape == (0,)


@pytest.mark.proof("invariant", "frozen step sizes stay; positive ones never fall below zero")
def test_frozen_and_positive() -> None:
    frozen = blobs().run(MEFL(step_sizes="frozen", alpha_lr=5.0), 2, batch_size=4).server
    assert torch.equal(frozen.alpha, torch.full_like(frozen.w, 0.1))
    free = blobs().run(MEFL(alpha_lr=5.0), 1, batch_size=4).server
    positive = blobs().run(MEFL(alpha_lr=5.0, positive=True), 1, batch_size=4).server
    assert (free.alpha < 0).any()
    assert torch.equal(positive.alpha, free.alpha.clamp(min=0))


def history(variance: Tensor, rounds: int = 1) -> agreement.History:
    return agreement.History(variance, f64(*[rounds] * len(variance)))


G = f64([2, 0], [0, 3], [1, 1])
V = f64(1, 1, 0.5)


def omegas(g: Tensor, v: Tensor, reference: Tensor, floor: float = 0.0) -> Tensor:
    s = agreement.similarities(agreement.cosine(g, reference), "floor", floor)
    return agreement.weights(s, v, "ratio", 0.0, 1.0)


@pytest.mark.proof("fixed point", "omega = (.41421, 0, .58579), aggregate (1.41421, .58579)")
def test_weights() -> None:
    omega = omegas(G, V, f64(1, 0))
    root = 2**0.5
    torch.testing.assert_close(omega, f64(1, 0, root) / (1 + root), **CLOSED)
    torch.testing.assert_close(omega, f64(0.41421, 0, 0.58579), atol=5e-6, rtol=0)
    torch.testing.assert_close(omega @ G, f64(1.41421, 0.58579), atol=5e-6, rtol=0)


@pytest.mark.proof("invariant", "equal gradients and variances: 1 / N; all against: 1 / N too")
def test_equal_weights() -> None:
    third = f64(1, 1, 1) / 3
    torch.testing.assert_close(omegas(f64([1, 2]).expand(3, 2), f64(2, 2, 2), f64(1, 0)), third)
    torch.testing.assert_close(omegas(-G.abs(), V, f64(1, 1)), third)


@pytest.mark.proof("invariant", "weights sum to 1 and follow a permutation of the clients")
@pytest.mark.parametrize("raw", ["ratio", "exponential", "difference"])
@pytest.mark.parametrize("form", ["floor", "shifted"])
def test_permutation(raw: Any, form: Any) -> None:
    rng = torch.Generator().manual_seed(1)
    g = torch.randn(7, 4, generator=rng, dtype=torch.float64)
    v = torch.rand(7, generator=rng, dtype=torch.float64)
    turn = torch.randperm(7, generator=rng)

    def weigh(g: Tensor, v: Tensor) -> Tensor:
        s = agreement.similarities(agreement.cosine(g, f64(1, 0, 1, 0)), form, 0.01)
        return agreement.weights(s, v, raw, 1e-8, 1.0)

    omega = weigh(g, v)
    assert float(omega.sum()) == pytest.approx(1, abs=1e-12)
    assert (omega >= 0).all()
    torch.testing.assert_close(weigh(g[turn], v[turn]), omega[turn], **CLOSED)


@pytest.mark.proof(
    "invariant", "g_i times k: s_i stays, absolute v_i times k^2, relative v_i stays"
)
@pytest.mark.parametrize("k", [7, 0.01])
def test_scale(k: float) -> None:
    rng = torch.Generator().manual_seed(2)
    seen = torch.randn(5, 4, generator=rng, dtype=torch.float64)
    (one, length), (other, longer) = (watched(g, "relative") for g in (seen, k * seen))
    assumed = 0.8**4  # what is left of the variance 1 that a first gradient gets
    grown, same = other[-1] - assumed, one[-1] - assumed
    torch.testing.assert_close(grown, same * k**2, **CLOSED)
    torch.testing.assert_close(grown / longer[-1], same / length[-1], **CLOSED)
    direction = f64(1, 2, 3, 4)
    torch.testing.assert_close(
        agreement.cosine(k * seen, direction), agreement.cosine(seen, direction), **CLOSED
    )


@pytest.mark.proof("fixed point", "the other raw weights and similarities, by their formulas")
def test_formulas() -> None:
    s, v = f64(0.5, 1.0, 0.2), f64(1.0, 2.0, 0.0)
    exponential = s * torch.exp(-v)
    torch.testing.assert_close(
        agreement.weights(s, v, "exponential", 0.0, 0.0), exponential / exponential.sum(), **CLOSED
    )
    torch.testing.assert_close(
        agreement.weights(s, v, "difference", 0.0, 0.3), f64(0.2, 0.4, 0.2) / 0.8, **CLOSED
    )
    torch.testing.assert_close(
        agreement.weights(s, v, "difference", 0.0, 0.5), f64(0, 0, 1), **CLOSED
    )
    torch.testing.assert_close(
        agreement.similarities(f64(-1, 0, 0.6), "shifted", 0.3), f64(0, 0.5, 0.8), **CLOSED
    )
    torch.testing.assert_close(
        agreement.similarities(f64(-1, 0, 0.6), "floor", 0.3), f64(0.3, 0.3, 0.6), **CLOSED
    )
    assert not agreement.cosine(f64([0, 0]), f64(1, 0)).any()


def watched(seen: Tensor, spread: Any, rho: float = 0.8) -> tuple[list[Tensor], list[Tensor]]:
    """v and |m|^2 of one client after each of its gradients, through both of MEFL's halves."""
    method = MEFL(spread=spread, rho=rho, inner_steps=0)
    problem = quadratics([1], [0]).problem
    w = torch.zeros_like(seen[0])
    server = method.init_server(problem, w, Population(1, f64(1)))
    own = method.init_client(problem, w)
    one = Cohort(torch.zeros(1, dtype=torch.int64), f64(1), f64(1), 1)
    v, length = [], []
    for g in seen:
        own, up = method._answer(own, g, w)
        server = method.server_update(server, mefl.Up(*(leaf[None] for leaf in up)), one)
        v.append(server.history.variance[0])
        length.append(own.memory.mean.square().sum())
    return v, length


@pytest.mark.proof("fixed point", "m <- rho m + (1 - rho) g, v <- rho v + (1 - rho) |g - m|^2")
def test_running_moments() -> None:
    g = f64([1.0, 2.0], [0.0, -1.0])
    fresh = agreement.Memory(torch.zeros(2).double(), f64(0)[0])
    first, _ = agreement.recall(fresh, g[0], 0.8, "absolute")
    torch.testing.assert_close(first.mean, g[0], **CLOSED)
    then, off = agreement.recall(first, g[0] + 3, 0.8, "absolute")
    torch.testing.assert_close(then.mean, g[0] + 0.6, **CLOSED)
    torch.testing.assert_close(off, f64(3, 3), **CLOSED)
    assert int(then.rounds) == 2
    begun = agreement.remember(history(f64(0, 0), rounds=0), f64(7, 7), f64(5)[0], 0.8, "absolute")
    torch.testing.assert_close(begun.variance, f64(5, 5), **CLOSED)
    later = agreement.remember(begun, f64(18, 18), f64(99)[0], 0.8, "absolute")
    torch.testing.assert_close(later.variance, f64(0.8 * 5 + 0.2 * 18).expand(2), **CLOSED)
    assert later.rounds.tolist() == [2, 2]
    known = history(f64(3, 1, 2), rounds=1)
    assert float(agreement.typical_variance(known)) == 2
    assert float(agreement.typical_variance(history(f64(8, 1, 2, 3), rounds=1))) == 2.5
    assert float(agreement.typical_variance(history(f64(3, 1), rounds=0))) == 1


@pytest.mark.proof("fixed point", "each spread is the deviation that its line names")
@pytest.mark.parametrize("spread", ["absolute", "coordinate", "welford", "consensus"])
def test_spreads(spread: Any) -> None:
    seen = np.random.default_rng(3).normal(size=(6, 2))
    found, length = watched(torch.from_numpy(seen), spread, rho=0.7)
    m, reference = seen[0], seen[0]
    v = np.ones(2) if spread == "coordinate" else np.asarray(1.0)
    for t, g in enumerate(seen):
        if t > 0:
            keep = t / (t + 1) if spread == "welford" else 0.7
            square = (g - (reference if spread == "consensus" else m)) ** 2
            v = keep * v + (1 - keep) * (square if spread == "coordinate" else square.sum())
            m = keep * m + (1 - keep) * g
            reference = 0.9 * reference + 0.1 * g
        torch.testing.assert_close(found[t], torch.from_numpy(np.asarray(v)), **CLOSED)
        if spread != "consensus":
            assert float(length[t]) == pytest.approx(m @ m, abs=1e-9)
    if spread == "welford":
        assert float(length[-1]) == pytest.approx((seen.mean(0) ** 2).sum(), abs=1e-9)


WORLD = quadratics([1, 4, 2], [0, 1, -2], sizes=[1, 2, 1], start=2.0)


@pytest.mark.proof("fixed point", "two rounds of the server's half, written out")
@pytest.mark.parametrize(
    ("reference", "spread"),
    [("past", "absolute"), ("weighted", "absolute"), ("current", "absolute"), ("past", "relative")],
)
def test_server_by_hand(reference: Any, spread: Any) -> None:
    rng = np.random.default_rng(4)
    method = MEFL(
        lr=0.5, alpha_lr=0.2, gamma=0.6, rho=0.7, eps=0.1, reference=reference, spread=spread
    )
    w, alpha = np.asarray([1.0, -1.0]), np.full(2, 0.1)
    server = method.init_server(PARABOLOID, torch.from_numpy(w), Population(4, f64(1, 1, 1, 1) / 4))
    direction = None
    own = [method.init_client(PARABOLOID, server.w)] * 4
    m, v, rounds = np.zeros((4, 2)), np.zeros(4), np.zeros(4)
    for ids in (np.asarray([0, 2]), np.asarray([0, 1, 2]), np.asarray([1, 3])):
        g, a = rng.normal(size=(2, len(ids), 2))
        mean = g.mean(0)
        past = mean if direction is None else direction
        latest = 0.6 * past + 0.4 * mean
        compare = latest if reference == "current" else past
        known = v[rounds > 0]
        typical = np.sort(known)[(len(known) - 1) // 2] if len(known) else 1.0
        for k, i in enumerate(ids):
            deviation = ((g[k] - m[i]) ** 2).sum()
            v[i] = 0.7 * v[i] + 0.3 * deviation if rounds[i] else typical
            m[i] = 0.7 * m[i] + 0.3 * g[k] if rounds[i] else g[k]
            rounds[i] += 1
        s = g @ compare / np.linalg.norm(g, axis=1) / np.linalg.norm(compare)
        length = (m[ids] ** 2).sum(1) if spread == "relative" else 1
        raw = np.maximum(s, 0.01) / (v[ids] / length + 0.1)
        omega = raw / raw.sum()
        w, alpha = w - 0.5 * omega @ g, alpha - 0.2 * omega @ a
        direction = 0.6 * past + 0.4 * (omega @ g if reference == "weighted" else mean)
        weights = torch.full((len(ids),), 1 / len(ids), dtype=torch.float64)
        cohort = Cohort(torch.from_numpy(ids), weights, weights, 4)
        answers = []
        for k, i in enumerate(ids):
            own[i], up = method._answer(own[i], torch.from_numpy(g[k]), torch.from_numpy(a[k]))
            answers.append(up)
        ups = mefl.Up(*(torch.stack(leaf) for leaf in zip(*answers, strict=True)))
        server = method.server_update(server, ups, cohort)
        torch.testing.assert_close(server.w, torch.from_numpy(w), **CLOSED)
        torch.testing.assert_close(server.alpha, torch.from_numpy(alpha), **CLOSED)
        torch.testing.assert_close(server.direction, torch.from_numpy(direction), **CLOSED)
        kept = torch.stack([client.memory.mean for client in own])
        torch.testing.assert_close(kept, torch.from_numpy(m), **CLOSED)
        torch.testing.assert_close(server.history.variance, torch.from_numpy(v), **CLOSED)
        assert server.history.rounds.tolist() == rounds.tolist()


@pytest.mark.proof("limit", "without EOA: the study's weights")
def test_without_eoa() -> None:
    outcome = WORLD.run(MEFL(without_eoa=True, lr=0.3, alpha_lr=0.1), 1)
    ups, start = outcome.history[0].ups, outcome.engine.w
    torch.testing.assert_close(outcome.server.w, start - 0.3 * f64(0.25, 0.5, 0.25) @ ups.g)
    torch.testing.assert_close(outcome.server.alpha, 0.1 - 0.1 * f64(0.25, 0.5, 0.25) @ ups.a)


@pytest.mark.proof("invariant", "by_size multiplies the raw weights by the study's weights")
def test_by_size() -> None:
    def share(by_size: bool) -> Tensor:
        """The weights of three gradients along the axes, seen in the server's step."""
        method = MEFL(by_size=by_size, lr=1.0)
        server = method.init_server(
            PARABOLOID, torch.zeros(3).double(), Population(3, f64(1, 1, 1))
        )
        weights = f64(0.2, 0.3, 0.5)
        cohort = Cohort(torch.arange(3), weights, weights, 3)
        same, nothing = torch.ones(3).double(), torch.zeros(3, 0).double()
        up = mefl.Up(torch.eye(3).double(), torch.zeros(3, 3).double(), same, nothing)
        return -method.server_update(server, up, cohort).w

    torch.testing.assert_close(share(False), f64(1, 1, 1) / 3, **CLOSED)
    torch.testing.assert_close(share(True), f64(0.2, 0.3, 0.5), **CLOSED)


@pytest.mark.proof(
    "limit", "without either half: w - lr sum p (w - u_J), FedAvg with a server step"
)
def test_without_both() -> None:
    method = MEFL(without_gdp=True, without_eoa=True, inner_steps=3, alpha=0.1)
    w = fixed_point(method, [0.5, 2, 5], [0, 1, -2], sizes=[2, 3, 5])
    a, c, p = np.asarray([0.5, 2, 5]), np.asarray([0, 1, -2]), np.asarray([0.2, 0.3, 0.5])
    weights = p * (1 - (1 - 0.1 * a) ** 3)
    assert w == pytest.approx((weights * c).sum() / weights.sum(), abs=1e-9)
    assert MEFL().displacement(mefl.Up(f64([1]), f64([1]), f64(1), f64([]))) is None
