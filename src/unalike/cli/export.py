"""The command `unalike export`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from unalike.errors import InputError, unknown

from . import completion
from .console import out
from .options import Folder, OwnModule, Plugins, Seed, When, setting

SUFFIXES = {"safetensors": ".safetensors", "torch": ".pt2", "onnx": ".onnx"}
EVERYBODY, ALL = "global", "all"


def export(
    folder: Folder,
    method: Annotated[
        str,
        typer.Option(
            help="The method, by its name in the study.", autocompletion=completion.method
        ),
    ],
    client: Annotated[
        str, typer.Option(help="A client that trained; global: everybody's; all: of each client.")
    ] = EVERYBODY,
    when: When = "best",
    seed: Seed = 0,
    to: Annotated[
        str, typer.Option(help="safetensors (for 'unalike predict'), torch or onnx.")
    ] = "safetensors",
    target: Annotated[
        Path | None, setting("File; with --client all a folder. [METHOD-CLIENT]", "--out")
    ] = None,
    model: OwnModule = None,
    plugin: Plugins = None,
) -> None:
    """Write models that a study has trained, to be used elsewhere."""
    if to not in SUFFIXES:
        raise unknown("form to export to,", to, SUFFIXES)
    from unalike.study.merge import open_study
    from unalike.trained_models.loading import module_given
    from unalike.trained_models.run_models import StudyModels

    models = StudyModels(open_study(folder), folder, module_given(model))
    known = models.kept(method, when, seed).description.clients
    wanted = list(known) if client == ALL else [None if client == EVERYBODY else client]
    home = target or Path(f"{method}-{ALL if client == ALL else _file_name(client)}")
    if client == ALL:
        if home.exists() and not home.is_dir():
            raise InputError(
                f"--out {home} is a file: give a folder for the models of all clients."
            )
        paths = [home / f"{name}{SUFFIXES[to]}" for name in file_names(list(known))]
    else:
        paths = [home if target else home.with_name(f"{home.name}{SUFFIXES[to]}")]
    for name, path in zip(wanted, paths, strict=True):
        found = models.model(method, name, when=when, seed=seed)
        {"safetensors": found.save, "torch": found.to_torch, "onnx": found.to_onnx}[to](path)
        out.print(
            f"{found.description.title}: {path}", highlight=False, markup=False, soft_wrap=True
        )


def file_names(names: list[str]) -> list[str]:
    """One for each client; where two would be the same, every client's place stands before it."""
    plain = [_file_name(name) for name in names]
    if len({name.casefold() for name in plain}) == len(plain):
        return plain
    return [f"{place}-{name}" for place, name in enumerate(plain, 1)]


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name) or "_"
