"""The page of a diagnosis: one HTML file that needs nothing else."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from unalike.diagnosis import Diagnosis
from unalike.diagnosis.sentences import groups, number, setup
from unalike.errors import InputError
from unalike.study.files import write_atomically

from .colours import PAPER, PAPER_DARK, dark_colours
from .diagnosis_figures import panels
from .page import figures_json, templates


def render_diagnosis(diagnosis: Diagnosis, data: str) -> str:
    """The diagnosis of these data as one HTML page."""
    drawn = panels(diagnosis)
    page = templates().get_template("diagnosis.html")
    return page.render(
        diagnosis=diagnosis,
        data=data,
        number=number,
        groups=groups(diagnosis),
        setup=setup(diagnosis.optimisation) if diagnosis.optimisation else "",
        panels=drawn,
        papers=(PAPER, PAPER_DARK),
        figures=figures_json(drawn),
        darkening=Markup(json.dumps(dark_colours())),
        plotly=Markup(get_plotlyjs()),
        version=version("unalike"),
    )


def write_page(diagnosis: Diagnosis, path: Path, data: str) -> Path:
    """Write the page to this path.

    Raises:
        InputError: it cannot be written there.
    """
    return _write(path, render_diagnosis(diagnosis, data))


def write_diagnosis(diagnosis: Diagnosis, folder: Path, data: str) -> Path:
    """Write diagnosis.json and diagnosis.html into a folder; the path of the page.

    Raises:
        InputError: the folder cannot be written to.
    """
    _write(folder / "diagnosis.json", diagnosis.to_json())
    return write_page(diagnosis, folder / "diagnosis.html", data)


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise InputError(f"The diagnosis cannot be written to {path}: {error}") from None
    return path
