"""Data sets, the ways to deal them to clients, and the federation that comes out."""

from .federate import federate
from .federation import Federation, Ragged
from .skews import SPLITS
from .skews.rotation import rotated
from .sources import SOURCES, Arrays, is_here, load

__all__ = [
    "SOURCES",
    "SPLITS",
    "Arrays",
    "Federation",
    "Ragged",
    "federate",
    "is_here",
    "load",
    "rotated",
]
