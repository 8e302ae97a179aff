"""Data sets, the ways to deal them to clients, and the federation that comes out."""

from .federation import Federation, federate
from .ragged import Ragged
from .skews.rotation import rotated
from .sources import SOURCES, Arrays, is_here, load
from .splits import SPLITS

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
