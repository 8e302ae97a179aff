"""The names of sites: what may stand in a table, a terminal and a file's name at both ends."""

from __future__ import annotations

import re

from unalike.errors import InputError

LONGEST = 63
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9 ._-]{{0,{LONGEST - 1}}}\Z")


def is_site_name(name: str) -> bool:
    """Whether a site may call itself so."""
    return NAME.match(name) is not None


def is_file_name(name: str) -> bool:
    """Whether a site may be given this name, and its files too."""
    return is_site_name(name) and " " not in name


def check_site_name(name: str, option: str) -> None:
    """Refuse what cannot be the name of a site and of its files.

    Raises:
        InputError: it is no such name.
    """
    if not is_file_name(name):
        raise InputError(
            f"{option} {shown(name)}: the name of a site begins with a letter or a digit and has "
            "letters from a to z without accents, digits, dots, dashes and underscores only, at "
            f"most {LONGEST} of them."
        )


def shown(text: object) -> str:
    """The beginning of what somebody else has sent, with everything odd escaped."""
    whole = str(text)
    return ascii(whole[:LONGEST]) + ("..." if len(whole) > LONGEST else "")
