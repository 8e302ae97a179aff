"""CFL on groups of parabolas that are known to pull apart."""

import numpy as np
import pytest
import torch
from torch import Tensor

from contract import Contract
from unalike.methods import CFL, FedAvg
from worlds import World, blobs, quadratics

CONTRACT = Contract(down=1, up=1)

OPPOSITE = [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]
NESTED = [[1.0, 0.0], [1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]]


def parabolas(centres: list[list[float]], **kwargs: object) -> World:
    return quadratics([torch.eye(len(centres[0]))] * len(centres), centres, **kwargs)


def partition(group: Tensor) -> set[frozenset[int]]:
    return {frozenset(torch.nonzero(group == c).flatten().tolist()) for c in set(group.tolist())}


@pytest.mark.proof("fixed point", "two opposite groups: split exactly, each model at its optimum")
def test_opposite_groups() -> None:
    outcome = parabolas(OPPOSITE, start=[0.3, 0.2]).run(CFL(lr=0.5), 60, steps=1)
    server = outcome.server
    assert partition(server.group) == {frozenset({0, 1}), frozenset({2, 3})}
    torch.testing.assert_close(
        outcome.personal(), torch.tensor(OPPOSITE, dtype=torch.float64), atol=1e-9, rtol=0
    )
    assert outcome.engine.method.notes(server) == "CFL found 2 groups, of 2, 2 clients."


@pytest.mark.proof("fixed point", "b = (e1, e1, -e1 + e2, -e1 - e2): nested split {0,1},{2},{3}")
def test_nested_split() -> None:
    outcome = parabolas(NESTED, start=[0.3, 0.2]).run(CFL(lr=0.5, gamma_max=0), 80)
    server = outcome.server
    assert partition(server.group) == {frozenset({0, 1}), frozenset({2}), frozenset({3})}
    torch.testing.assert_close(
        outcome.personal(), torch.tensor(NESTED, dtype=torch.float64), atol=1e-9, rtol=0
    )
    assert int(server.groups) == 3
    assert sorted(server.tree.parent.tolist()) == [-1, 0, 1]


@pytest.mark.proof("fixed point", "in the round of the cut each half takes its own mean step")
def test_halves_go_on_from_their_common_model() -> None:
    history = parabolas(OPPOSITE, start=[0.3, 0.2]).run(CFL(lr=0.5, wait=4), 6).history
    cut = next(i for i, r in enumerate(history) if int(r.server.groups) == 2)
    common = torch.tensor([0.3, 0.2], dtype=torch.float64) * 0.5**cut
    assert cut == 4
    torch.testing.assert_close(history[cut - 1].server.models[0], common, atol=1e-12, rtol=0)
    centres = torch.tensor([OPPOSITE[0], OPPOSITE[2]], dtype=torch.float64)
    expected = (common + centres) / 2
    torch.testing.assert_close(history[cut].server.models[:2], expected, atol=1e-12, rtol=0)


@pytest.mark.proof("invariant", "every client is in exactly one group, and no group is empty")
def test_partition() -> None:
    rng = np.random.default_rng(4)
    centres = (rng.normal(size=(9, 3)) * 3).tolist()
    outcome = parabolas(centres).run(CFL(lr=0.3, gamma_max=0, eps1=0.3), 40, steps=2)
    for r in outcome.history:
        sizes = torch.bincount(r.server.group, minlength=int(r.server.groups))
        assert int(sizes.sum()) == 9
        assert len(sizes) == int(r.server.groups) <= 8
        assert bool((sizes > 0).all())
    assert int(outcome.server.groups) > 2


@pytest.mark.proof("limit", "eps2 = inf is FedAvg")
@pytest.mark.parametrize("cohort", [6, 3])
def test_never_split_is_fedavg(cohort: int) -> None:
    settings = {"batch_size": 4, "steps": 2, "cohort": cohort}
    cfl = blobs().run(CFL(eps2=torch.inf), 4, **settings)
    fedavg = blobs().run(FedAvg(), 4, **settings)
    assert torch.equal(cfl.server.models[0], fedavg.server)
    assert torch.equal(cfl.personal(), fedavg.personal())
    assert "FedAvg" in str(CFL(eps2=torch.inf).vacuous(fedavg.engine.problem))
    assert "FedAvg" in str(CFL(max_clusters=1).vacuous(fedavg.engine.problem))
    assert CFL().vacuous(fedavg.engine.problem) is None


@pytest.mark.proof("invariant", "renumbering the clients renumbers the groups")
def test_client_order() -> None:
    turn = [2, 0, 3, 1]
    usual = parabolas(NESTED, start=[0.3, 0.2]).run(CFL(lr=0.5, gamma_max=0), 40)
    turned = parabolas([NESTED[i] for i in turn], start=[0.3, 0.2]).run(
        CFL(lr=0.5, gamma_max=0), 40
    )
    torch.testing.assert_close(usual.personal()[turn], turned.personal(), atol=1e-12, rtol=0)


