"""What a study uses that did not come with unalike: its plugins, and their versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from unalike.errors import InputError
from unalike.plugins import Plugin, load_plugins, loaded_plugin, plugin_of
from unalike.plugins.catalogues import CATALOGUES


class UsesPlugins(Protocol):
    """The settings of a study that may name things of one's own."""

    plugins: tuple[str, ...]
    plugin_versions: dict[str, str]
    data: str
    model: str
    split: str
    skew: Any
    task: str
    settings: dict[str, dict[str, Any]]

    def labels(self) -> list[str]: ...


def beside(folder: Path, plugin: Any) -> Any:
    """A plugin's file that a study file names, where it lies beside that file."""
    here = isinstance(plugin, str) and (folder / plugin).is_file()
    return str((folder / plugin).resolve()) if here else plugin


def with_plugins(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with their plugins loaded, files by their full paths.

    Raises:
        InputError: a plugin cannot be imported, registers nothing, or a name that is taken.
    """
    values = dict(given)
    named = values.get("plugins", ())
    if isinstance(named, str):
        named = [part.strip() for part in named.split(",") if part.strip()]
    if not (isinstance(named, Iterable) and all(isinstance(one, str) for one in named)):
        raise InputError(f'plugins = {named!r}: give a list, such as plugins = ["my_module"].')
    found = load_plugins(named)
    if found:
        values["plugins"] = tuple(plugin.source for plugin in found)
    return values


def used_plugins(study: UsesPlugins) -> list[Plugin]:
    """A study's plugins, and those that are loaded and bring something that it uses."""
    methods = (study.settings.get(label, {}).get("method", label) for label in study.labels())
    names = [("method", str(name)) for name in methods]
    names += [("skew", skew.kind) for skew in study.skew]
    names += [("model", study.model.partition(":")[0]), ("data", study.data)]
    names += [("split", study.split), ("task", study.task)]
    names += [("measure", name) for name in CATALOGUES["measure"]]
    listed = [loaded_plugin(module_name(plugin)) for plugin in study.plugins]
    brought = [plugin_of(kind, name) for kind, name in names]
    return list(dict.fromkeys(one for one in (*listed, *brought) if one is not None))


def plugin_settings(study: UsesPlugins) -> dict[str, Any]:
    """The settings `plugins` and `plugin_versions` of a study that begins, or goes on."""
    used = used_plugins(study)
    named = [*study.plugins, *(plugin.source for plugin in used if plugin.source)]
    versions = {plugin.name: plugin.version for plugin in used}
    return {
        "plugins": tuple(dict.fromkeys(named)),
        "plugin_versions": {**versions, **study.plugin_versions},
    }


def module_name(plugin: str) -> str:
    """The name of a plugin's module, of the form in which a study names it."""
    return Path(plugin).stem if plugin.endswith(".py") else plugin


def changed_plugins(study: UsesPlugins) -> list[str]:
    """What is another version now than when the study began, in sentences."""
    now = {plugin.name: plugin.version for plugin in used_plugins(study)}
    return [
        f"The plugin {name} was {then} when the study began and is {now.get(name, 'gone')} now"
        for name, then in study.plugin_versions.items()
        if now.get(name) != then
    ]


def require_plugins(study: UsesPlugins) -> None:
    """Whether a study's plugins are those with which it began.

    Raises:
        InputError: one has changed.
    """
    for sentence in changed_plugins(study):
        raise InputError(f"{sentence}: bring it back as it was, or begin the study anew.")


def require_same_plugins(versions: Mapping[str, str], names: Iterable[str]) -> None:
    """Whether this site has what the server's study uses; nothing is imported for it.

    versions: the server's, by name. names: of all plugins that the study lists.

    Raises:
        InputError: one is not here, or in another version.
    """
    for name in dict.fromkeys([*names, *versions]):
        here: Plugin | None = loaded_plugin(name)
        if here is None:
            raise InputError(
                f"The server's study uses the plugin {name!r}, which this site has not: install "
                f"it and join with --plugin {name}."
            )
        if here.version != versions.get(name):
            raise InputError(
                f"The plugin {name!r} is {versions.get(name, 'unknown')} at the server and "
                f"{here.version} at this site: install the same."
            )
