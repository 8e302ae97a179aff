"""The page of an advice: one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from unalike.methods import METHODS
from unalike.methods.header import header
from unalike.results.units import percent, points
from unalike.study.store import write_atomically

from .advice_result import Advice, called


def render(advice: Advice) -> str:
    """The advice as one HTML page."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("unalike.advice"), PackageLoader("unalike.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment.get_template("advice.html").render(
        advice=advice,
        called=called,
        title=lambda method: header(METHODS[method]).title,
        points=points,
        percent=percent,
        version=version("unalike"),
    )


def write_advice(advice: Advice, folder: Path) -> None:
    """Write advice.json and advice.html into a folder."""
    write_atomically(folder / "advice.json", advice.to_json().encode())
    write_atomically(folder / "advice.html", render(advice).encode())
