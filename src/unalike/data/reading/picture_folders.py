"""Folders of pictures: which level names the client, and which the class.

client/class/picture     the usual layout
class/client/picture     each class holds its clients
layout="class"           class/picture: the pictures of one client, or of nobody in particular
layout="client/*/class"  anything else, said level by level from the top
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unalike.errors import InputError

from .pictures import SUFFIXES

PARTS = frozenset(("train", "training", "test", "testing", "val", "valid", "validation", "dev"))
_CLIENT_NAME = re.compile(
    r"^(?:client|site|hospital|clinic|centre|center|node|user|patient|subject|party|device|writer"
    r"|person|speaker|institution|silo)s?(?:$|[\W_]|\d)",
    re.IGNORECASE,
)
_CLASS_NAME = re.compile(r"^(?:class|label|category|target)(?:$|[\W_]|\d)", re.IGNORECASE)


class PictureFolder(NamedTuple):
    """The files of a folder with the client and the class of each."""

    files: list[Path]
    client: npt.NDArray[np.str_] | None  # [n]; None where no level names it
    label: npt.NDArray[np.str_]  # [n]
    notes: list[str]


def read_folder(folder: Path, layout: str = "") -> PictureFolder:
    """The pictures below a folder, in natural order of their places.

    Raises:
        InputError: none, too few levels, or levels that can be read in two ways.
    """
    files = picture_files(folder)
    if not files:
        raise InputError(
            f"{folder} holds no pictures: they must lie in folders client/class, as in "
            f"{folder / 'north' / 'healthy' / '1.png'}."
        )
    levels = [file.relative_to(folder).parts[:-1] for file in files]
    depth = min(map(len, levels))
    notes: list[str] = []
    client: int | None
    if layout:
        client, label = _said(layout, depth, folder)
    else:
        client, label, notes = _found(levels, depth, folder)
    last = label if client is None else max(client, label)
    deeper = sum(len(parts) > last + 1 for parts in levels)
    if deeper and not layout:
        notes.append(f"Folders below these two levels are not told apart ({deeper} pictures).")
    return PictureFolder(
        files,
        None if client is None else np.array([parts[client] for parts in levels]),
        np.array([parts[label] for parts in levels]),
        notes,
    )


def picture_files(folder: Path) -> list[Path]:
    """The pictures below a folder, in order."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _said(layout: str, depth: int, folder: Path) -> tuple[int | None, int]:
    words = layout.strip("/").split("/")
    named = sorted(word for word in words if word != "*")
    if named not in (["class", "client"], ["class"]):
        raise InputError(
            f'layout must name "client" and "class" once each, as in "client/class" or '
            f'"*/class/client", or "class" alone, not {layout!r}.'
        )
    if len(words) > depth:
        raise InputError(
            f"layout {layout!r} has {len(words)} levels, but some pictures of {folder} lie below "
            f"{depth} alone."
        )
    return words.index("client") if "client" in words else None, words.index("class")


def _found(
    levels: Sequence[tuple[str, ...]], depth: int, folder: Path
) -> tuple[int, int, list[str]]:
    names = [{parts[level] for parts in levels} for level in range(depth)]
    notes: list[str] = []
    kept: list[int] = []
    for level, found in enumerate(names):
        if {name.lower() for name in found} <= PARTS:
            notes.append(
                f"Folders {', '.join(sorted(found))} are taken together: samples are cut into "
                "training, validation and test inside each client."
            )
        elif len(found) > 1 or depth - level <= 2 - len(kept):
            kept.append(level)
    if len(kept) < 2:
        raise InputError(
            f"The pictures of {folder} must lie below two levels of folders, client/class or "
            f"class/client, as in {folder / 'north' / 'healthy' / '1.png'}."
        )
    by_name = _by_name(names, kept)
    if by_name is None and len(kept) > 2:
        raise _open(folder, levels[0], kept)
    first, second = by_name or (kept[0], kept[1])
    if by_name is not None:
        return first, second, [*notes, _why(first, second, names, "by the names of its folders")]
    reading, why = _by_sharing(levels, first, second)
    if reading == "":
        raise _open(folder, levels[0], kept)
    client, label = (first, second) if reading == "client/class" else (second, first)
    return client, label, [*notes, _why(client, label, names, why)]


def _by_name(names: Sequence[set[str]], kept: Sequence[int]) -> tuple[int, int] | None:
    """Levels whose names say what they are: (client, class)."""
    clients = [lv for lv in kept if all(_CLIENT_NAME.match(name) for name in names[lv])]
    classes = [lv for lv in kept if all(_CLASS_NAME.match(name) for name in names[lv])]
    if len(kept) == 2:
        if len(clients) == 1 and clients != classes:
            return clients[0], next(level for level in kept if level != clients[0])
        if len(classes) == 1 and not clients:
            return next(level for level in kept if level != classes[0]), classes[0]
    if len(clients) == 1 and len(classes) == 1:
        return clients[0], classes[0]
    return None


def _by_sharing(levels: Sequence[tuple[str, ...]], first: int, second: int) -> tuple[str, str]:
    """Which of two levels holds the classes: names that come back below many of the others."""
    below: dict[str, set[str]] = defaultdict(set)
    for parts in levels:
        below[parts[second]].add(parts[first])
    uppers, lowers = len({parts[first] for parts in levels}), len(below)
    shared = sum(len(holders) > 1 for holders in below.values())
    if shared == 0 and lowers > uppers:
        return "class/client", "no folder of the lower level comes back, as clients do not"
    if shared and 2 * lowers <= uppers:
        return "client/class", f"{lowers} names come back below {uppers} folders, as classes do"
    return "", ""


def _why(client: int, label: int, names: Sequence[set[str]], why: str) -> str:
    order = "client/class" if client < label else "class/client"
    return (
        f"Folders are taken as {order}: {len(names[client])} clients and {len(names[label])} "
        f"classes ({why}); layout= says otherwise."
    )


def _open(folder: Path, example: tuple[str, ...], kept: Sequence[int]) -> InputError:
    shown = "/".join(example)
    said = " or ".join(
        repr(_pattern(pair, len(example))) for pair in ((kept[0], kept[1]), (kept[1], kept[0]))
    )
    return InputError(
        f"The folders of {folder}, such as {shown}, can be read in two ways: say layout={said}, "
        "where each * is a level that does not count."
    )


def _pattern(pair: tuple[int, int], depth: int) -> str:
    words = ["*"] * depth
    words[pair[0]], words[pair[1]] = "client", "class"
    return "/".join(words[: max(pair) + 1])