@pytest.mark.proof("invariant", "scaling all losses' step by one factor moves no threshold")
def test_thresholds_are_relative() -> None:
    small = parabolas(OPPOSITE, start=[0.3, 0.2])
    large = parabolas((np.asarray(OPPOSITE) * 1000).tolist(), start=[300.0, 200.0])
    for one, other in zip(
        small.run(CFL(lr=0.5), 12).history, large.run(CFL(lr=0.5), 12).history, strict=True
    ):
        assert torch.equal(one.server.group, other.server.group)


@pytest.mark.proof("invariant", "a group is cut only when all of its members answered")
def test_partial_cohorts() -> None:
    world = parabolas(OPPOSITE, start=[0.3, 0.2])
    partial = world.run(CFL(lr=0.5, eps1=2.0), 30, cohort=3)
    assert int(partial.server.groups) == 1
    assert int(world.run(CFL(lr=0.5, eps1=2.0), 30).server.groups) == 2


def first_cut(method: CFL, world: World, times: int = 30) -> int | None:
    history = world.run(method, times).history
    return next((r.t for r in history if int(r.server.groups) > 1), None)


@pytest.mark.proof("fixed point", "each criterion decides: stillness, tension, gap, wait, size")
def test_each_criterion_decides() -> None:
    world = parabolas(OPPOSITE, start=[0.3, 0.2])
    # |w| = .3606 halves each round; the first round's largest update is half of |(-1.3, -.2)|
    largest = 0.5 * float(np.hypot(1.3, 0.2))
    norms = 0.5 * float(np.hypot(0.3, 0.2)) * 0.5 ** np.arange(30)
    still = int(np.argmax(norms < 0.4 * largest)) + 1
    assert first_cut(CFL(lr=0.5), world) == still
    assert first_cut(CFL(lr=0.5, wait=20), world) == 21
    assert first_cut(CFL(lr=0.5, eps1=0), world) is None
    assert first_cut(CFL(lr=0.5, eps2=1.0), world) is None
    assert first_cut(CFL(lr=0.5, min_size=5), world) is None
    assert first_cut(CFL(lr=0.5, max_clusters=1), world) is None


@pytest.mark.proof("fixed point", "a cut needs cosines across below 1 - 2 gamma_max^2")
@pytest.mark.parametrize(("gamma_max", "groups"), [(0.499, 2), (0.501, 1)])
def test_acceptance(gamma_max: float, groups: int) -> None:
    angles = torch.arange(6, dtype=torch.float64).mul(60).deg2rad()  # cosine across any cut: 0.5
    ring = torch.stack([angles.cos(), angles.sin()], 1).tolist()
    outcome = parabolas(ring).run(CFL(lr=0.5, gamma_max=gamma_max), 1)
    assert int(outcome.server.groups) == groups


@pytest.mark.proof("fixed point", "two of one kind, as unlike as noise gamma can make them, stay")
@pytest.mark.parametrize("gamma", [0.1, 0.5, 0.7, 0.9])
def test_noise_within_a_group_is_no_reason_to_cut(gamma: float) -> None:
    shrunk = float(np.sqrt(1 - gamma**2))
    kind = np.asarray([1.0, 0.0])
    two = shrunk * np.asarray([[shrunk, gamma], [shrunk, -gamma]])
    np.testing.assert_allclose(np.linalg.norm(two - kind, axis=1), gamma)
    cosine = two[0] @ two[1] / np.linalg.norm(two[0]) / np.linalg.norm(two[1])
    assert cosine == pytest.approx(1 - 2 * gamma**2)
    world = parabolas(two.tolist())
    assert first_cut(CFL(lr=0.5, eps1=2, gamma_max=gamma * (1 + 1e-6)), world, 1) is None
    assert first_cut(CFL(lr=0.5, eps1=2, gamma_max=gamma * (1 - 1e-6)), world, 1) == 1


@pytest.mark.proof("fixed point", "a new client walks the stored tree to its group's model")
@pytest.mark.parametrize("new", range(4))
def test_newcomers(new: int) -> None:
    centres = [*NESTED, [1.2 * v for v in NESTED[new]]]
    world = parabolas(centres, start=[0.3, 0.2], newcomers=[4])
    outcome = world.run(CFL(lr=0.5, gamma_max=0), 60)
    adapted = outcome.engine.adapt(60, outcome.server)
    assert int(outcome.server.groups) == 3
    torch.testing.assert_close(
        adapted[0], torch.tensor(NESTED[new], dtype=torch.float64), atol=1e-9, rtol=0
    )
    early = world.run(CFL(lr=0.5, wait=5), 1)
    assert torch.equal(early.engine.adapt(1, early.server)[0], early.server.models[0])
    assert "not cut" in str(early.engine.method.notes(early.server))
