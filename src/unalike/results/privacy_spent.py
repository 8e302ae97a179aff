"""What a study has spent of its clients' privacy, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unalike.privacy import Privacy

from .units import epsilon, listed

SPENT = "Privacy after round "
"""How these sentences begin."""


def privacy_remarks(
    privacy: Privacy | None,
    records: Mapping[tuple[str, int], list[dict[str, Any]]],
    titles: Mapping[str, str],
) -> list[str]:
    """One sentence for all methods that have spent the same; the most of any seed counts."""
    if privacy is None:
        return []
    most: dict[str, tuple[int, float]] = {}
    for (label, _), rounds in records.items():
        known = [(r["round"], r["epsilon"]) for r in rounds if "epsilon" in r]
        most[label] = max([most.get(label, (0, 0.0)), *known[-1:]], key=lambda pair: pair[1])
    whom = "everybody, the server too" if privacy.kind == "local" else "everybody but the server"
    found = []
    for t, value in sorted({pair for pair in most.values() if pair[0] > 0}):
        names = [titles[label] for label, pair in most.items() if pair == (t, value)]
        found.append(
            f"{SPENT}{t} ({listed(names)}): epsilon = {epsilon(value)} at delta = "
            f"{privacy.delta:g} towards {whom}, for all of a client's data replaced by others."
        )
    return found
