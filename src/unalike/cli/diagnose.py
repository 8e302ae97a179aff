"""The command `unalike diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import out, print_headline, print_report
from .options import setting


@options.expand
def diagnose(
    *,
    samples: options.DataArgument = None,
    data: options.Data = None,
    reading: options.Reading,
    time_column: Annotated[str | None, setting("Own files: when a sample was taken.")] = None,
    label: Annotated[
        int | None,
        setting("Of data with many labels a sample, the number of the one to look at."),
    ] = None,
    partition: options.Partition,
    shuffles: Annotated[int, typer.Option(help="Shuffles of membership for each kind.")] = 200,
    level: Annotated[
        float, typer.Option(help="How often at most chance alone may raise an alarm.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Decides the deal and the shuffles.")] = 0,
    optimise: Annotated[
        bool,
        typer.Option(
            "--optimise/--no-optimise",
            help="Measure what the clients do to optimisation, which takes longest.",
        ),
    ] = True,
    folder: Annotated[
        Path, typer.Option("--out", help="Folder for diagnosis.json and diagnosis.html.")
    ] = Path("runs/diagnosis"),
    plugin: options.Plugins = None,
) -> None:
    """Say how unlike clients are, in which way, and whether that is more than chance."""
    from unalike.api.diagnose import diagnose as examine

    from .diagnosis_table import DiagnosisTable

    found = examine(
        options.one_data(samples, data) or "digits",
        time_column=time_column,
        label=label,
        shuffles=shuffles,
        level=level,
        seed=seed,
        optimise=optimise,
        out=folder,
        **reading.given(),
        **partition.given(),
    )
    out.print(DiagnosisTable(found))
    print_headline(found.headline)
    print_report(folder / "diagnosis.html")
