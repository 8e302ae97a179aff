"""Traced kernels in fewer passes over memory.

A gradient of a large model is limited by the number of times that it is read and written. The
rules here leave out what changes nothing, multiply matrices the way round in which the result is
wanted, and let large products write straight into their place in the flat gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

aten = torch.ops.aten

LARGE = 1 << 14
"""Numbers in a matrix from which on a copy of it costs more than the detour around it."""

DRAWS = 3
"""Random arguments on which a kernel must give the bits of the one that it replaces."""

_TRANSPOSES = (aten.t.default, aten.transpose.int)
_PRODUCTS = {aten.bmm.default: aten.bmm.out, aten.mm.default: aten.mm.out}
_ADDED = {aten.bmm.default: aten.baddbmm_.default, aten.mm.default: aten.addmm_.default}
_CHANGES = {aten.lerp.Tensor: aten.lerp_.Tensor, aten.add.Tensor: aten.add_.Tensor}
_VIEWS = (aten.view.default, aten._unsafe_view.default)


def rewrite_exactly(graph: fx.Graph) -> None:
    """Fewer passes, the same bits."""
    _remove_identities(graph)
    _transpose_products(graph, exact=True)
    _write_products_in_place(graph)


def rewrite_steps(graph: fx.Graph) -> None:
    """The same for a sum of the first argument and another: it is added to the argument, large
    products in one pass."""
    _remove_identities(graph)
    _transpose_products(graph, exact=True)
    _add_in_place(graph)


def rewrite_approximately(graph: fx.Graph) -> None:
    """Fewer kernels, the same values to rounding, nothing written in place."""
    _remove_identities(graph)
    _transpose_products(graph, exact=False)


def _remove_identities(graph: fx.Graph) -> None:
    """Leave out what changes nothing."""
    _make_ones_by_shape(graph)
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        same = node.args[0] if _is_identity(node) else _double_transpose(node)
        if same is not None:
            node.replace_all_uses_with(same)
            graph.erase_node(node)
    graph.eliminate_dead_code()


def _make_ones_by_shape(graph: fx.Graph) -> None:
    """Going back begins with ones like the loss: its shape is known, so it is not computed."""
    for node in list(graph.nodes):
        if node.target is not aten.ones_like.default or not _value(node).is_contiguous():
            continue
        like = _value(node)
        kind: Any = {"dtype": like.dtype, "device": like.device}
        with graph.inserting_before(node):
            ones = graph.call_function(aten.full.default, (list(like.shape), 1), kind)
        ones.meta["val"] = like
        node.replace_all_uses_with(ones)


def _is_identity(node: Any) -> bool:
    if node.target is aten.detach.default:
        return True
    if node.target is aten.mul.Scalar:
        return bool(node.args[1] == 1) and _value(node).dtype == _value(node.args[0]).dtype
    if node.target in (*_VIEWS, aten.expand.default):
        return _same_layout(_value(node), _value(node.args[0]))
    return False


def _double_transpose(node: Any) -> Any:
    """x where the node is the transpose of x's transpose."""
    inner = node.args[0]
    if _is_transpose(node) and _is_transpose(inner) and isinstance(inner, fx.Node):
        return inner.args[0]
    return None


def _transpose_products(graph: fx.Graph, *, exact: bool) -> None:
    """(A B)^T that is copied into order becomes B^T A^T, which comes out in that order."""
    for node in list(graph.nodes):
        flipped: Any = node.args[0] if _is_contiguous_copy(node) else None
        product: Any = flipped.args[0] if _is_transpose(flipped) else None
        if _target(product) not in _PRODUCTS or len(flipped.users) + len(product.users) > 2:
            continue
        a, b = product.args
        if exact and not _same_transposed(product.target, _value(a), _value(b)):
            continue
        with graph.inserting_before(node):
            turned = _call(graph, product.target, _transpose(graph, b), _transpose(graph, a))
        node.replace_all_uses_with(turned)
    graph.eliminate_dead_code()


