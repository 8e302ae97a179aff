"""What a class must be to be a method, beyond being a subclass of `Method`."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, ClassVar, get_origin

from unalike.core import Method
from unalike.errors import InputError
from unalike.methods.header import hints_of

VERBS = ("client_update", "server_update")
"""What every method has to say itself."""


def check_method_class(cls: Any) -> type[Method]:
    """The class, if it can be compared with the others.

    Raises:
        InputError: one sentence says what it lacks.
    """
    if not (isinstance(cls, type) and issubclass(cls, Method)):
        raise InputError(f"{_called(cls)} is no method: derive its class from unalike.core.Method.")
    name = cls.__name__
    if not isinstance(getattr(cls, "name", None), str):
        raise InputError(
            f'The method class {name} has no name: write name: ClassVar[str] = "..." in it.'
        )
    for verb in VERBS:
        if getattr(cls, verb) is getattr(Method, verb) and not cls.pooled:
            raise InputError(f"The method class {name} has no {verb}(...): every method needs one.")
    _check_dataclass(cls)
    for field in fields(cls):
        if field.default is MISSING:
            raise InputError(
                f"The setting {field.name} of the method class {name} has no default: give it one, "
                f"as in {field.name}: float = 0.1."
            )
    try:
        hints_of(cls)
    except NameError as error:
        raise InputError(
            f"The types of the settings of the method class {name} cannot be read ({error}): use "
            "names that its module knows."
        ) from None
    return cls


def _check_dataclass(cls: type[Method]) -> None:
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise InputError(_undecorated(cls))
    if "__dataclass_params__" in vars(cls):
        return
    own = vars(cls).get("__annotations__", {})
    if any(not _is_class_variable(hint) for hint in own.values()):
        raise InputError(_undecorated(cls))


def _is_class_variable(hint: Any) -> bool:
    if isinstance(hint, str):
        return hint.partition("[")[0].rpartition(".")[2] == "ClassVar"
    return hint is ClassVar or get_origin(hint) is ClassVar


def _undecorated(cls: type[Method]) -> str:
    return (
        f"The method class {cls.__name__} is no frozen dataclass, so its settings would not count: "
        "write @dataclass(frozen=True) above it."
    )


def _called(thing: Any) -> str:
    return getattr(thing, "__name__", None) or repr(thing)
