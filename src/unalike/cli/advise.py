"""The command `unalike advise`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion, options
from .console import err, out, print_report, say
from .options import setting
from .workers import with_workers


@options.expand
@with_workers
def advise(
    *,
    samples: options.DataArgument = None,
    data: options.Data = None,
    reading: options.Reading,
    partition: options.Partition,
    held_out: options.HeldOut,
    methods: Annotated[
        str | None,
        setting(
            "Who races, in place of what the rules propose: names with commas.",
            completion=completion.methods,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="Network; auto picks one for the data.", autocompletion=completion.model),
    ] = "auto",
    rounds: Annotated[int, typer.Option(help="Rounds of training.")] = 30,
    training: options.Training,
    folds: Annotated[int, typer.Option(help="Folds of the known samples that judge.")] = 5,
    seeds: Annotated[int, typer.Option(help="Repetitions of the test at the end.")] = 3,
    budget: Annotated[
        int | None,
        setting("The most gradients of samples that the race may compute. [no limit]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the deal and the folds.")] = 0,
    folder: Annotated[
        Path, typer.Option("--out", help="Folder for advice.json, advice.html and all runs.")
    ] = Path("runs/advice"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew where the folder holds another race.")
    ] = False,
    jobs: options.Jobs = None,
    plugin: options.Plugins = None,
) -> None:
    """Say which method fits these clients: a diagnosis, a race on known samples, one test."""
    from unalike.api.advise import advise as seek
    from unalike.engines.machine import cores

    from .advice_tables import AdviceTable, ShortlistTable
    from .progress import RaceProgress

    with RaceProgress(err) as progress:
        try:
            advice = seek(
                options.one_data(samples, data) or "digits",
                model=model,
                methods=methods,
                rounds=rounds,
                folds=folds,
                seeds=seeds,
                budget=budget,
                seed=seed,
                out=folder,
                overwrite=overwrite,
                jobs=cores() if jobs is None else jobs,
                announce=lambda brief: out.print(ShortlistTable(brief)),
                tell=progress.tell,
                **reading.given(),
                **partition.given(),
                **held_out.given(),
                **training.given(),
            )
        except KeyboardInterrupt:
            say("unalike: Interrupted. What is done is kept: give the same command again.")
            raise typer.Exit(130) from None
    out.print(AdviceTable(advice))
    print_report(folder / "advice.html")
