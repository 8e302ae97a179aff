"""The commands that list what there is: `methods`, `data` and `skews`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from unalike.errors import unknown

from . import completion, options
from .console import out

if TYPE_CHECKING:
    from unalike.methods.header import Header

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def methods(
    name: Annotated[
        str | None, typer.Argument(help="One method, in full.", autocompletion=completion.method)
    ] = None,
    as_json: AsJson = False,
    plugin: options.Plugins = None,
) -> None:
    """List the methods: paper, year, hyper-parameters, what travels, what stays private."""
    from unalike.methods import METHODS
    from unalike.methods.header import header
    from unalike.plugins import load_installed

    load_installed()
    if name is not None and name not in METHODS:
        raise unknown("method", name, METHODS)
    chosen = [header(cls) for key, cls in METHODS.items() if name in (None, key)]
    if as_json:
        _print_json([_method_as_json(one) for one in chosen])
        return
    if name is None:
        table = Table("name", "title", "year", "idea", box=None, pad_edge=False)
        for one in chosen:
            table.add_row(one.name, one.title, str(one.year or ""), one.idea)
        out.print(table)
        return
    (one,) = chosen
    out.print(f"{one.title}: {one.idea}\n", highlight=False)
    for key in ("source", "wire", "ours", "avoid"):
        out.print(f"{key.capitalize():8}{getattr(one, key)}", highlight=False, markup=False)
    table = Table("hyper-parameter", "default", "meaning", box=None, pad_edge=False)
    for setting in one.settings:
        table.add_row(setting.name, str(setting.default), setting.meaning)
    out.print()
    out.print(table)


def data(
    name: Annotated[
        str | None, typer.Argument(help="One data set, in full.", autocompletion=completion.data)
    ] = None,
    as_json: AsJson = False,
    plugin: options.Plugins = None,
    data_dir: options.DataDir = None,
) -> None:
    """List the data sets: size, task, natural clients, licence, whether they are here."""
    from unalike.data.sources import SOURCES, find, is_here
    from unalike.plugins import load_installed

    load_installed()
    rows: list[dict[str, Any]] = [
        {
            "name": source.name,
            "title": source.title,
            "samples": source.samples,
            "shape": None if source.shape is None else list(source.shape),
            "task": source.task,
            "classes": source.classes if source.asks_for_names else None,
            "natural_clients": source.natural_clients,
            "licence": source.licence,
            "citation": source.citation,
            "here": is_here(source.name, data_dir),
        }
        for source in (SOURCES.values() if name is None else [find(name)])
    ]
    if as_json:
        _print_json(rows)
        return
    if name is not None:
        for key, value in rows[0].items():
            out.print(f"{key:16}{value}", highlight=False, markup=False)
        return
    made = [row for row in rows if row["natural_clients"] is None]
    natural = [row for row in rows if row["natural_clients"] is not None]
    headings = ("name", "samples", "shape", "task", "classes", "clients", "here", "licence")
    for title, part in (("dealt to clients by a split", made), ("natural federations", natural)):
        table = Table(*headings, box=None, pad_edge=False)
        for row in part:
            shape = "-" if row["shape"] is None else "x".join(str(side) for side in row["shape"])
            table.add_row(
                row["name"],
                _number(row["samples"]),
                shape,
                row["task"],
                _number(row["classes"]),
                _number(row["natural_clients"]),
                "yes" if row["here"] else "no",
                row["licence"],
            )
        out.print(f"{title}:")
        out.print(table)


def skews(
    name: Annotated[
        str | None, typer.Argument(help="One kind, in full.", autocompletion=completion.skew)
    ] = None,
    as_json: AsJson = False,
    plugin: options.Plugins = None,
) -> None:
    """List the kinds of skew that compose on any split: what they do, and their settings."""
    from unalike.data.skews.registry import KINDS
    from unalike.plugins import load_installed

    load_installed()
    if name is not None and name not in KINDS:
        raise unknown("skew", name, KINDS)
    chosen = {kind: cls for kind, cls in KINDS.items() if name in (None, kind)}
    rows: list[dict[str, Any]] = [
        {
            "kind": kind,
            "family": cls.family,
            "meaning": cls.meaning,
            "settings": [
                {"name": key, "default": field.default, "meaning": field.description}
                for key, field in cls.model_fields.items()
                if key != "kind"
            ],
        }
        for kind, cls in chosen.items()
    ]
    if as_json:
        _print_json(rows)
        return
    columns = ("setting", "default", "meaning") if name else ("kind", "family", "does", "settings")
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        if name is not None:
            out.print(f"{row['kind']} ({row['family']}): {row['meaning']}\n", highlight=False)
            for setting in row["settings"]:
                table.add_row(setting["name"], str(setting["default"]), setting["meaning"])
            continue
        settings = ", ".join(f"{one['name']}={one['default']}" for one in row["settings"])
        table.add_row(row["kind"], row["family"], row["meaning"], settings)
    out.print(table)


def _method_as_json(one: Header) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "idea": one.idea,
        "paper": one.source,
        "year": one.year,
        "hyperparameters": [setting._asdict() for setting in one.settings],
        "wire": one.wire,
        "ours": one.ours,
        "avoid": one.avoid,
    }


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _print_json(rows: list[dict[str, Any]]) -> None:
    print(json.dumps(rows, indent=2, ensure_ascii=False))
