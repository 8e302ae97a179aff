"""The methods of a comparison: names, classes, or methods with their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from unalike.core import Method
from unalike.errors import InputError
from unalike.plugins import register

Settings = dict[str, dict[str, Any]]


def methods_and_settings(
    methods: str | Sequence[str | Method | type[Method]], settings: Mapping[str, Any]
) -> tuple[str | tuple[str, ...], Settings]:
    """The labels of a study's methods, and its settings with those of methods given as objects.

    Classes that are new are registered. Where one method is given twice, the label of the later one
    says how it differs, as in "fedprox-mu=1.0".

    Raises:
        InputError: something is no method, its name is taken, or its settings are given twice.
    """
    found: Settings = {label: dict(given) for label, given in settings.items()}
    if isinstance(methods, str):
        return methods, found
    given: Any = [methods] if isinstance(methods, (Method, type)) else methods
    labels: list[str] = []
    for one in given:
        if isinstance(one, str):
            labels.append(one)
            continue
        cls: type[Method] = register(one if isinstance(one, type) else type(one), kind="method")
        own = _differing(one) if isinstance(one, Method) else {}
        label = cls.name
        if label in labels:
            label = "-".join([label, *(f"{name}={value}" for name, value in own.items())])
        if label in labels:
            raise InputError(f"The method {label!r} is given twice: give each once.")
        if own and label in found:
            raise InputError(
                f"The settings of {label!r} are given twice: in {one} and in settings=...; give "
                "them once."
            )
        if own:
            found[label] = own if label == cls.name else {"method": cls.name, **own}
        labels.append(label)
    return tuple(labels), found


def _differing(method: Method) -> dict[str, Any]:
    """The settings that are not the default."""
    values = {field.name: getattr(method, field.name) for field in fields(method)}
    defaults = {field.name: field.default for field in fields(method)}
    return {name: value for name, value in values.items() if value != defaults[name]}
