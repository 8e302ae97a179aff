"""Registering one's own methods, models, data sets, splits, skews, measures and tasks."""

from __future__ import annotations

from functools import partial
from typing import Any

from unalike.errors import InputError, unknown

from .catalogues import CATALOGUES, STANDARD
from .entries import BUILD, Entry, definition, kind_of


def register(
    thing: Any = None, /, *, kind: str | None = None, name: str | None = None, **facts: Any
) -> Any:
    """Make a thing of one's own known by its name, beside those that come with unalike.

        >>> from unalike.methods import FedAvg
        >>> @register
        ... class Twice(FedAvg):
        ...     name = "twice"
        >>> @register(kind="measure", task="classes", higher_is_better=True)
        ... def confident(output, truth):
        ...     return float((output.max(1) > 2).mean())

    A decorator, or a function; the thing is given back as it is.

    Args:
        thing: a class of methods, skews, tasks or `torch.nn.Module`; a `ModelSpec`, `Source`,
            `Split` or `Measure`; or a function, with its `kind`.
        kind: "method", "model", "data", "split", "skew", "measure" or "task", where the type of
            the thing does not say it. A model is made by (shape, classes); a data set by (), which
            gives samples in any form that `compare` takes; a split by (labels, clients, rng, *,
            min_size), one index list a client; a measure by (output [n, ...], truth [n, ...]).
        name: how it is called; of a class its `name`, else that of the function.
        facts: what the catalogue says of it: of a model meaning, source, options; of a data set
            title, licence, citation, samples, label, client, task; of a measure task,
            higher_is_better, title, unit and bounds.

    Raises:
        InputError: the name is taken, or something is missing.
    """
    if thing is None:
        return partial(register, kind=kind, name=name, **facts)
    found = kind or kind_of(thing)
    if found is None:
        raise InputError(
            f"{getattr(thing, '__name__', thing)} does not say what it is: register it with "
            f"kind=..., one of {', '.join(BUILD)}."
        )
    if found not in BUILD:
        raise unknown("kind", found, BUILD)
    add(found, BUILD[found](thing, name, facts))
    return thing


def add(kind: str, entry: Entry) -> None:
    """Put an entry into the catalogue of its kind, in place of an earlier form of itself.

    Raises:
        InputError: the name is another one's.
    """
    catalogue = CATALOGUES[kind]
    known = catalogue.get(entry.name)
    if known is not None and known is not entry.value:
        theirs, ours = definition(known), definition(entry.value)
        if entry.name in STANDARD[kind] or theirs != ours:
            raise InputError(
                f"The {kind} name {entry.name!r} is taken by {'.'.join(theirs)}: give "
                f"{'.'.join(ours)} another name."
            )
    catalogue[entry.name] = entry.value
