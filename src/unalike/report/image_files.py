"""Figures as files for a paper: at a column's width, through kaleido (extra `figures`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import plotly.graph_objects as go

from unalike.errors import InputError
from unalike.results.comparison import Comparison

from .figures import panels_by_kind, standalone

FORMATS = ("pdf", "svg", "png", "eps", "webp", "jpg")
COLUMN = 84.0
"""Millimetres: the width of a column of most journals of two columns."""
PIXELS_PER_MM = 96 / 25.4
PIXEL_SCALE = 4
"""Of formats made of pixels: 384 pixels an inch."""
VECTORS = (".pdf", ".svg", ".eps")
FONT_SIZE = 8 * 96 / 72  # 8 points


def paper_template() -> go.layout.Template:
    """Type, lines and margins of a figure in a column of print."""
    axis = {
        "showline": True,
        "linecolor": "black",
        "linewidth": 0.8,
        "gridwidth": 0.5,
        "ticks": "outside",
        "ticklen": 3,
        "title": {"standoff": 4},
    }
    return go.layout.Template(
        layout={
            "font": {"family": "Times New Roman, Liberation Serif, serif", "size": FONT_SIZE},
            "margin": {"l": 8, "r": 12, "t": 4, "b": 4},
            "xaxis": axis,
            "yaxis": axis,
            "legend": {
                "orientation": "h",
                "yanchor": "bottom",
                "y": 1.0,
                "x": 0,
                "font": {"size": 0.9 * FONT_SIZE},
            },
        }
    )


def for_paper(figure: go.Figure, width: float = COLUMN) -> go.Figure:
    """A figure of the report as a column of print shows it; width in millimetres."""
    drawn = standalone(figure)
    template = paper_template()
    font = template.layout.font.to_plotly_json()
    pixels = round(width * PIXELS_PER_MM)
    shape = figure.layout.height or 400
    drawn.update_layout(
        template=template,
        width=pixels,
        height=round(pixels * min(1.2, max(0.62, shape / 640))),
        font={**font, "color": "black"},
        margin=template.layout.margin.to_plotly_json(),
    )
    plain = {"tickfont": {"size": font["size"], "color": "black"}, "automargin": True}
    for update in (drawn.update_xaxes, drawn.update_yaxes):
        update(**plain, title_font={"size": font["size"], "color": "black"}, title_standoff=4)
    for trace in drawn.data:
        if trace.type == "scatter" and trace.line.width:
            trace.line.width = 1.2
    return drawn


def write_figures(
    comparison: Comparison, folder: Path, formats: Iterable[str], width: float = COLUMN
) -> list[Path]:
    """Write every view of every figure: KIND-VIEW.FORMAT; the paths.

    Raises:
        InputError: an unknown format, no kaleido, or no browser that it can draw with.
    """
    wanted = list(dict.fromkeys(formats))
    for one in wanted:
        if one not in FORMATS:
            raise InputError(f"Figures cannot be written as {one!r}: take {', '.join(FORMATS)}.")
    require_kaleido()
    folder.mkdir(parents=True, exist_ok=True)
    drawn, paths = [], []
    for kind, panel in panels_by_kind(comparison).items():
        for view in panel.views:
            label = "-".join(view.label.lower().split())
            name = f"{kind}-{label}" if len(panel.views) > 1 else kind
            for one in wanted:
                drawn.append(for_paper(view.figure, width))
                paths.append(folder / f"{name}.{one}")
    _write(drawn, paths)
    return paths


def require_kaleido() -> None:
    """Whether figures can be written as images.

    Raises:
        InputError: they cannot; the sentence says what to install.
    """
    if importlib.util.find_spec("kaleido") is None:
        raise InputError(
            "Figures as files need kaleido: install it with pip install 'unalike[figures]'."
        )


def _write(figures: list[go.Figure], paths: list[Path]) -> None:
    import plotly.io

    try:
        plotly.io.write_images(
            figures,
            [str(path) for path in paths],
            width=[figure.layout.width for figure in figures],
            height=[figure.layout.height for figure in figures],
            scale=[PIXEL_SCALE if path.suffix not in VECTORS else 1 for path in paths],
        )
    except RuntimeError as error:
        if "chrome" not in str(error).lower():
            raise
        raise InputError(
            "Figures as files need a Chrome or Chromium that kaleido finds: install one, or say "
            "where it is by BROWSER_PATH."
        ) from None
