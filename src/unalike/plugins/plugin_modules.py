"""Plugins: modules and packages that register things when they are imported."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from unalike.errors import InputError

from .catalogues import CATALOGUES, GROUPS
from .entries import definition
from .register import register
from .registrations import Registration, registered, restore


class Plugin(NamedTuple):
    """A module that was loaded as a plugin, or a package that was found installed."""

    name: str  # of the module or the package
    version: str  # of its package; of a file, or where it has none, a digest of it
    source: str = ""  # the module's name or its file; nothing of an installed package


_loaded: dict[str, Plugin] = {}
_brought: dict[tuple[str, str], str] = {}
"""Which plugin an entry came from, by kind and name."""


def loaded_plugin(name: str) -> Plugin | None:
    """The plugin of this name, if it was loaded."""
    return _loaded.get(name)


def plugin_of(kind: str, name: str) -> Plugin | None:
    """The plugin that brought an entry; None of what came otherwise."""
    return _loaded.get(_brought.get((kind, name), ""))


def loaded_sources() -> tuple[str, ...]:
    """All plugins that were loaded, as `load_plugins` takes them."""
    return tuple(plugin.source for plugin in _loaded.values() if plugin.source)


def own_registrations() -> tuple[Registration, ...]:
    """What no plugin brought: of a script, a notebook, a test."""
    return tuple(one for one in registered() if plugin_of(one.kind, one.name) is None)


def load_plugins(plugins: Iterable[str]) -> list[Plugin]:
    """Import plugins, and those that are installed.

    plugins: names of modules, or paths of .py files.

    Raises:
        InputError: one cannot be imported, registers nothing, or a name that is taken.
    """
    load_installed()
    return [_load(text) for text in plugins]


def _load(text: str) -> Plugin:
    path = _file_of(text)
    if path is None and text in _loaded:
        return _loaded[text]
    name = text if path is None else path.stem
    with _whole_or_not_at_all(f"The plugin {text}") as before:
        module = _imported(text, name, path)
    if _note(name, before) == 0:
        raise InputError(
            f"The plugin {text} registers nothing: put @unalike.register above what it brings."
        )
    source = text if path is None else str(path)
    _loaded[name] = Plugin(name, _version_of(module), source)
    return _loaded[name]


def _file_of(text: str) -> Path | None:
    """The file of a plugin that is named by its path, or lies in the current folder."""
    path = Path(text).expanduser()
    if text.endswith(".py"):
        if not path.exists() and path.stem in _loaded:
            known = sys.modules[path.stem].__file__
            return None if known is None else Path(known)
        if not path.is_file():
            raise InputError(f"There is no plugin file {text}.")
        return path.resolve()
    beside = Path(f"{text}.py")
    if text in sys.modules or not text.isidentifier() or not beside.is_file():
        return None
    return beside.resolve() if importlib.util.find_spec(text) is None else None


def _imported(text: str, name: str, path: Path | None) -> ModuleType:
    if path is None:
        return importlib.import_module(name)
    if not name.isidentifier():
        raise InputError(f"{path.name} is no name of a module: take letters, digits and _.")
    known = sys.modules.get(name)
    if known is not None:
        if not known.__file__ or Path(known.__file__).resolve() != path:
            raise InputError(
                f"a module {name!r} is loaded already ({known.__file__ or 'built in'}): give the "
                "file another name."
            )
        if name not in _loaded or _loaded[name].version == _digest(path):
            return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _note(plugin: str, before: list[Registration]) -> int:
    """Note what a plugin brought; how many entries these are."""
    known = {(kind, name): value for kind, name, value in before}
    found = 0
    for kind, name, value in registered():
        home = definition(value)[0]
        own = home == plugin or home.startswith(f"{plugin}.")
        if own or (kind, name) not in known or known[kind, name] is not value:
            _brought[kind, name] = plugin
            found += 1
    return found


def _version_of(module: ModuleType) -> str:
    top = module.__name__.partition(".")[0]
    said = getattr(sys.modules.get(top, module), "__version__", None)
    if isinstance(said, str):
        return said
    try:
        return version(top)
    except PackageNotFoundError:
        return _digest(Path(module.__file__)) if module.__file__ else "unknown"


def _digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


@cache
def load_installed() -> None:
    """Load what installed packages bring by entry points such as `unalike.methods`, once.

    Raises:
        InputError: one of them cannot be loaded, or brings a name that is taken.
    """
    installed = entry_points()  # all at once: each call looks through every package
    for kind, group in GROUPS.items():
        for point in installed.select(group=group):
            _load_point(kind, point)


@contextmanager
def _whole_or_not_at_all(called: str, remedy: str = "") -> Iterator[list[Registration]]:
    """What is registered inside, or nothing of it and one sentence; gives what there was before."""
    before = registered()
    try:
        yield before
    except InputError as error:
        restore(before)
        raise InputError(f"{called}: {error}{remedy}") from None
    except (Exception, SystemExit) as error:
        restore(before)
        why = f"{type(error).__name__}: {error}".rstrip(".")
        raise InputError(f"{called} cannot be imported: {why}.{remedy}") from None


def _load_point(kind: str, point: EntryPoint) -> None:
    package = point.dist.name if point.dist is not None else point.module
    called = f"The installed package {package!r} ({point.group}: {point.value})"
    with _whole_or_not_at_all(called, " Mend or uninstall it.") as before:
        thing = point.load()
        home, own = definition(thing)
        brought = any(definition(value) == (home, own) for value in CATALOGUES[kind].values())
        if not isinstance(thing, ModuleType) and not brought:
            register(thing, kind=kind, name=None if isinstance(thing, type) else point.name)
    _loaded[package] = Plugin(package, point.dist.version if point.dist else "unknown")
    _note(package, before)
