"""The commands `unalike certificates` and `unalike key`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .requirements import need_flower


def certificates(
    folder: Annotated[Path, typer.Argument(help="Where they are kept.")],
    host: Annotated[
        list[str] | None,
        typer.Option(help="A name or address by which sites reach the server; can be repeated."),
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option(help="Also make the key of this site here; can be repeated."),
    ] = None,
) -> None:
    """Make the server's certificate (anew), and the authority that every site trusts."""
    need_flower()
    from unalike.network.deployment.certificates import make_server
    from unalike.network.deployment.keys import admit

    if host or not (site and (folder / "server.crt").exists()):
        authority = make_server(folder, host or [])
        print(f"Every site needs {authority}. Keep {folder / 'ca.key'} away from the network.")
    for name in site or []:
        print(f"{admit(folder, name)} is for {name} alone: carry it there safely, then remove it.")
    print(f"Public keys of the sites that may join lie in {folder / 'nodes'}.")
    (folder / "nodes").mkdir(exist_ok=True)


def key(
    file: Annotated[Path, typer.Argument(help="Where the private key goes.")],
) -> None:
    """Make a site's key; its public half goes to the server's keeper."""
    need_flower()
    from unalike.network.deployment.keys import make_key

    public = make_key(file)
    print(f"Send {public} to the server's keeper, who puts it into the folder nodes as NAME.pub.")
