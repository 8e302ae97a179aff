"""How unlike clients are, in which way, and whether that is more than chance."""

from .diagnose import diagnose, findings
from .diagnosis_result import KINDS, Diagnosis, Finding, Measure
from .samples import Samples, prepare_samples

__all__ = [
    "KINDS",
    "Diagnosis",
    "Finding",
    "Measure",
    "Samples",
    "diagnose",
    "findings",
    "prepare_samples",
]
