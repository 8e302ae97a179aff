"""A public name without a docstring is an error, and so is one that the reference leaves out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[2]
sys.path[:0] = [path for path in (str(Path(__file__).parent),) if path not in sys.path]

from field_comments import FieldComments  # noqa: E402

DIRECTIVE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
LOG = logging.getLogger("mkdocs.hooks.public_names")


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Say what is missing; under `strict` the build fails then."""
    pages = [page for page in files.documentation_pages() if page.src_uri.startswith("reference/")]
    shown = {name for page in pages for name in DIRECTIVE.findall(page.content_string)}
    for fault in faults(shown):
        LOG.warning(fault)


def faults(shown: set[str]) -> list[str]:
    """What the reference lacks, when it shows these objects: a sentence each."""
    package = griffe.load(
        "unalike", search_paths=[ROOT / "src"], extensions=griffe.Extensions(FieldComments())
    )
    public = {str(name) for name in package.exports or () if not str(name).startswith("_")}
    left_out = sorted(public - {name.rpartition(".")[2] for name in shown})
    found = [
        f"unalike.{name} is public, but no page of docs/reference shows it." for name in left_out
    ]
    for name in sorted(shown):
        thing = package[name.removeprefix("unalike.")]
        found += [f"{path} is public and has no docstring." for path in undocumented(thing)]
    return found


def undocumented(thing: griffe.Object | griffe.Alias) -> Iterator[str]:
    """The paths of the thing and its public members that have no docstring."""
    if not thing.has_docstring:
        yield thing.path
    if not (thing.is_class or thing.is_module):
        return
    said = thing.docstring.value if thing.docstring is not None else ""
    for name, member in thing.all_members.items():
        foreign = member.is_alias and not thing.is_class  # what a module imports
        if name.startswith("_") or foreign or member.is_module:
            continue
        listed = member.is_attribute and re.search(rf"^\s*{name}\b.*:", said, re.MULTILINE)
        if not (member.has_docstring or listed):
            yield f"{thing.path}.{name}"
        elif member.is_class:
            yield from undocumented(member)
