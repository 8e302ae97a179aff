"""From clients to a method: a shortlist by rules, a race on training data, one test."""

from .advice_result import Advice
from .advise import Brief, advise

__all__ = ["Advice", "Brief", "advise"]
