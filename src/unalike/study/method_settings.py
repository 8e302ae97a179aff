"""Methods from plain values: hyper-parameters are checked against their types and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from unalike.core import Method
from unalike.errors import InputError, unknown
from unalike.functional.settings_types import FINITE
from unalike.methods.header import hints_of
from unalike.specification import reason

_models = WeakKeyDictionary[type[Method], type[BaseModel]]()


def settings_model(cls: type[Method]) -> type[BaseModel]:
    """The hyper-parameters of a method with their types, bounds and meanings."""
    if cls not in _models:
        _models[cls] = _settings_model(cls)
    return _models[cls]


def _settings_model(cls: type[Method]) -> type[BaseModel]:
    hints = hints_of(cls)
    known: dict[str, Any] = {f.name: (hints[f.name], f.default) for f in fields(cls)}
    return create_model(cls.__name__, __config__=ConfigDict(**FINITE, extra="forbid"), **known)


def build_method(cls: type[Method], given: Mapping[str, Any], label: str | None = None) -> Method:
    """A method from plain values, each checked against its type and bounds."""
    model = settings_model(cls)
    known = model.model_fields
    label = label or cls.name
    try:
        checked = model.model_validate(dict(given))
    except ValidationError as error:
        raise validation_error(error, f"Method {label}: ", f"setting of {label}", known) from None
    return cls(**{name: getattr(checked, name) for name in known})


def validation_error(
    error: ValidationError, source: str, kind: str, known: Mapping[str, Any]
) -> InputError:
    """The first thing that is wrong, in one sentence that begins with `source`."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return InputError(f"{source}{unknown(kind, name, known)}")
    return InputError(f"{source}{name} = {first['input']!r}: {reason(first)}.")
