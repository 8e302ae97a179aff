"""The command `unalike gate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unalike.cli.console import say

from .interruption import interruptible
from .requirements import need_flower


def gate(
    listen: Annotated[str, typer.Option(help="HOST:PORT where sites come.")],
    to: Annotated[str, typer.Option(help="HOST:PORT of a flower-superlink on this machine.")],
    tls: Annotated[Path | None, typer.Option(help="Folder with server.crt and server.key.")] = None,
    inner_ca: Annotated[
        Path | None, typer.Option(help="Certificate that signed the superlink's own.")
    ] = None,
) -> None:
    """Let sites reach a flower-superlink that you run yourself, and nothing of it but that."""
    need_flower()
    from unalike.network.deployment import ports
    from unalike.network.deployment.certificates import authority_file, server_files
    from unalike.network.deployment.gate import Gate

    outer, inner = ports.parse(listen, "--listen"), ports.parse(to, "--to")
    files = None if tls is None else server_files(tls)
    trusted = None if inner_ca is None else authority_file(inner_ca)
    with (
        interruptible("The gate is closed."),
        Gate(ports.listen(outer), inner, authority=trusted, tls=files) as opened,
    ):
        say(f"Open at {outer}; end with Ctrl-C.")
        opened.wait()
