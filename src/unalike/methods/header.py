"""What a method's file says of itself: title, idea, Source, Wire, Ours and Avoid."""

import inspect
import re
import sys
from dataclasses import fields
from typing import Any, NamedTuple, get_args, get_type_hints

from unalike.core import Method
from unalike.method_files import UNSAID, parse_top, said


class Hyperparameter(NamedTuple):
    """A hyper-parameter."""

    name: str
    default: Any
    meaning: str


class Header(NamedTuple):
    """A method's header."""

    name: str
    title: str
    idea: str
    source: str
    wire: str
    ours: str
    avoid: str  # when not to use it, in one sentence
    settings: tuple[Hyperparameter, ...]

    @property
    def year(self) -> int | None:
        """The year of the source; None for a baseline without one."""
        found = re.search(r"\b(19|20)\d\d\b", self.source)
        return int(found.group()) if found else None


def header(cls: type[Method]) -> Header:
    """The header of a method's file; of one without, its docstring's first lines as the idea."""
    module = sys.modules.get(cls.__module__)
    text = (module.__doc__ if module is not None else None) or ""
    parts = said(parse_top(text) or _of_docstring(cls, text))
    return Header(cls.name, settings=_settings(cls), **parts)


def _of_docstring(cls: type[Method], of_module: str) -> dict[str, str]:
    own = vars(cls).get("__doc__") or ""
    if own.startswith(f"{cls.__name__}("):  # what a dataclass writes by itself
        own = ""
    idea = inspect.cleandoc(own or of_module).partition("\n\n")[0]
    unsaid = dict.fromkeys(("source", "wire", "ours", "avoid"), UNSAID)
    return {"title": cls.__name__, "idea": idea or "A method of the user's own.", **unsaid}


def hints_of(cls: type[Method]) -> dict[str, Any]:
    """The annotated types of a method's settings, wherever its class was written.

    A class that came from another process finds its names where its functions do.

    Raises:
        NameError: a type is named that the class's module does not know.
    """
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError:
        hints = get_type_hints(cls, localns=_names_of_functions(cls), include_extras=True)
    return {field.name: hints[field.name] for field in fields(cls)}


def _names_of_functions(cls: type[Method]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for function in filter(inspect.isfunction, vars(base).values()):
            names |= function.__globals__
    return names


def _settings(cls: type[Method]) -> tuple[Hyperparameter, ...]:
    hints = hints_of(cls)
    return tuple(
        Hyperparameter(
            field.name,
            field.default,
            next((part for part in get_args(hints[field.name]) if isinstance(part, str)), ""),
        )
        for field in fields(cls)
    )
