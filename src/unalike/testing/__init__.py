"""Trying methods of one's own: the laws that every method keeps, and worlds to prove it in."""

from .check_method import LAWS, Law, MethodError, check_method, laws_for, method_laws
from .contract import Contract
from .planted_bugs import PlantedBug, planted_bugs
from .trial import Trial
from .worlds import SINGLE, STACKED, Outcome, World, blobs, fixed_point, quadratics

__all__ = [
    "LAWS",
    "SINGLE",
    "STACKED",
    "Contract",
    "Law",
    "MethodError",
    "Outcome",
    "PlantedBug",
    "Trial",
    "World",
    "blobs",
    "check_method",
    "fixed_point",
    "laws_for",
    "method_laws",
    "planted_bugs",
    "quadratics",
]