def _is_contiguous_copy(node: Any) -> bool:
    wanted = node.kwargs.get("memory_format")
    return node.target is aten.clone.default and wanted is torch.contiguous_format


def _write_products_in_place(graph: fx.Graph) -> None:
    """Large products among the parts of the result are written where they end."""
    (result,) = (node for node in graph.nodes if node.op == "output")
    joined: Any = result.args[0]
    parts = _joined_parts(joined)
    products = {part: _product(part, LARGE, _same_in_place) for part in parts}
    if not any(products.values()):
        return
    like, shape = _value(joined), _value(joined).shape
    first = next(node for node in graph.nodes if node.op == "call_function")
    with graph.inserting_before(first):
        given = next(node for node in graph.nodes if node.op == "placeholder")
        whole = graph.call_function(
            aten.new_empty.default, (given, list(shape)), {"dtype": like.dtype}
        )
    start = 0
    for part in parts:
        stop = start + _value(part).shape[-1]
        product = products[part]
        with graph.inserting_before(product or joined):
            place = graph.call_function(aten.narrow.default, (whole, -1, start, stop - start))
            if product:
                matrix = list(_value(product).shape)
                place = graph.call_function(aten.view.default, (place, matrix))
                out = _PRODUCTS[product.target]
                graph.call_function(out, product.args, {"out": place})
            else:
                graph.call_function(aten.copy_.default, (place, part))
        start = stop
    joined.replace_all_uses_with(whole)
    graph.erase_node(joined)
    for part, product in products.items():
        if product:
            graph.erase_node(part)
            graph.erase_node(product)


def _joined_parts(joined: Any) -> list[Any]:
    """What is joined along the last dimension, each part once; nothing where it is otherwise."""
    if _target(joined) is not aten.cat.default:
        return []
    parts = list(joined.args[0])
    along = (*joined.args[1:], 0)[0]
    plain = along in (-1, _value(joined).dim() - 1) and len(set(parts)) == len(parts)
    return parts if plain else []


def _add_in_place(graph: fx.Graph) -> None:
    """w + g is added to w part by part, large products as they are made, when all else is done.

    The same where w is changed number by number before g is added. Only where nothing that is still
    to be read then lies in w.
    """
    (result,) = (node for node in graph.nodes if node.op == "output")
    total: Any = result.args[0]
    w = next(node for node in graph.nodes if node.op == "placeholder")
    if _target(total) is not aten.add.Tensor or total.kwargs:
        return
    g: Any = total.args[1]
    memory = _value(w).untyped_storage().data_ptr()

    def apart(node: Any) -> bool:
        return _value(node).untyped_storage().data_ptr() != memory

    changes = _changes(w, total.args[0])
    if changes is None or not all(apart(term) for node in changes for term in node.args[1:]):
        return
    if not apart(g) or _value(g).shape != _value(w).shape or len(total.users) > 1:
        return
    parts = _joined_parts(g)
    products = {part: _product(part, LARGE, _same_added) for part in parts}
    read = [
        *parts,
        *(factor for product in products.values() if product for factor in product.args),
    ]
    if not parts or not all(map(apart, read)) or len(g.users) > 1:
        parts, products = [g], {g: None}
    with graph.inserting_before(total):
        for node in changes:
            graph.call_function(_CHANGES[node.target], (w, *node.args[1:]))
    start = 0
    for part in parts:
        stop = start + _value(part).shape[-1]
        product = products[part]
        with graph.inserting_before(total):
            place = graph.call_function(aten.narrow.default, (w, -1, start, stop - start))
            if product:
                place = graph.call_function(aten.view.default, (place, list(_value(product).shape)))
                graph.call_function(_ADDED[product.target], (place, *product.args))
            else:
                graph.call_function(aten.add_.Tensor, (place, part))
        start = stop
    total.replace_all_uses_with(w)
    graph.erase_node(total)
    for node in reversed(changes):
        graph.erase_node(node)
    if len(parts) > 1:
        graph.erase_node(g)
    for part, product in products.items():
        if product:
            graph.erase_node(part)
            graph.erase_node(product)


