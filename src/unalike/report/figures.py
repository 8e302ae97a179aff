"""The figures of a report, each in one or more views, in the colours of paper.

A trace that belongs to one method says so in `meta`, so that a page can show and hide methods in
all figures at once.
"""

from __future__ import annotations

from unalike.results.comparison import Comparison

from .canvas import Panel
from .client_figures import distribution, gain
from .colours import MethodStyle
from .curve_figures import drift, learning, price
from .figure_data import FigureData
from .label_heatmap import label_heatmap


def panels(
    comparison: Comparison, methods: list[str], styles: dict[str, MethodStyle]
) -> list[Panel]:
    """All panels that this comparison has data for; `methods` in the order of the table."""
    data = FigureData(comparison, methods, styles)
    found = [
        learning(data),
        distribution(data),
        gain(data),
        label_heatmap(comparison),
        price(data),
        drift(data),
    ]
    return [panel for panel in found if panel.views]
