"""From what somebody registers to the entry that the catalogue of its kind holds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from torch import nn

from unalike.data.reading import read
from unalike.data.skews.skew import Family, ResamplingSkew, Skew, TransformSkew
from unalike.data.skews.temporal_skews import TemporalSkew
from unalike.data.sources import Arrays, Source
from unalike.data.splits import Option, Split
from unalike.errors import InputError, unknown
from unalike.models import ModelSpec
from unalike.tasks import Measure, Task, own_measure

from .method_class import check_method_class


class Entry(NamedTuple):
    """A thing under its name."""

    name: str
    value: Any


Facts = Mapping[str, Any]
"""What is said of a thing besides its name, by keyword."""


def method(thing: Any, name: str | None, facts: Facts) -> Entry:
    """A subclass of `Method`, under the name that it gives itself."""
    _only("method", facts)
    cls = check_method_class(thing)
    if name not in (None, cls.name):
        raise InputError(f"The method class {cls.__name__} is called {cls.name!r}, not {name!r}.")
    return Entry(_checked("method", cls.name), cls)


def model(thing: Any, name: str | None, facts: Facts) -> Entry:
    """A class of modules, or a function, made by (shape, classes, **options)."""
    if isinstance(thing, ModelSpec):
        _only("model", facts)
        return Entry(_checked("model", _required("model", name)), thing)
    _only("model", facts, "meaning", "source", "options", "reconstructs")
    own = _own_name("model", thing, name)
    _require_call("model", own, thing, 2, "(shape, classes)")
    about = {"meaning": _first_line(thing), "source": "the user's own", **facts}
    return Entry(own, ModelSpec(make=thing, **about))


def data(thing: Any, name: str | None, facts: Facts) -> Entry:
    """A `Source`, or a function () that gives samples in any form that `compare` takes."""
    if isinstance(thing, Source):
        _only("data", facts)
        return Entry(_checked("data set", thing.name), thing)
    known = ("title", "samples", "shape", "classes", "licence", "citation", "natural_clients")
    reading = ("label", "client", "task")
    _only("data", facts, *known, *reading)
    own = _own_name("data set", thing, name)
    _require_call("data set", own, thing, 0, "()")
    options = {key: facts[key] for key in reading if key in facts}

    def arrays() -> Arrays:
        found = thing()
        return found if isinstance(found, Arrays) else read(found, **options).arrays()

    about: dict[str, Any] = dict.fromkeys(("samples", "shape", "classes"))
    about |= {"title": _first_line(thing), "licence": "the user's own", "citation": "none"}
    about |= {key: facts[key] for key in known if key in facts}
    task = {"task": facts["task"]} if "task" in facts else {}
    return Entry(own, Source(name=own, files=(), read=_named_like(thing, arrays), **about, **task))


def split(thing: Any, name: str | None, facts: Facts) -> Entry:
    """A `Split`, or a function (labels, clients, rng, *, min_size, **options) -> index lists."""
    if isinstance(thing, Split):
        _only("split", facts)
        return Entry(_checked("split", thing.name), thing)
    _only("split", facts, "meaning")
    own = _own_name("split", thing, name)
    _require_call("split", own, thing, 3, "(labels, clients, rng, *, min_size)", "min_size")
    options = []
    for key, parameter in inspect.signature(thing).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY or key == "min_size":
            continue
        if not isinstance(parameter.default, (int, float, str)):
            raise InputError(
                f"The option {key} of the split {own!r} has no default that is a number or a "
                f"word: give it one, as in {key}=1.0."
            )
        options.append(Option(key, parameter.default, ""))
    meaning = facts.get("meaning", _first_line(thing))
    return Entry(own, Split(own, meaning, thing, tuple(options)))


def skew(thing: Any, name: str | None, facts: Facts) -> Entry:
    """A class of skews, under the default of its `kind`."""
    _only("skew", facts)
    bases = {ResamplingSkew: "resample", TransformSkew: "transform", TemporalSkew: ""}
    base = next((b for b in bases if isinstance(thing, type) and issubclass(thing, b)), None)
    if base is None:
        raise InputError(
            f"{_called(thing)} is no skew: derive its class from ResamplingSkew or TransformSkew "
            "of unalike.data.skews.skew."
        )
    called = f"The skew class {thing.__name__}"
    kind = thing.model_fields["kind"].default
    if not isinstance(kind, str):
        raise InputError(f'{called} has no kind: write kind: Literal["..."] = "..." in it.')
    if not isinstance(getattr(thing, "meaning", None), str):
        raise InputError(f'{called} has no meaning: write meaning: ClassVar[str] = "..." in it.')
    if getattr(thing, "family", None) not in get_args(Family):
        raise InputError(
            f"{called} has no family: write family: ClassVar[Family], one of "
            f"{', '.join(get_args(Family))}."
        )
    verb = bases[base]
    if verb and getattr(thing, verb) is getattr(base, verb):
        raise InputError(f"{called} has no {verb}(...), which says what it does to samples.")
    if name not in (None, kind):
        raise InputError(f"{called} is called {kind!r}, not {name!r}.")
    return Entry(_checked("skew", kind), thing)


def measure(thing: Any, name: str | None, facts: Facts) -> Entry:
    """A function (output [n, ...], truth [n, ...]) -> number of a task: see `register_measure`."""
    known = ("higher_is_better", "title", "unit", "bounds")
    _only("measure", facts, "task", *known)
    task = facts.get("task")
    of = f"The measure {_called(thing)}"
    if not isinstance(task, str):
        raise InputError(f'{of} says no task: register it with task="classes", say.')
    if isinstance(thing, Measure):
        return Entry(f"{task}/{_checked('measure', thing.name)}", thing)
    if "higher_is_better" not in facts:
        raise InputError(
            f"{of} says no direction: register it with higher_is_better=True or =False."
        )
    own = name or thing.__name__
    _require_call("measure", own, thing, 2, "(output, truth)")
    about = {key: facts[key] for key in known if key in facts}
    return Entry(f"{task}/{_checked('measure', own)}", own_measure(task, own, thing, **about))


def task(thing: Any, name: str | None, facts: Facts) -> Entry:
    """A class of tasks, under the name that it gives itself."""
    _only("task", facts)
    if not (isinstance(thing, type) and issubclass(thing, Task)):
        raise InputError(f"{_called(thing)} is no task: derive its class from unalike.tasks.Task.")
    missing = sorted(thing.__abstractmethods__)
    missing += [
        field
        for field in ("name", "title", "usual", "standard_measures")
        if not hasattr(thing, field)
    ]
    if missing:
        raise InputError(f"The task class {thing.__name__} has no {', '.join(missing)}.")
    if name not in (None, thing.name):
        raise InputError(f"The task class {thing.__name__} is called {thing.name!r}, not {name!r}.")
    return Entry(_checked("task", thing.name), thing)


BUILD: dict[str, Callable[[Any, str | None, Facts], Entry]] = {
    entry.__name__: entry for entry in (method, model, data, split, skew, measure, task)
}
"""By kind."""


def kind_of(thing: Any) -> str | None:
    """The kind of a thing whose type says it; None of a function, say."""
    kinds: dict[type, str] = {Skew: "skew", Task: "task", nn.Module: "model"}
    if isinstance(thing, type):
        return next((kind for base, kind in kinds.items() if issubclass(thing, base)), "method")
    values: dict[type, str] = {ModelSpec: "model", Source: "data", Split: "split"}
    values[Measure] = "measure"
    return next((kind for base, kind in values.items() if isinstance(thing, base)), None)


def definition(value: Any) -> tuple[str, str]:
    """Where an entry of a catalogue is defined: its module, and its name there."""
    for part in ("make", "function", "how") if not isinstance(value, type) else ():
        value = getattr(value, part, value)
    if isinstance(value, Source):
        value = value.read
    return getattr(value, "__module__", ""), getattr(value, "__qualname__", repr(value))


def _checked(kind: str, name: str) -> str:
    allowed = "[a-z][a-z0-9_]*" if kind == "measure" else "[a-z0-9][a-z0-9._-]*"
    if not re.fullmatch(allowed, name) or name in ("all", "auto", "own"):
        raise InputError(
            f"A {kind} cannot be called {name!r}: take small letters, digits and "
            f"{'_' if kind == 'measure' else '-'}, and no word that means something else."
        )
    return name


def _own_name(kind: str, thing: Any, name: str | None) -> str:
    if name is None:
        own = getattr(thing, "name", None)
        name = own if isinstance(own, str) else getattr(thing, "__name__", None)
        name = None if name is None else name.lower().replace("_", "-")
    return _checked(kind, _required(kind, name))


def _required(kind: str, name: str | None) -> str:
    if name is None:
        raise InputError(f"A {kind} that is registered needs a name: give name=...")
    return name


def _only(kind: str, facts: Facts, *known: str) -> None:
    for key in facts:
        if key not in known:
            if not known:
                raise InputError(f"A {kind} is registered as it is, without {key}=.")
            raise unknown(f"fact of a {kind}", key, known)


def _require_call(kind: str, name: str, thing: Any, count: int, form: str, *keywords: str) -> None:
    if not callable(thing):
        raise InputError(f"The {kind} {name!r} is no function {form}.")
    try:
        inspect.signature(thing).bind(*range(count), **dict.fromkeys(keywords))
    except TypeError as error:
        raise InputError(f"The {kind} {name!r} cannot be called as {form}: {error}.") from None


def _first_line(thing: Any) -> str:
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "").partition("\n")[0]
    return text.rstrip(".") or "the user's own"


def _called(thing: Any) -> str:
    return getattr(thing, "__name__", None) or repr(thing)


def _named_like(thing: Any, arrays: Callable[[], Arrays]) -> Callable[[], Arrays]:
    arrays.__module__, arrays.__qualname__ = definition(thing)
    return arrays
