"""The page of an advice: one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from unalike.methods import METHODS
from unalike.methods.header import header
from unalike.report.page import templates
from unalike.study.files import write_atomically

from .advice_result import Advice, contestant_title


def render_advice(advice: Advice) -> str:
    """The advice as one HTML page."""
    environment = templates("unalike.advice")
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment.get_template("advice.html").render(
        advice=advice,
        contestant_title=contestant_title,
        title=lambda method: header(METHODS[method]).title,
        score=lambda entry: advice.main.text(-advice.main.key(entry.score)),
        version=version("unalike"),
    )


def write_advice(advice: Advice, folder: Path) -> None:
    """Write advice.json and advice.html into a folder."""
    write_atomically(folder / "advice.json", advice.to_json().encode())
    write_atomically(folder / "advice.html", render_advice(advice).encode())
