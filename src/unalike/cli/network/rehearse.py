"""The command `unalike rehearse`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unalike.cli.console import say
from unalike.cli.options import Plugins, expand, plugin_words
from unalike.errors import InputError
from unalike.network.server.server_settings import HELP, ServerSettings

from . import options
from .requirements import need_flower, node_kind
from .server_run import named, prepared, run_server


@expand
def rehearse(
    *,
    study: Annotated[Path, typer.Argument(help="A study file (TOML).")],
    nodes: Annotated[int, typer.Option(help="Sites, each with processes of its own.", min=2)] = 3,
    method: options.Methods = None,
    deadline: options.Deadline = ServerSettings.deadline,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help=HELP["baselines"])
    ] = False,
    diagnosis: options.Diagnosis,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study. [runs/<study>-rehearsal]")
    ] = None,
    overwrite: options.Overwrite = False,
    plugin: Plugins = None,
    one_process: options.OneProcess = False,
) -> None:
    """Try a federation on this machine: real processes, sockets, certificates and keys."""
    need_flower()
    from unalike.network.deployment.ports import Address, free_port
    from unalike.network.deployment.rehearsal import Rehearsal
    from unalike.study.roster import read_sites

    asked, node = diagnosis.settings(), node_kind(one_process)
    ServerSettings.of({"deadline": deadline})
    folder = folder or Path("runs") / f"{named(study)}-rehearsal"
    place, settings = prepared(
        study, method, folder, sites=nodes, tls=None, overwrite=overwrite, deals=True
    )
    roster = read_sites(place)
    if roster is None:
        raise InputError(f"{place} holds no list of sites: begin anew with --overwrite.")
    names = [site.name for site in roster.places if site is not None]
    settings |= {"deadline": deadline, "baselines": baselines, **asked}
    address = Address("localhost", free_port())
    words = plugin_words()
    with Rehearsal(place, address, names, say, node=node, worker_options=words) as rehearsal:
        run_server(place, rehearsal.server, settings, rehearsal.tls)
