"""The page of a diagnosis: one HTML file that needs nothing else."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from unalike.diagnosis.diagnosis_result import Diagnosis
from unalike.diagnosis.sentences import certainty, groups, number, setup
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
        certainty=certainty,
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
        UnwritableError: it cannot be written there.
    """
    write_atomically(path, render_diagnosis(diagnosis, data).encode())
    return path


def write_diagnosis(diagnosis: Diagnosis, folder: Path, data: str) -> Path:
    """Write diagnosis.json and diagnosis.html into a folder; the path of the page.

    Raises:
        UnwritableError: the folder cannot be written to.
    """
    write_atomically(folder / "diagnosis.json", diagnosis.to_json().encode())
    return write_page(diagnosis, folder / "diagnosis.html", data)
