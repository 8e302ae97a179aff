"""The command `unalike figures`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unalike.errors import InputError

from . import options
from .console import say


def figures(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")],
    format_: Annotated[
        str, typer.Option("--format", help="pdf, svg, png or eps; several with commas.")
    ] = "pdf",
    width: Annotated[float, typer.Option(help="Millimetres: of a paper's column.")] = 84.0,
    out: Annotated[Path | None, options.setting("Folder of the figures. [FOLDER/figures]")] = None,
    plugin: options.Plugins = None,
) -> None:
    """Write all figures of a study's report for a paper, at the width of a column."""
    from unalike.api.result import read_result
    from unalike.report.image_files import write_figures

    if not 20 <= width <= 400:
        raise InputError(f"--width {width:g}: give millimetres between 20 and 400.")
    target = out or folder / "figures"
    formats = [part.strip() for part in format_.split(",") if part.strip()]
    paths = write_figures(read_result(folder), target, formats, width)
    say(f"{len(paths)} figures are in {target}.")
