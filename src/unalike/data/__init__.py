"""Data sets, the ways to deal them to clients, and the federation that comes out."""

from typing import TYPE_CHECKING

from unalike.lazy_names import names_from

if TYPE_CHECKING:
    from .federation import Federation, federate
    from .ragged import Ragged
    from .skews.rotation import rotated
    from .sources import SOURCES, Arrays, is_here, load
    from .splits import SPLITS

__getattr__ = names_from(
    __name__,
    {
        "SOURCES": "sources",
        "SPLITS": "splits",
        "Arrays": "sources",
        "Federation": "federation",
        "Ragged": "ragged",
        "federate": "federation",
        "is_here": "sources",
        "load": "sources",
        "rotated": "skews.rotation",
    },
)

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
