"""A tree of tensors as named arrays: what checkpoints, byte counts and messages share.

A tree is a tensor or a NamedTuple whose fields are trees.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from unalike.errors import InputError

Tree = Any


def items(tree: Tree, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """The leaves with their dotted names, in order; a bare tensor is called "value"."""
    if isinstance(tree, Tensor):
        yield name or "value", tree
        return
    for field in _fields_of(tree):
        yield from items(getattr(tree, field), f"{name}.{field}" if name else field)


def leaves(tree: Tree) -> list[Tensor]:
    """The tensors of a tree, in order."""
    return [leaf for _, leaf in items(tree)]


def map_tree(fn: Callable[..., Tensor], tree: Tree, *others: Tree) -> Tree:
    """The tree of `fn(leaf, leaves of the others...)`, all trees of one shape."""
    if isinstance(tree, Tensor):
        return fn(tree, *others)
    return type(tree)(
        *(
            map_tree(fn, getattr(tree, field), *(getattr(other, field) for other in others))
            for field in _fields_of(tree)
        )
    )


def _fields_of(tree: Tree) -> tuple[str, ...]:
    """The names of the fields of a tree that is no tensor.

    Raises:
        InputError: it is no NamedTuple, as an own method may have put there.
    """
    try:
        fields: tuple[str, ...] = tree._fields
    except AttributeError:
        raise InputError(
            "What a method sends, keeps or predicts with is a tensor, or a NamedTuple of tensors, "
            f"but here is one of type {type(tree).__name__}: make it one of these."
        ) from None
    return fields


def rebuild(like: Tree, arrays: dict[str, Tensor], name: str = "") -> Tree:
    """The inverse of `dict(items(tree))`; KeyError names a missing leaf."""
    if isinstance(like, Tensor):
        return arrays[name or "value"]
    return type(like)(
        *(
            rebuild(getattr(like, field), arrays, f"{name}.{field}" if name else field)
            for field in like._fields
        )
    )


def named_tree(arrays: dict[str, Tensor]) -> Tree:
    """A tree from its leaves in order, by the names that `items` gave them.

    Its NamedTuples have the fields of the first tree, but not its types.
    """
    if list(arrays) == ["value"]:
        return arrays["value"]
    fields: dict[str, dict[str, Tensor]] = {}
    for name, leaf in arrays.items():
        field, _, rest = name.partition(".")
        fields.setdefault(field, {})[rest or "value"] = leaf
    return namedtuple("Tree", fields)(*map(named_tree, fields.values()))


def row_of(rows: Tensor, at: Tensor) -> Tensor:
    """rows[at] of rows [N, ...] for at [] int64, also where each stacked client has its own."""
    return rows[at.reshape(1)][0]


def size_in_bytes(tree: Tree) -> int:
    """Bytes of the payload, without headers."""
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves(tree))
