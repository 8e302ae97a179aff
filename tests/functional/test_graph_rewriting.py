"""Recorded kernels in fewer passes give the bits of the function itself."""

import gc
import weakref
from collections import Counter
from itertools import pairwise

import pytest
import torch
from torch import Tensor, fx, nn

from unalike.core import Problem
from unalike.core.batches import Batch
from unalike.functional.graph_rewriting import (
    LARGE,
    rewrite_approximately,
    rewrite_exactly,
    rewrite_steps,
)
from unalike.functional.traced_function import Base, Descent, Gradient
from unalike.functional.tracing import trace_kernels

aten = torch.ops.aten
MAPPED = (0, 0, 0, None, None, None)


def perceptron(*widths: int) -> Problem:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += [nn.Linear(into, out), nn.Tanh()]
    return Problem(nn.Sequential(*layers[:-1]))


def arguments(problem: Problem, clients: int, inputs: int, classes: int) -> tuple[Tensor, ...]:
    """Weights, and the six samples of a batch, of each client; what all of them share."""
    luck = torch.Generator().manual_seed(1)
    return (
        problem.init(0) + 0.1 * torch.randn(clients, len(problem.init(0)), generator=luck),
        torch.randn(clients, 6, inputs, generator=luck),
        torch.randint(classes, (clients, 6), generator=luck),
        torch.ones(6),
        torch.tensor(6.0),
        torch.arange(6),
    )


def gradient(problem: Problem, *, together: bool) -> Gradient:
    return Gradient(lambda w, *batch: problem.loss(w, Batch(*batch)), together=together)


def kernels(module: fx.GraphModule) -> Counter[object]:
    return Counter(node.target for node in module.graph.nodes if node.op == "call_function")


def changed_nothing(graph: fx.Graph) -> None:
    """A rewriting that leaves all kernels as they are."""


@pytest.mark.parametrize("widths", [(7, 3, 4), (64, 32, 10), (200, 120, 5)])
@pytest.mark.parametrize("together", [True, False])
def test_rewritten_gradients_have_the_bits_of_the_gradient(
    widths: tuple[int, ...], together: bool
) -> None:
    problem = perceptron(*widths)
    tensors = arguments(problem, 5, widths[0], widths[-1])
    fn = gradient(problem, together=together).mapped(MAPPED)
    module = trace_kernels(fn, tensors, (), rewrite=rewrite_exactly)
    for shift in (0.0, 0.3, -1.0):
        w = tensors[0] + shift
        assert torch.equal(module(w, *tensors[1:]), fn(w, *tensors[1:]))


def test_a_large_product_is_written_where_it_ends() -> None:
    problem = perceptron(200, 120, 5)
    assert 200 * 120 >= LARGE > 120 * 5
    tensors = arguments(problem, 5, 200, 5)
    fn = gradient(problem, together=False).mapped(MAPPED)
    plain = trace_kernels(fn, tensors, (), rewrite=changed_nothing)
    fewer = trace_kernels(fn, tensors, (), rewrite=rewrite_exactly)
    assert kernels(plain)[aten.cat.default] == 1
    assert kernels(fewer)[aten.cat.default] == 0
    assert kernels(fewer)[aten.bmm.out] == 1  # the small matrix is copied


def test_one_client_alone_writes_its_large_product_in_place_too() -> None:
    problem = perceptron(200, 120, 5)
    tensors = tuple(
        t[0] if dim == 0 else t
        for t, dim in zip(arguments(problem, 2, 200, 5), MAPPED, strict=True)
    )
    fn = gradient(problem, together=False)
    module = trace_kernels(fn, tensors, (), rewrite=rewrite_exactly)
    assert kernels(module)[aten.mm.out] == 1
    assert torch.equal(module(*tensors), fn(*tensors))


def test_products_come_out_in_the_order_in_which_they_are_read() -> None:
    problem = perceptron(64, 32, 10)
    tensors = arguments(problem, 100, 64, 10)
    fn = gradient(problem, together=True).mapped(MAPPED)
    plain = trace_kernels(fn, tensors, (), rewrite=changed_nothing)
    free = trace_kernels(fn, tensors, (), rewrite=rewrite_approximately)
    assert kernels(plain)[aten.clone.default] == 2
    assert kernels(free)[aten.clone.default] == 0
    assert torch.allclose(free(*tensors), fn(*tensors), atol=1e-6)


