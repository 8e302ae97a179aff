"""Which segments of a model are private, and that splitting loses nothing."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

from unalike.core import Batch, Problem, parts
from unalike.core.batches import NO_KEY
from unalike.errors import InputError
from unalike.functional.traced_function import CALLS_BEFORE_TRACING


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.act = nn.Sequential(nn.GroupNorm(1, 2), nn.ReLU())
        self.layers = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2))
        self.scale = nn.Parameter(torch.ones(2))


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)
        self.encoder = nn.Linear(4, 3)
        self.headless = nn.Linear(2, 2)


NET, NAMED, FLAT = Problem(Net()), Problem(Named()), Problem(nn.Linear(3, 2))
CONV, HEAD = {"conv.weight", "conv.bias"}, {"layers.2.weight", "layers.2.bias"}
GROUP, LAYER = {"act.0.weight", "act.0.bias"}, {"layers.1.weight", "layers.1.bias"}
REST = {"scale", "layers.0.weight", "layers.0.bias"}


@pytest.mark.parametrize(
    ("problem", "choice", "names"),
    [
        (NET, "head", HEAD),
        (NET, "body", CONV | GROUP | LAYER | REST),
        (NET, "encoder", CONV | GROUP | LAYER | REST),
        (NET, "norm", GROUP | LAYER),
        (NET, "none", set()),
        (NET, "all", CONV | GROUP | LAYER | REST | HEAD),
        (NET, "conv", CONV),
        (NET, "layers", LAYER | HEAD | {"layers.0.weight", "layers.0.bias"}),
        (
            NET,
            "*.bias",
            {f"{n}.bias" for n in ("conv", "act.0", "layers.0", "layers.1", "layers.2")},
        ),
        (NET, "scale, conv.*", CONV | {"scale"}),
        (NET, "head,norm", HEAD | GROUP | LAYER),
        (NAMED, "head", {"head.weight", "head.bias"}),
        (NAMED, "encoder", {"encoder.weight", "encoder.bias"}),
        (NAMED, "body", {"encoder.weight", "encoder.bias", "headless.weight", "headless.bias"}),
        (FLAT, "head", {"weight", "bias"}),
        (FLAT, "encoder", set()),
    ],
)
def test_choices(problem: Problem, choice: str, names: set[str]) -> None:
    split = parts.private(problem, choice)
    assert set(split.names(1)) == names
    assert set(split.names(0)) == set(problem.layout.names) - names


@pytest.mark.parametrize(
    ("kinds", "names"), [("batch", set()), ("group", GROUP), ("layer, group", GROUP | LAYER)]
)
def test_normalisation_is_found_by_type(kinds: str, names: set[str]) -> None:
    assert set(parts.private_normalisation(NET, kinds).names(1)) == names


@pytest.mark.parametrize("choice", ["head", "norm", "none", "all", "conv,scale", "*.weight"])
def test_split_and_join(choice: str) -> None:
    split = parts.private(NET, choice)
    w = torch.arange(len(NET.init()), dtype=torch.float64)
    s, h = split.split(w)
    views = NET.layout.views(w)
    assert torch.equal(split.join(s, h), w)
    assert (len(s), len(h)) == split.sizes
    for part, holder in ((s, 0), (h, 1)):
        expected = [views[name].reshape(-1) for name in split.names(holder)]
        assert torch.equal(part, torch.cat(expected) if expected else w[:0])


def small(kind: str) -> tuple[Problem, Batch]:
    """A network with dropout or batch normalisation in the middle, and five samples of six rows."""
    middle = {"dropout": nn.Dropout(0.3), "batch": nn.BatchNorm1d(5), "plain": nn.Tanh()}[kind]
    module = nn.Sequential(nn.Linear(4, 5), middle, nn.Tanh(), nn.Linear(5, 3)).double()
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 4, generator=rng).double(), torch.tensor([0, 1, 2, 1, 0, 0])
    weight = torch.tensor([1.0, 1, 1, 1, 1, 0]).double()
    key = torch.tensor(7) if kind == "dropout" else NO_KEY
    return Problem(module), Batch(x, y, weight, torch.tensor(5), torch.arange(6), key)


@pytest.mark.parametrize("kind", ["plain", "dropout", "batch"])
@pytest.mark.parametrize("choice", ["head", "body", "*.bias", "none", "all"])
def test_the_gradient_by_one_part(kind: str, choice: str) -> None:
    problem, batch = small(kind)
    split = parts.private(problem, choice)
    vectors = split.split(problem.init(3))
    exact = split.split(problem.grad(split.join(*vectors), batch))
    with torch.no_grad():
        for holder in (0, 1):
            found = split.grad(problem, holder, vectors, batch)
            torch.testing.assert_close(found, exact[holder], atol=1e-14, rtol=1e-12)
            found.add_(1)  # it is ours to write over
            again = split.grad(problem, holder, vectors, batch)
            torch.testing.assert_close(again, exact[holder], atol=1e-14, rtol=1e-12)


@pytest.mark.parametrize("choice", ["head", "body", "*.bias"])
def test_the_gradient_by_one_part_of_stacked_clients(choice: str) -> None:
    problem, batch = small("plain")
    split = parts.private(problem, choice)
    w = torch.stack([problem.init(seed) for seed in range(4)])
    exact = torch.stack([problem.grad(row, batch) for row in w])
    shared = problem.init(9)

    def own(row: Tensor) -> Tensor:
        return split.join(
            *(split.grad(problem, holder, split.split(row), batch) for holder in (0, 1))
        )

    def under_shared(row: Tensor) -> Tensor:
        return split.grad(problem, 1, (split.split(shared)[0], split.split(row)[1]), batch)

    with torch.no_grad():
        for _ in range(
            CALLS_BEFORE_TRACING + 2
        ):  # recorded at some point, and the same before and after
            torch.testing.assert_close(vmap(own)(w), exact, atol=1e-14, rtol=1e-12)
        stacked = vmap(under_shared)(w)
        alone = torch.stack([under_shared(row) for row in w])
    torch.testing.assert_close(stacked, alone, atol=1e-14, rtol=1e-12)


def test_the_gradient_by_one_part_of_a_bare_loss() -> None:
    problem = Problem.from_function(lambda w, x, y: (w.sum() - x) ** 2, torch.ones(3).double())
    split = parts.private(problem, "all")
    x = torch.tensor([1.0, 2.0]).double()
    batch = Batch(x, x, torch.ones(2).double(), torch.tensor(2), torch.arange(2))
    vectors = split.split(problem.init())
    torch.testing.assert_close(
        split.grad(problem, 1, vectors, batch), problem.grad(problem.init(), batch)
    )


def test_three_holders() -> None:
    three = parts.split_by_module(NAMED.layout, ("encoder", "head", "headless"))
    w = torch.arange(len(NAMED.init()))
    assert three.sizes == (15, 8, 6)
    assert torch.equal(three.split(w)[0], w[8:23])
    assert torch.equal(three.join(*three.split(w)), w)
    with pytest.raises(InputError, match=r"headless\.weight"):
        parts.split_by_module(NAMED.layout, ("encoder", "head"))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("fc*", "matches nothing"),
        ("con", "did you mean 'conv"),
        ("haed", "did you mean 'head'"),
        ("", "matches nothing"),
        ("head,", "matches nothing"),
        ("*", "matches every segment"),
    ],
)
def test_choices_that_make_no_sense(choice: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parts.private(NET, choice)
    assert f"private = {choice!r}" in str(caught.value)


def test_an_unknown_kind_of_normalisation() -> None:
    with pytest.raises(InputError, match="did you mean 'batch'"):
        parts.private_normalisation(NET, "bach")


def test_the_description_names_the_segments() -> None:
    line = parts.private(NET, "head").describe()
    assert line.startswith("private: layers.2.weight, layers.2.bias (8 of ")
    assert "shared: scale, conv.weight" in line


def test_vacuous_choices_are_said() -> None:
    assert parts.private(NET, "head").vacuous() is None
    assert "FedAvg" in str(parts.private(NET, "none").vacuous())
    assert "Local" in str(parts.private(FLAT, "head").vacuous())
