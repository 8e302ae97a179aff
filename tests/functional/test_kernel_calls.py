"""Traced kernels called through PyTorch's own functions, and signatures that stay few."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx

from unalike.functional import traced_function
from unalike.functional.graph_rewriting import rewrite_exactly
from unalike.functional.kernel_calls import with_direct_calls
from unalike.functional.traced_function import TracedFunction
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


def test_parts_of_rows_of_any_length_have_one_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 2)
    function = TracedFunction(lambda a: a * 2)
    with torch.no_grad():
        for length in (4, 7, 9):
            rows = torch.randn(3, length)
            assert torch.equal(function(rows[:, :4]), rows[:, :4] * 2)
    assert len(function._traced) == 1
