"""What a model said as text stands for: the name of a network, or one in a file of the user's."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from torch import nn

from unalike.errors import InputError, unknown
from unalike.functional.module import first_line


def read_module(text: str) -> nn.Module | None:
    """The module of FILE.py:NAME, a module, or a class or function that gives one when called.

    None for a text that names no file.

    Raises:
        InputError: the file cannot be run, or holds no module of this name.
    """
    path, colon, name = text.rpartition(":")
    if not text.endswith(".py") and not path.endswith(".py"):
        return None
    if not colon or not name or text.endswith(".py"):
        raise InputError(f"{text}: say which model of the file is meant, as in {text}:Net.")
    found = _run(Path(path))
    if name not in found:
        known = [each for each, value in found.items() if _may_be_model(value)]
        raise unknown(f"model in {path},", name, known)
    value = found[name]
    if not isinstance(value, nn.Module) and callable(value):
        try:
            value = value()
        except Exception as error:
            raise InputError(
                f"{text} cannot be called without arguments: {first_line(error)}"
            ) from error
    if not isinstance(value, nn.Module):
        raise InputError(f"{text} is a {type(value).__name__}, and no torch.nn.Module.")
    return value


def _run(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file.")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"{path} cannot be run: {type(error).__name__}: {first_line(error)}"
        ) from error
    return vars(module)


def _may_be_model(value: Any) -> bool:
    return isinstance(value, nn.Module) or (
        isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ != "torch.nn"
    )
