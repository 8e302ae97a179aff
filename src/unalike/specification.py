"""Things of several kinds with settings, as people write them: KIND:NAME=VALUE,NAME=VALUE."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .errors import InputError, unknown

Kind = TypeVar("Kind", bound=BaseModel)


def parse_specification(text: str, what: str, example: str) -> dict[str, Any]:
    """The kind and the settings in a text, as plain values; what: the name of such a thing.

    Raises:
        InputError: it is written in another way.
    """
    kind, colon, rest = text.partition(":")
    given: dict[str, Any] = {"kind": kind.strip()}
    for pair in rest.split(",") if colon else ():
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (equals and name and value):
            raise InputError(
                f"{what} {text!r}: write KIND or KIND:NAME=VALUE,NAME=VALUE, as in {example}."
            )
        if name in given:
            raise InputError(f"{what} {text!r}: {name} is given twice.")
        given[name] = _number(value)
    return given


def validate_kind(kinds: Mapping[str, type[Kind]], given: Mapping[str, Any], what: str) -> Kind:
    """The thing of this kind, its settings checked.

    Raises:
        InputError: an unknown kind or setting, or a value that makes no sense.
    """
    values = dict(given)
    kind = str(values.pop("kind", None))
    if kind not in kinds:
        raise unknown(what, kind, kinds)
    try:
        return kinds[kind].model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        raise InputError(f"The {what} {kind} needs {name}: write {kind}:{name}=VALUE.")
    if first["type"] == "extra_forbidden":
        known = [field for field in kinds[kind].model_fields if field != "kind"]
        if not known:
            raise InputError(f"The {what} {kind} has no settings: leave {name} out.")
        raise unknown(f"setting of the {what} {kind}", name, known)
    raise InputError(f"The {what} {kind}: {name} = {first['input']!r}: {reason(first)}.")


def reason(problem: Any) -> str:
    """What pydantic says of one value, to stand within a sentence."""
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"]).removesuffix(".")
    return str(problem["msg"][0].lower() + problem["msg"][1:])


def specification_of(thing: BaseModel) -> str:
    """The thing as a text that reads back as it is; settings that have their default are left out.

    A setting whose default is None is left out where it is None.
    """
    values = thing.model_dump(exclude={"kind"}, exclude_defaults=True)
    settings = ",".join(f"{name}={_shortest(value)}" for name, value in values.items())
    kind = str(type(thing).model_fields["kind"].default)
    return f"{kind}:{settings}" if settings else kind


def _number(text: str) -> int | float | str:
    """The number that a text stands for, or the text."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _shortest(value: object) -> str:
    """A value as people write it: 3 and not 3.0, but every digit that counts."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)
