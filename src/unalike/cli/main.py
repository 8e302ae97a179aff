"""The command `unalike`: its commands, and how each of them ends."""

from __future__ import annotations

import errno
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from unalike import __version__
from unalike.errors import InputError, WorkerError

from .adapt import adapt
from .advise import advise
from .catalogue import data, methods, skews
from .check import check
from .compare import compare, report, resume
from .console import complain
from .continue_study import continue_study
from .diagnose import diagnose
from .export import export
from .figures import figures
from .network.gate import gate
from .network.join import join
from .network.keys import certificates, key
from .network.rehearse import rehearse
from .network.serve import serve
from .new_method import new_method
from .predict import predict
from .reproduce import reproduce
from .schema import schema
from .show import show

COMMANDS = (
    *(compare, resume, continue_study, show, report, figures, diagnose, advise),
    *(export, predict, adapt),
    *(reproduce, check, methods, data, skews, new_method, schema),
    *(rehearse, serve, join, certificates, key, gate),
)


REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""What the system says of a file for which there is no room, or no leave."""


class Command(TyperCommand):
    """A command whose help is plain text: some releases of typer escape [ for rich regardless."""

    def get_help(self, ctx: Any) -> str:
        """The help, with the brackets as they were written."""
        return super().get_help(ctx).replace("\\[", "[")


app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Federated learning among clients whose data are not alike.",
)
NAMES: dict[Any, str] = {continue_study: "continue"}
"""Of commands that cannot be called as their function."""

for _command in COMMANDS:
    app.command(NAMES.get(_command), cls=Command)(_command)

UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def main() -> None:
    """Run the command; every problem a user can mend is one sentence and exit code 2."""
    try:
        code = app(prog_name="unalike", standalone_mode=False)
    except UsageError as error:
        complain(_suggesting_once(error.format_message()))
        code = 2
    except InputError as error:
        complain(str(error))
        code = 2
    except WorkerError as error:
        complain(str(error))
        code = 1
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        complain(f"{error.filename or 'A file'}: {error.strerror}.")
        code = 2
    except MemoryError as error:
        complain(str(error) or "There is not enough memory.")
        code = 1
    except (typer.Abort, KeyboardInterrupt):
        complain("Interrupted.")
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _suggesting_once(sentence: str) -> str:
    """Some releases of typer repeat what click has suggested already."""
    problem, *suggestions = sentence.split(" Did you mean ")
    return " Did you mean ".join([problem, *dict.fromkeys(suggestions)])


def _version(wanted: bool) -> None:
    if wanted:
        print(f"unalike {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass
