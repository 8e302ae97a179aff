"""What comes from outside: methods, models, data sets, splits, skews, measures and tasks."""

from .plugin_modules import (
    Plugin,
    load_installed,
    load_plugins,
    loaded_plugin,
    loaded_sources,
    own_registrations,
    plugin_of,
)
from .register import register
from .registrations import Registration, install

__all__ = [
    "Plugin",
    "Registration",
    "install",
    "load_installed",
    "load_plugins",
    "loaded_plugin",
    "loaded_sources",
    "own_registrations",
    "plugin_of",
    "register",
]
