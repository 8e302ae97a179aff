"""One accent per method, the same in every figure, told apart by the colour-blind too.

Eight hues (after Okabe and Ito, made readable on paper and on black) times four dashes; a ninth
method repeats the first hue with another dash.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

LIGHT = ("#0068a8", "#c45100", "#008562", "#a8478c", "#8a6a00", "#2b8fc4", "#c2334d", "#5b5bc0")
DARK = ("#5ab0ec", "#ff9147", "#3cc79b", "#e08cc6", "#e2c044", "#93d2f5", "#ff8095", "#a9a6f7")
DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
BASELINES = {"local": ("#55585f", "#b4b8c2"), "centralised": ("#8b8e96", "#7f838c")}
"""Greys: what is not a federated method does not compete for attention."""

INK, MUTED, GRID, PAPER = "#1d2230", "#5d6474", "#e2e4ea", "#ffffff"
INK_DARK, MUTED_DARK, GRID_DARK, PAPER_DARK = "#e9ebf0", "#a2a9b8", "#2e3442", "#14171f"
SCALE = ("#f2f3f6", "#bcd3e6", "#6fa6cf", "#2a75ad", "#07355c")
SCALE_DARK = ("#1d222d", "#1e4566", "#2a75ad", "#6fb2e2", "#d8ecfb")
BAND = 0.16


class MethodStyle(NamedTuple):
    """How a method is drawn."""

    colour: str
    dark: str
    dash: str
    symbol: str

    @property
    def band(self) -> str:
        """The colour of a band between seeds."""
        return translucent(self.colour)


def method_styles(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """A look for each method, by its place among them."""
    found = {}
    place = 0
    for method in methods:
        if method in BASELINES:
            light, dark = BASELINES[method]
            found[method] = MethodStyle(
                light, dark, "dash" if method == "local" else "dot", "circle-open"
            )
            continue
        hue = place % len(LIGHT)
        dash = DASHES[place // len(LIGHT) % len(DASHES)]
        found[method] = MethodStyle(LIGHT[hue], DARK[hue], dash, SYMBOLS[hue])
        place += 1
    return found


def translucent(colour: str) -> str:
    """#rrggbb as rgba with the opacity of a band."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND})"


def dark_colours() -> dict[str, str]:
    """Every colour of a figure on paper -> the same on a dark screen."""
    pairs = [*zip(LIGHT, DARK, strict=True), *BASELINES.values()]
    found = dict(pairs) | {translucent(light): translucent(dark) for light, dark in pairs}
    found |= dict(zip(SCALE, SCALE_DARK, strict=True))
    return found | {INK: INK_DARK, MUTED: MUTED_DARK, GRID: GRID_DARK, PAPER: PAPER_DARK}
