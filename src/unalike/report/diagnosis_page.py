"""The page of a diagnosis: one HTML file that needs nothing else."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from unalike.diagnosis import Diagnosis
from unalike.diagnosis.sentences import groups, number, setup
from unalike.errors import InputError
from unalike.study.store import write_atomically

from .canvas import Panel
from .colours import PAPER, PAPER_DARK, darkening
from .diagnosis_figures import panels


def render_diagnosis(diagnosis: Diagnosis, data: str) -> str:
    """The diagnosis of these data as one HTML page."""
    environment = Environment(
        loader=PackageLoader("unalike.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = panels(diagnosis)
    return environment.get_template("diagnosis.html").render(
        diagnosis=diagnosis,
        data=data,
        number=number,
        groups=groups(diagnosis),
        setup=setup(diagnosis.optimisation) if diagnosis.optimisation else "",
        panels=drawn,
        papers=(PAPER, PAPER_DARK),
        figures=Markup(_data(drawn)),
        darkening=Markup(json.dumps(darkening())),
        plotly=Markup(get_plotlyjs()),
        version=version("unalike"),
    )


def write_page(diagnosis: Diagnosis, path: Path, data: str) -> Path:
    """Write the page to this path.

    Raises:
        InputError: it cannot be written there.
    """
    return _written(path, render_diagnosis(diagnosis, data))


def write_diagnosis(diagnosis: Diagnosis, folder: Path, data: str) -> Path:
    """Write diagnosis.json and diagnosis.html into a folder; the path of the page.

    Raises:
        InputError: the folder cannot be written to.
    """
    _written(folder / "diagnosis.json", diagnosis.to_json())
    return write_page(diagnosis, folder / "diagnosis.html", data)


def _written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise InputError(f"The diagnosis cannot be written to {path}: {error}") from None
    return path


def _data(drawn: list[Panel]) -> str:
    """The figures as JSON that cannot end its script element."""
    parts = []
    for panel in drawn:
        views = ",".join(view.figure.to_json(validate=False) for view in panel.views)
        parts.append(f"{json.dumps(panel.key)}:[{views}]")
    return ("{" + ",".join(parts) + "}").replace("<", "\\u003c")
