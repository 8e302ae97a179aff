"""A method that notices when one of its verbs changes what it was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch

from unalike.core import Method

from .trees import tensors

VERBS = ("broadcast", "client_update", "server_update", "personalise", "adapt", "predict")


def watched(method: Method) -> Any:
    """The method, asserting that its verbs change none of the trees that they are given.

    Its `seen` names the verbs that were called.
    """
    cls: Any = type(method)
    seen: set[str] = set()

    def watch(verb: str) -> Callable[..., Any]:
        def call(self: Any, *args: Any) -> Any:
            given = [leaf for argument in args for leaf in tensors(argument)]
            before = [leaf.clone() for leaf in given]
            result = getattr(cls, verb)(self, *args)
            assert all(map(torch.equal, before, given)), f"{verb} changed what it was given"
            seen.add(verb)
            return result

        return call

    body = {verb: watch(verb) for verb in VERBS} | {"seen": seen}
    body["broadcast"] = cls.broadcast  # always under vmap
    return type(f"Watched{cls.__name__}", (cls,), body)(
        **{f.name: getattr(method, f.name) for f in fields(cls)}
    )
