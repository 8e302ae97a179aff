"""The command `unalike adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unalike.errors import InputError

from . import completion
from .console import out
from .options import Folder, OwnModule, Plugins, Seed, When, setting


def adapt(
    folder: Folder,
    method: Annotated[
        str,
        typer.Option(
            help="The method, by its name in the study.", autocompletion=completion.method
        ),
    ],
    data: Annotated[Path, typer.Option(help="The new client's samples, a file or a folder.")],
    target: Annotated[Path, typer.Option("--out", help="File of the model.")],
    label_column: Annotated[
        str | None, setting("The column of classes or answers. [as in the study]")
    ] = None,
    name: Annotated[str, typer.Option(help="How the new client is called.")] = "new-client",
    when: When = "best",
    seed: Seed = 0,
    model: OwnModule = None,
    plugin: Plugins = None,
) -> None:
    """Give a new client its model, by the method's own adaptation to the client's samples."""
    if not data.exists():
        raise InputError(f"--data {data}: there is no such file or folder.")
    from unalike.study.merge import open_study
    from unalike.trained_models.adaptation import adapt as adapted
    from unalike.trained_models.loading import module_given
    from unalike.trained_models.run_models import StudyModels

    models = StudyModels(open_study(folder), folder, module_given(model))
    found = adapted(models, method, data, label_column, when=when, seed=seed, client=name)
    found.save(target)
    out.print(f"{found.description.title}: {target}", highlight=False, markup=False, soft_wrap=True)
