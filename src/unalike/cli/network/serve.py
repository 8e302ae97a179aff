"""The command `unalike serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unalike.cli.console import say
from unalike.cli.options import expand

from . import options
from .requirements import need_flower
from .server_run import named, prepared, run_server


@expand
def serve(
    *,
    study: Annotated[Path, typer.Argument(help="A study file (TOML), or a served study's folder.")],
    method: options.Methods = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT where sites come.")] = "0.0.0.0:9092",
    tls: options.ServerTls = None,
    sites: Annotated[
        int | None, typer.Option(help="Sites that are expected. [admitted keys, or clients]")
    ] = None,
    least: Annotated[
        int | None, typer.Option(help="Sites without whose answers no round counts. [all]")
    ] = None,
    deadline: options.Deadline = 600.0,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for the least number of sites.")
    ] = 86_400.0,
    grace: Annotated[
        float, typer.Option(help="Seconds to wait for all sites before beginning with the least.")
    ] = 60.0,
    baselines: Annotated[
        bool | None,
        typer.Option(
            "--baselines/--no-baselines",
            help="Also run Local and FedAvg, against which harm is measured. [unless --method]",
            show_default=False,
        ),
    ] = None,
    diagnosis: options.Diagnosis,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder of the study. [runs/<study>-network; with --diagnose "
            "runs/<study>-diagnosis]",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Conduct a study among sites that join over the network; the same command goes on with it."""
    need_flower()
    asked = diagnosis.settings()
    if diagnosis.diagnose and folder is None and not study.is_dir():
        folder = Path("runs") / f"{named(study)}-diagnosis"
    from unalike.network.deployment.ports import parse

    address = parse(listen, "--listen")
    if tls is None and address.host not in ("127.0.0.1", "::1", "localhost"):
        say("Without --tls anybody who reaches this port can join, and read what travels.")
    place, settings = prepared(study, method, folder, sites=sites, tls=tls, overwrite=overwrite)
    settings |= {"deadline": deadline, "patience": patience, "grace": grace}
    if baselines is not None or "baselines" not in settings:
        settings["baselines"] = method is None if baselines is None else baselines
    if least is not None:
        settings["least"] = least
    run_server(place, address, settings | asked, tls)