def _changes(w: fx.Node, end: Any) -> list[Any] | None:
    """The operations, first one first, that make `end` of w and of tensors that change nothing of
    its shape, each number by itself; None where it is made otherwise."""
    changes: list[Any] = []
    while end is not w:
        if _target(end) not in _CHANGES or end.kwargs or len(end.users) > 1:
            return None
        if _value(end).shape != _value(w).shape:
            return None
        changes.insert(0, end)
        end = end.args[0]
    return changes


def _product(part: Any, least: int, same: Callable[[Any, Tensor, Tensor], bool]) -> Any:
    """The product of at least so many numbers that this part of the result is, laid out flat."""
    product = part.args[0] if _target(part) in _VIEWS else None
    if product is None or _target(product) not in _PRODUCTS:
        return None
    a, b = (_value(factor) for factor in product.args)
    alone = len(part.users) == 1 and len(product.users) == 1
    if not alone or _value(product).shape[-2:].numel() < least or not same(product.target, a, b):
        return None
    return product


def _same_transposed(product: Any, a: Tensor, b: Tensor) -> bool:
    return all(
        torch.equal(product(x, y).mT, product(y.mT, x.mT))
        for x, y in (_random_like(a, b, draw) for draw in range(DRAWS))
    )


def _same_in_place(product: Any, a: Tensor, b: Tensor) -> bool:
    return all(
        torch.equal(product(x, y), _PRODUCTS[product](x, y, out=_place(product(x, y))))
        for x, y in (_random_like(a, b, draw) for draw in range(DRAWS))
    )


def _same_added(product: Any, a: Tensor, b: Tensor) -> bool:
    def same(x: Tensor, y: Tensor) -> bool:
        g = product(x, y)
        w = _place(g).copy_(g.flip(-1))
        return torch.equal(w + g, _ADDED[product](w, x, y))

    return all(same(*_random_like(a, b, draw)) for draw in range(DRAWS))


def _place(like: Tensor) -> Tensor:
    """Room for a matrix of each client within a row that is longer, as weights have it."""
    *clients, rows, columns = like.shape
    place = like.new_empty(*clients, rows * columns + 3)
    return place[..., 1 : 1 + rows * columns].view(like.shape)


def _random_like(a: Tensor, b: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    luck = torch.Generator(a.device).manual_seed(seed)

    def drawn(t: Tensor) -> Tensor:
        own = [1 if stride == 0 else n for n, stride in zip(t.shape, t.stride(), strict=True)]
        numbers = torch.empty_strided(own, t.stride(), dtype=t.dtype, device=t.device)
        return numbers.normal_(generator=luck).expand(t.shape)

    return drawn(a), drawn(b)


def _transpose(graph: fx.Graph, node: Any) -> Any:
    if _is_transpose(node):
        return node.args[0]
    return _call(graph, aten.transpose.int, node, -2, -1)


def _is_transpose(node: Any) -> bool:
    """Whether it exchanges the last two dimensions."""
    if _target(node) not in _TRANSPOSES or _value(node.args[0]).dim() < 2:
        return False
    if node.target is aten.t.default:
        return True
    dims = _value(node).dim()
    return {dim % dims for dim in node.args[1:]} == {dims - 2, dims - 1}


def _call(graph: fx.Graph, target: Any, *args: Any) -> fx.Node:
    node = graph.call_function(target, args)
    node.meta["val"] = target(*(_value(a) if isinstance(a, fx.Node) else a for a in args))
    return node


def _same_layout(new: Tensor, old: Tensor) -> bool:
    return new.shape == old.shape and new.stride() == old.stride()


def _target(node: Any) -> Any:
    return node.target if isinstance(node, fx.Node) else None


def _value(node: Any) -> Tensor:
    return node.meta["val"]
