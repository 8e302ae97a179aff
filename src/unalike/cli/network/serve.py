"""The command `unalike serve`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from unalike.cli.console import say, set_log_format
from unalike.cli.options import Group, Plugins, expand
from unalike.errors import InputError
from unalike.network.server.server_settings import HELP, ServerSettings

from . import options
from .requirements import need_flower
from .server_run import named, prepared, run_server


@dataclass(frozen=True)
class Conditions(Group):
    """How long the server waits, for whom, and what it believes: settings of its app."""

    least: Annotated[int | None, typer.Option(help=f"{HELP['least']} [all]")] = None
    deadline: options.Deadline = ServerSettings.deadline
    patience: Annotated[float, typer.Option(help=HELP["patience"])] = ServerSettings.patience
    grace: Annotated[float, typer.Option(help=HELP["grace"])] = ServerSettings.grace
    max_norm_ratio: Annotated[float, typer.Option(help=HELP["max_norm_ratio"])] = (
        ServerSettings.max_norm_ratio
    )
    max_size_ratio: Annotated[float, typer.Option(help=HELP["max_size_ratio"])] = (
        ServerSettings.max_size_ratio
    )


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
    conditions: Conditions,
    baselines: Annotated[
        bool | None,
        typer.Option(
            "--baselines/--no-baselines",
            help=f"{HELP['baselines']} [unless --method]",
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
    status: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of a page for the keeper, /health and /metrics; 127.0.0.1:9093, say. "
            "[none]"
        ),
    ] = None,
    log_format: options.LogFormat = "text",
    overwrite: options.Overwrite = False,
    plugin: Plugins = None,
) -> None:
    """Conduct a study among sites that join over the network; the same command goes on with it."""
    set_log_format(log_format)
    need_flower()
    asked = diagnosis.settings()
    ServerSettings.of(conditions.given())
    if sites is not None and sites < max(1, conditions.least or 1):
        raise InputError(f"--sites {sites}: give at least 1, and no fewer than --least asks for.")
    if diagnosis.diagnose and folder is None and not study.is_dir():
        folder = Path("runs") / f"{named(study)}-diagnosis"
    from unalike.network.deployment.ports import parse_address

    address = parse_address(listen, "--listen")
    page = None if status is None else parse_address(status, "--status")
    if tls is None and address.host not in ("127.0.0.1", "::1", "localhost"):
        say("Without --tls anybody who reaches this port can join, and read what travels.")
    place, settings = prepared(study, method, folder, sites=sites, tls=tls, overwrite=overwrite)
    settings |= conditions.given()
    if baselines is not None or "baselines" not in settings:
        settings["baselines"] = method is None if baselines is None else baselines
    run_server(place, address, settings | asked, tls, page, log_format)
