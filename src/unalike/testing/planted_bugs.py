"""Planted bugs: replacements in a source file that proofs must notice."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from unalike.errors import InputError
from unalike.plugins.registrations import registered, restore

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class PlantedBug:
    """A replacement in one file."""

    what: str
    file: str
    old: str
    new: str

    def planted(self, source: str) -> str:
        """The source with the bug at every place where `old` stands.

        Raises:
            LookupError: it stands nowhere.
        """
        if self.old not in source:
            raise LookupError(f"{self.what}: {self.old!r} does not occur in {self.file}")
        return source.replace(self.old, self.new)

    def module(self) -> ModuleType:
        """The module with the bug; the catalogues stay as they were."""
        path = Path(self.file)
        module = ModuleType(path.stem)
        module.__file__ = str(path)
        before, known = registered(), sys.modules.get(path.stem)
        sys.modules[path.stem] = module
        try:
            code = compile(self.planted(path.read_text("utf-8")), str(path), "exec")
            exec(code, vars(module))
        finally:
            restore(before)
            if known is None:
                del sys.modules[path.stem]
            else:
                sys.modules[path.stem] = known
        return module


def planted_bugs(path: str | Path) -> list[PlantedBug]:
    """The bugs of a TOML file: `file`, and tables `bug` with what, old and new.

    Raises:
        InputError: the file is not there, or has another form.
    """
    place = Path(path)
    try:
        listed: dict[str, Any] = tomllib.loads(place.read_text("utf-8"))
        file = str(place.parent / listed["file"])
        return [PlantedBug(bug["what"], file, bug["old"], bug["new"]) for bug in listed["bug"]]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"The planted bugs in {place} cannot be read: {error}.") from None
    except (KeyError, TypeError) as error:
        raise InputError(
            f"The planted bugs in {place} need file = ... and tables [[bug]] with what, old and "
            f"new; missing: {error}."
        ) from None
