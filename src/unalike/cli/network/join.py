"""The command `unalike join`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from unalike.cli import completion
from unalike.cli.console import say, set_log_format
from unalike.cli.json_lines import write_event
from unalike.cli.options import Group, Plugins, Reading, Task, expand, plugin_words, setting
from unalike.errors import InputError
from unalike.network.server.server_settings import check_seconds

from . import options
from .consent import ask_consent
from .interruption import interruptible
from .requirements import need_flower, node_kind

DEVICES = ("cpu", "cuda", "auto")


@dataclass(frozen=True)
class SiteReading(Reading):
    """How a site's file is read."""

    client_column: Annotated[
        str | None,
        setting(
            "Where a file holds several clients: the column of their names; samples with this "
            "site's --name are taken."
        ),
    ] = None
    task: Task = None

    def check(self) -> None:
        """Raise InputError where one of them means nothing."""
        from unalike.data.preprocessing.settings import check_scale

        self.given()
        if self.scale is not None:
            check_scale(self.scale)
        if self.task not in (None, "auto", *completion.TASKS):
            from unalike.tasks import task_named

            task_named(str(self.task))
        if self.resize is not None and self.resize < 1:
            raise InputError(f"--resize {self.resize}: pictures have at least one pixel a side.")


@dataclass(frozen=True)
class Answers(Group):
    """How a site's worker answers, and what it keeps to itself."""

    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu"
    limit: Annotated[float, typer.Option(help="Seconds after which an answer is given up.")] = (
        3600.0
    )
    hide_classes: Annotated[
        bool,
        typer.Option(
            "--hide-classes", help="Do not tell how many samples of each class there are."
        ),
    ] = False
    hide_columns: Annotated[
        bool,
        typer.Option(
            "--hide-columns",
            help="Do not tell counts, ranges and sums of the columns; what the other sites tell "
            "decides how samples become numbers.",
        ),
    ] = False
    hide_scores: Annotated[
        bool,
        typer.Option(
            "--hide-scores",
            "--hide-accuracy",
            help="Do not tell how well models do on this site's samples.",
        ),
    ] = False
    noise: Annotated[
        float | None,
        typer.Option(
            help="Take part in a diagnosis and nothing else, and tell no number but with noise of "
            "at most this epsilon, once."
        ),
    ] = None

    def within(self, told: Sequence[str]) -> Answers:
        """The same, but hiding what is not among what may be told."""
        return replace(
            self,
            hide_classes=self.hide_classes or "classes" not in told,
            hide_columns=self.hide_columns or "columns" not in told,
            hide_scores=self.hide_scores or "scores" not in told,
        )

    def check(self) -> None:
        """Raise InputError where one of them means nothing."""
        if self.device not in DEVICES:
            raise InputError(f"--device {self.device!r}: choose cpu, cuda or auto.")
        check_seconds("--limit", self.limit)
        if self.noise is not None:
            options.checked_epsilon(self.noise)


@expand
def join(
    *,
    server: Annotated[str, typer.Argument(help="HOST:PORT of the server.")],
    data: Annotated[
        Path, typer.Option(help="This site's samples: a file, or a folder of pictures.")
    ],
    name: Annotated[str, typer.Option(help="How this site is called.")],
    reading: SiteReading,
    tls: Annotated[
        Path | None, typer.Option(help="The server's ca.crt, or a folder that holds it.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="This site's private key; see 'unalike key'.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder for what stays private. [unalike-<name>]")
    ] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for a server that does not answer.")
    ] = 600.0,
    answers: Answers,
    policy: Annotated[
        Path | None,
        typer.Option(help="What this site agrees to: a TOML file. [anything; 'deploy' says how]"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take part without being asked.")] = False,
    one_process: options.OneProcess = False,
    log_format: options.LogFormat = "text",
    plugin: Plugins = None,
) -> None:
    """Take part in a study with this machine's data, which never leave it."""
    set_log_format(log_format)
    need_flower()
    from unalike.network.deployment.certificates import authority_file
    from unalike.network.deployment.keys import public_key_of
    from unalike.network.deployment.node_kinds import NODES
    from unalike.network.deployment.ports import parse_address
    from unalike.network.deployment.site_process import SiteDeployment, SiteProcess
    from unalike.network.deployment.supernode import Credentials
    from unalike.network.protocol.site_names import check_site_name
    from unalike.network.site.policy import read_policy

    check_site_name(name, "--name")
    answers.check()
    reading.check()
    check_seconds("--patience", patience, at_once=True)
    if not data.exists():
        raise InputError(f"--data {data}: there is no such file or folder.")
    if key is not None and tls is None:
        raise InputError("--key needs --tls: a key is only used on an encrypted connection.")
    if key is not None:
        public_key_of(key)
    agreed = None if policy is None else read_policy(policy)
    if agreed is not None:
        agreed.check_server(server)
        answers = answers.within(agreed.tell)
    state_folder = state or Path(f"unalike-{name}")
    deployment = SiteDeployment(
        server=parse_address(server, "server"),
        name=name,
        state_folder=state_folder,
        worker_options=[
            *("--data", str(data)),
            *reading.words(),
            *answers.words(),
            *(plugin_words() if plugin else ()),
            *(() if policy is None else ("--policy", str(policy.resolve()))),
        ],
        credentials=Credentials(
            None if tls is None else authority_file(tls).resolve(),
            None if key is None else key.resolve(),
        ),
        patience=patience,
        node=NODES[node_kind(one_process)],
        consent=partial(ask_consent, policy=agreed, state=state_folder, yes=yes),
    )
    with interruptible("This site has left; the same command joins again."):
        SiteProcess(deployment, say, write_event if log_format == "json" else None).run()
