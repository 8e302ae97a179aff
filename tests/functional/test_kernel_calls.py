"""Traced kernels called through PyTorch's own functions, and signatures that stay few."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, fx
from torch.nn.functional import cross_entropy, linear

from unalike.functional import traced_function
from unalike.functional.graph_rewriting import rewrite_exactly
from unalike.functional.kernel_calls import InterpretedKernels, with_direct_calls
from unalike.functional.traced_function import Gradient, TracedFunction
from unalike.functional.tracing import trace_kernels


def loss(w: Tensor, x: Tensor) -> Tensor:
    return torch.log_softmax(x @ w.view(3, 2), -1).square().sum()


def test_kernels_are_called_by_the_functions_of_their_names_and_give_the_same_bits() -> None:
    given = torch.randn(6), torch.randn(5, 3)
    module = trace_kernels(loss, given, (), rewrite=rewrite_exactly)
    assert isinstance(module, fx.GraphModule)
    direct = with_direct_calls(module)
    overloads = [
        [n for n in m.graph.nodes if isinstance(n.target, torch._ops.OpOverload)]
        for m in (module, direct)
    ]
    assert overloads[0]
    assert not overloads[1]
    assert torch.equal(direct(*given), module(*given))


def test_a_function_of_the_same_name_that_gives_something_else_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = torch.randn(6), torch.randn(5, 3)
    wanted = loss(*given)
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 1)
    for wrong in (lambda *_: torch.tensor(0.0), lambda: None):  # another value; no such call
        monkeypatch.setattr(torch, "sum", wrong)
        function = TracedFunction(loss)
        with torch.no_grad():
            assert torch.equal(function(*given), wanted)


def perceptron_loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    first, bias, last = w.split([784 * 200, 200, 2000])
    hidden = torch.relu(linear(x, first.view(200, 784), bias))
    return cross_entropy(linear(hidden, last.view(10, 200)), y)


def test_interpreted_kernels_round_as_they_do_one_by_one() -> None:
    """TorchScript would take a product and a bias apart."""
    y = torch.arange(10)
    function = Gradient(perceptron_loss, together=False)
    with torch.no_grad():
        draws = [(0.05 * torch.randn(159000), torch.randn(10, 784), y) for _ in range(4)]
        module = trace_kernels(function, draws[0], (), rewrite=rewrite_exactly)
        interpreted = InterpretedKernels(module, draws[0])
        for given in draws:
            assert torch.equal(interpreted(*given), module(*given))


def test_the_interpreter_may_put_nothing_in_place_of_a_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether other kernels round otherwise is up to the processor; so it is asked what it may."""
    given = torch.randn(6), torch.randn(5, 3)
    interpreted = InterpretedKernels(trace_kernels(loss, given, (), rewrite=rewrite_exactly), given)
    allowed = []
    monkeypatch.setattr(
        interpreted, "_graph", lambda *_: allowed.append(torch._C._get_graph_executor_optimize())
    )
    interpreted(*given)
    assert allowed == [False]


def test_the_interpreter_leaves_its_setting_as_it_was() -> None:
    given = torch.randn(6), torch.randn(5, 3)
    module = trace_kernels(loss, given, (), rewrite=rewrite_exactly)
    interpreted = InterpretedKernels(module, given)
    for before in (True, False):
        torch._C._set_graph_executor_optimize(before)
        try:
            interpreted(*given)
            assert torch._C._get_graph_executor_optimize() == before
            with pytest.raises(RuntimeError):
                interpreted(torch.randn(5), given[1])
            assert torch._C._get_graph_executor_optimize() == before
        finally:
            torch._C._set_graph_executor_optimize(True)


def test_what_the_interpreter_does_not_know_is_called_from_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 1)
    for error in (RuntimeError, AttributeError):
        unknown = Mock(side_effect=error)
        monkeypatch.setattr(torch.jit, "trace", unknown)
        given = torch.randn(6), torch.randn(5, 3)
        function = TracedFunction(loss)
        with torch.no_grad():
            assert torch.equal(function(*given), loss(*given))
        unknown.assert_called_once()
        (found,) = function._traced.values()
        assert found is not function.fn
        assert not isinstance(found, InterpretedKernels)


def test_parts_of_rows_of_any_length_have_one_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 2)
    function = TracedFunction(lambda a: a * 2)
    with torch.no_grad():
        for length in (4, 7, 9):
            rows = torch.randn(3, length)
            assert torch.equal(function(rows[:, :4]), rows[:, :4] * 2)
    assert len(function._traced) == 1
