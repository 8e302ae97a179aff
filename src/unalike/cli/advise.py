"""The command `unalike advise`: reads options, calls the library, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import options

out = Console()
err = Console(stderr=True)


def advise(
    data: options.Data = "digits",
    client_column: options.ClientColumn = None,
    label_column: options.LabelColumn = None,
    data_dir: options.DataDir = None,
    split: options.Split = None,
    alpha: options.Alpha = None,
    classes_per_client: options.ClassesPerClient = None,
    shards_per_client: options.ShardsPerClient = None,
    law: options.Law = None,
    sigma: options.Sigma = None,
    exponent: options.Exponent = None,
    skew: options.Skew = None,
    clients: options.Clients = None,
    min_size: options.MinSize = None,
    validation: options.Validation = None,
    test: options.Test = None,
    new_clients: options.NewClients = None,
    methods: Annotated[
        str | None,
        options.setting("Who races, in place of what the rules propose: names with commas."),
    ] = None,
    model: Annotated[str, typer.Option(help="Network; auto picks one for the data.")] = "auto",
    rounds: Annotated[int, typer.Option(help="Rounds of training.")] = 30,
    local_epochs: Annotated[int | None, options.setting("Local epochs in a round. [1]")] = None,
    batch_size: Annotated[int | None, options.setting("Samples in a local step. [16]")] = None,
    cohort: options.Cohort = None,
    weights: Annotated[
        str | None, options.setting("What a client counts in averages. [proportional]")
    ] = None,
    device: Annotated[str | None, options.setting("cpu, cuda or auto. [cpu]")] = None,
    folds: Annotated[int, typer.Option(help="Folds of the known samples that judge.")] = 5,
    seeds: Annotated[int, typer.Option(help="Repetitions of the test at the end.")] = 3,
    budget: Annotated[
        int | None,
        options.setting("The most gradients of samples that the race may compute. [no limit]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the deal and the folds.")] = 0,
    folder: Annotated[
        Path, typer.Option("--out", help="Folder for advice.json, advice.html and all runs.")
    ] = Path("runs/advice"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew where the folder holds another race.")
    ] = False,
    jobs: Annotated[int | None, options.setting("Runs at the same time. [cores]")] = None,
) -> None:
    """Say which method fits these clients: a diagnosis, a race on known samples, one test."""
    names = (
        "data_dir",
        "split",
        "alpha",
        "classes_per_client",
        "shards_per_client",
        "law",
        "sigma",
        "exponent",
        "skew",
        "clients",
        "min_size",
        "validation",
        "test",
        "new_clients",
        "local_epochs",
        "batch_size",
        "cohort",
        "weights",
        "device",
    )
    given = locals()
    settings = {name: given[name] for name in names if given[name] not in (None, [])}
    from unalike.advice.terminal import Announcement, Live, Outcome
    from unalike.api.advise import advise as seek
    from unalike.engines.machine import cores

    with Live(err) as live:
        try:
            advice = seek(
                data,
                client_column=client_column,
                label_column=label_column,
                model=model,
                methods=methods,
                rounds=rounds,
                folds=folds,
                seeds=seeds,
                budget=budget,
                seed=seed,
                out=folder,
                overwrite=overwrite,
                jobs=jobs or cores(),
                announce=lambda brief: out.print(Announcement(brief)),
                tell=live.tell,
                **settings,
            )
        except KeyboardInterrupt:
            err.print("unalike: Interrupted. What is done is kept: give the same command again.")
            raise typer.Exit(130) from None
    out.print(Outcome(advice))
    page = folder / "advice.html"
    out.print(f"Report: {page}", highlight=False, markup=False, soft_wrap=True)
