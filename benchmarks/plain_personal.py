"""Hand-written loops of methods that keep something for each client, as tight as `plain.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from unalike.data.federation import Federation

Tensors = list[Tensor]
Batches = Callable[[int], Iterator[tuple[Tensor, Tensor]]]
Update = Callable[[nn.Module, Tensors, dict[str, Any], dict[str, Any], Batches], Tensors]
"""(module, its weights, the server's state, the client's, batches of so many epochs) -> what the
server adds to its own weights; the weights hold the server's when it is called."""


def rounds(
    module: nn.Module, federation: Federation, update: Update, *, batch_size: int
) -> Callable[[], None]:
    """A function that does the next round with all clients."""
    weights = list(module.parameters())
    server: dict[str, Any] = {"w": _copies(weights)}
    shuffles = torch.Generator().manual_seed(0)
    clients = [torch.from_numpy(federation.train.rows(i)) for i in range(federation.clients)]
    states: list[dict[str, Any]] = [{} for _ in clients]

    def one_round() -> None:
        total = [torch.zeros_like(w) for w in weights]
        for own, state in zip(clients, states, strict=True):
            x, y = federation.x[own], federation.y[own]

            def batches(
                epochs: int, x: Tensor = x, y: Tensor = y
            ) -> Iterator[tuple[Tensor, Tensor]]:
                for _ in range(epochs):
                    for at in torch.randperm(len(x), generator=shuffles).split(batch_size):
                        yield x[at], y[at]

            _put(weights, server["w"])
            for part, moved in zip(
                total, update(module, weights, server, state, batches), strict=True
            ):
                part.add_(moved, alpha=1 / len(clients))
        for w, part in zip(server["w"], total, strict=True):
            w.add_(part)
        for k, c in enumerate(server.get("c", ())):
            c.copy_(torch.stack([state["c"][k] for state in states]).mean(0))

    return one_round


def ditto(lr: float, lam: float = 1.0) -> Update:
    """FedAvg, and a model of each client's own near the server's."""

    def update(
        module: nn.Module, weights: Tensors, server: Any, state: Any, batches: Batches
    ) -> Tensors:
        for x, y in batches(1):
            _step(weights, _gradients(module, weights, x, y), lr)
        moved = _moved(weights, server["w"])
        _put(weights, state.setdefault("v", _copies(server["w"])))
        for x, y in batches(1):
            gradients = _gradients(module, weights, x, y)
            with torch.no_grad():
                for g, v, w in zip(gradients, weights, server["w"], strict=True):
                    g.add_(v, alpha=lam).sub_(w, alpha=lam)
            _step(weights, gradients, lr)
        _put(state["v"], weights)
        return moved

    return update


def fedrep(lr: float, head_epochs: int) -> Update:
    """The last layer stays with the client and is fitted first."""

    def update(
        module: nn.Module, weights: Tensors, server: Any, state: Any, batches: Batches
    ) -> Tensors:
        body, head = weights[:-2], weights[-2:]
        _put(head, state.setdefault("head", _copies(server["w"][-2:])))
        for part, epochs in ((head, head_epochs), (body, 1)):
            for x, y in batches(epochs):
                _step(part, _gradients(module, part, x, y), lr)
        _put(state["head"], head)
        return [*_moved(body, server["w"]), *(torch.zeros_like(w) for w in head)]

    return update


def scaffold(lr: float) -> Update:
    """Gradients corrected by control variates, option II."""

    def update(
        module: nn.Module, weights: Tensors, server: Any, state: Any, batches: Batches
    ) -> Tensors:
        zeros = [torch.zeros_like(w) for w in weights]
        c, mine = server.setdefault("c", zeros), state.setdefault("c", _copies(zeros))
        correction = [a - b for a, b in zip(c, mine, strict=True)]
        steps = 0
        for x, y in batches(1):
            gradients = _gradients(module, weights, x, y)
            for g, more in zip(gradients, correction, strict=True):
                g.add_(more)
            _step(weights, gradients, lr)
            steps += 1
        moved = _moved(weights, server["w"])
        for own, by, more in zip(mine, moved, correction, strict=True):
            own.copy_(own - (own + more) - by / (lr * steps))
        return moved

    return update


def _gradients(module: nn.Module, weights: Tensors, x: Tensor, y: Tensor) -> Tensors:
    return list(torch.autograd.grad(cross_entropy(module(x), y), weights))


def _step(weights: Tensors, gradients: Tensors, lr: float) -> None:
    with torch.no_grad():
        for w, g in zip(weights, gradients, strict=True):
            w.sub_(g, alpha=lr)


def _moved(weights: Tensors, before: Tensors) -> Tensors:
    return [w.detach() - start for w, start in zip(weights, before, strict=False)]


def _put(weights: Tensors, values: Tensors) -> None:
    with torch.no_grad():
        for w, value in zip(weights, values, strict=True):
            w.copy_(value)


def _copies(weights: Tensors) -> Tensors:
    return [w.detach().clone() for w in weights]
