"""Numbers as people read them; all shares come in [0, 1], all sizes in bytes."""

import math
from collections.abc import Sequence

NOTHING = "-"
"""Printed where a number does not exist."""


def percent(share: float) -> str:
    """0.9134 -> "91.3 %"."""
    return NOTHING if math.isnan(share) else f"{100 * share:.1f} %"


def points(difference: float, *, signed: bool = True) -> str:
    """0.031 -> "+3.1 points", the difference of two percentages."""
    if math.isnan(difference):
        return NOTHING
    text = f"{100 * difference:{'+' if signed else ''}.1f}"
    return f"{'0.0' if float(text) == 0 else text} points"


def size(count: float) -> str:
    """1_234_567 -> "1.23 MB", in powers of a thousand."""
    return _scaled(count, (" B", " kB", " MB", " GB", " TB", " PB"))


def count(number: float) -> str:
    """1_234_567 -> "1.23 M"."""
    return _scaled(number, ("", " k", " M", " G", " T", " P"))


def duration(seconds: float) -> str:
    """75.2 -> "1 min 15 s"."""
    if math.isnan(seconds):
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def epsilon(spent: float) -> str:
    """12.345 -> "12.3"; without noise it is infinite."""
    return "infinite" if math.isinf(spent) else NOTHING if math.isnan(spent) else f"{spent:.3g}"


def listed(words: Sequence[str], *, most: int = 4) -> str:
    """["a", "b", "c"] -> "a, b and c"; more than `most` are counted."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _scaled(number: float, units: Sequence[str]) -> str:
    if math.isnan(number):
        return NOTHING
    power = 0
    while abs(number) >= 999.5 and power < len(units) - 1:
        number, power = number / 1000, power + 1
    if power == 0 and float(number).is_integer():
        return f"{number:.0f}{units[0]}"
    decimals = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    return f"{number:.{decimals}f}{units[power]}"