def test_a_product_is_not_turned_where_others_read_it_too() -> None:
    def fn(a: Tensor, b: Tensor) -> Tensor:
        product = a @ b
        straight = product.mT.clone(memory_format=torch.contiguous_format)
        return torch.cat([straight.reshape(-1), product.reshape(-1)])

    a, b = torch.randn(4, 5), torch.randn(5, 6)
    module = trace_kernels(fn, (a, b), (), rewrite=rewrite_approximately)
    assert kernels(module)[aten.mm.default] == 1
    assert torch.equal(module(a, b), fn(a, b))


def test_a_part_that_stands_twice_is_joined_as_before() -> None:
    def fn(a: Tensor, b: Tensor) -> Tensor:
        flat = (a @ b).reshape(-1)
        return torch.cat([flat, flat])

    a, b = torch.randn(200, 3), torch.randn(3, 200)
    module = trace_kernels(fn, (a, b), (), rewrite=rewrite_exactly)
    assert torch.equal(module(a, b), fn(a, b))


def test_nothing_is_traced_that_depends_on_a_tensor_from_elsewhere() -> None:
    elsewhere = torch.ones(3)
    given = (torch.arange(3.0),)
    assert trace_kernels(lambda a: a + elsewhere, given, (), rewrite=rewrite_exactly) is None
    module = trace_kernels(lambda a: a + elsewhere, given, (elsewhere,), rewrite=rewrite_exactly)
    assert torch.equal(module(*given), torch.tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("together", [True, False])
def test_a_gradient_computes_no_loss(together: bool) -> None:
    problem = perceptron(7, 3, 4)
    tensors = arguments(problem, 5, 7, 4)
    fn = gradient(problem, together=together).mapped(MAPPED)
    as_it_is, rewritten = (
        trace_kernels(fn, tensors, (), rewrite=rewrite)
        for rewrite in (changed_nothing, rewrite_exactly)
    )
    assert kernels(as_it_is)[aten.gather.default] == 1
    assert kernels(rewritten)[aten.gather.default] == 0
    assert kernels(rewritten)[aten.ones_like.default] == 0


def test_a_trace_holds_none_of_the_tensors_that_it_met() -> None:
    met: list[weakref.ref[Tensor]] = []

    def fn(a: Tensor) -> Tensor:
        middle = a * 2
        transposed = middle.t()
        met.extend((weakref.ref(middle), weakref.ref(transposed)))
        return middle @ transposed

    def without_transposes(graph: fx.Graph) -> None:
        """A rewriting that takes a node out, as real ones do."""
        (taken,) = (node for node in graph.nodes if "t.default" in str(node.target))
        (product,) = taken.users
        with graph.inserting_before(taken):
            other = graph.call_function(torch.ops.aten.transpose.int, (taken.args[0], 0, 1))
        product.replace_input_with(taken, other)
        graph.erase_node(taken)

    a = torch.randn(3, 4)
    gc.disable()
    try:
        module = trace_kernels(fn, (a,), (), rewrite=without_transposes)
        assert [ref() for ref in met] == [None, None]
    finally:
        gc.enable()
    assert torch.equal(module(a), (a * 2) @ (a * 2).t())


def descent(problem: Problem, *, together: bool) -> Descent:
    return Descent(lambda w, *batch: problem.loss(w, Batch(*batch)), together=together)


def with_scale(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    w, *batch = tensors
    return w, torch.tensor(-0.3), *batch


@pytest.mark.parametrize("widths", [(7, 3, 4), (64, 32, 10), (200, 120, 5)])
@pytest.mark.parametrize("together", [True, False])
def test_a_rewritten_step_has_the_bits_of_the_step_and_goes_into_the_weights(
    widths: tuple[int, ...], together: bool
) -> None:
    problem = perceptron(*widths)
    tensors = with_scale(arguments(problem, 5, widths[0], widths[-1]))
    fn = descent(problem, together=together).mapped((0, None, *MAPPED[1:]))
    module = trace_kernels(fn, tensors, (), rewrite=rewrite_steps)
    for shift in (0.0, 0.3, -1.0):
        w = tensors[0] + shift
        expected = fn(w, *tensors[1:])
        found = module(w, *tensors[1:])
        assert found.data_ptr() == w.data_ptr()
        assert torch.equal(found, expected)


@pytest.mark.parametrize("clients", [1, 5])
def test_a_large_product_is_added_to_the_weights_as_it_is_made(clients: int) -> None:
    problem = perceptron(200, 120, 5)
    tensors = with_scale(arguments(problem, clients, 200, 5))
    fn = descent(problem, together=False)
    if clients == 1:
        tensors = tuple(
            t[0] if dim == 0 else t for t, dim in zip(tensors, (0, None, *MAPPED[1:]), strict=True)
        )
        module = trace_kernels(fn, tensors, (), rewrite=rewrite_steps)
        assert kernels(module)[aten.addmm_.default] == 1
    else:
        fn = fn.mapped((0, None, *MAPPED[1:]))
        module = trace_kernels(fn, tensors, (), rewrite=rewrite_steps)
        assert kernels(module)[aten.baddbmm_.default] == 1
    assert kernels(module)[aten.cat.default] == 0
    assert torch.equal(fn(*tensors), module(tensors[0].clone(), *tensors[1:]))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("clients", [1, 5])
def test_a_step_to_a_centre_and_by_a_shift_goes_into_the_weights(
    clients: int, together: bool, shared: bool
) -> None:
    """The gradient is that at the weights from which the step begins."""
    problem = perceptron(200, 120, 5)
    w, scale, *batch = with_scale(arguments(problem, clients, 200, 5))
    luck = torch.Generator().manual_seed(2)
    centre = torch.randn(w.shape[shared:], generator=luck)
    share = torch.tensor(0.2) if shared else torch.rand(clients, generator=luck)
    shift = torch.randn(w.shape, generator=luck)
    step = Descent(
        lambda w, *batch: problem.loss(w, Batch(*batch)),
        together=together,
        base=Base(3, lambda w, centre, share, shift: torch.lerp(w, centre, share) + shift),
    )
    of_terms = None if shared else 0
    fn = step.mapped((0, None, of_terms, of_terms, 0, *MAPPED[1:]))
    tensors = (w, scale, centre, share, shift, *batch)
    module = trace_kernels(fn, tensors, (), rewrite=rewrite_steps)
    own = w.clone()
    found = module(own, *tensors[1:])
    assert found.data_ptr() == own.data_ptr()
    assert kernels(module)[aten.lerp_.Tensor] == 1
    assert kernels(module)[aten.lerp.Tensor] == 0
    assert torch.equal(found, fn(*tensors))
    g = gradient(problem, together=together).mapped(MAPPED)(w, *batch)
    expected = w + share.reshape(-1, 1) * (centre - w) + shift + scale * g
    torch.testing.assert_close(found, expected)


def test_what_is_made_of_the_weights_twice_is_not_written_over() -> None:
    def fn(w: Tensor, centre: Tensor, share: Tensor) -> Tensor:
        moved = torch.lerp(w, centre, share)
        return torch.add(moved, moved * 2)

    w, others = torch.arange(4.0), (torch.ones(4), torch.tensor(0.5))
    module = trace_kernels(fn, (w, *others), (), rewrite=rewrite_steps)
    assert module(w, *others).tolist() == [1.5, 3.0, 4.5, 6.0]
    assert w.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_nothing_is_written_over_that_is_still_to_be_read() -> None:
    """A part of the sum that lies in w itself would be read after it has changed."""

    def fn(w: Tensor) -> Tensor:
        return torch.add(w, torch.cat([w[2:], w[:2]]))

    w = torch.arange(5.0)
    module = trace_kernels(fn, (w,), (), rewrite=rewrite_steps)
    assert fn(w).tolist() == [2.0, 4.0, 6.0, 3.0, 5.0]
    assert module(w.clone()).tolist() == fn(w).tolist()

    def of_itself(w: Tensor) -> Tensor:
        return torch.add(w, w.flip(0).view(5))

    module = trace_kernels(of_itself, (w,), (), rewrite=rewrite_steps)
    assert module(w.clone()).tolist() == [4.0] * 5


def test_what_is_no_sum_with_the_first_argument_stays_as_it_is() -> None:
    def fn(w: Tensor, g: Tensor) -> Tensor:
        return torch.add(g, w, alpha=2)

    w, g = torch.ones(3), torch.arange(3.0)
    module = trace_kernels(fn, (w, g), (), rewrite=rewrite_steps)
    assert module(w, g).tolist() == [2.0, 3.0, 4.0]
    assert w.tolist() == [1.0, 1.0, 1.0]
