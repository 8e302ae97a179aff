"""Where a result may say more of settings than of the method: what is flagged, and why."""

from __future__ import annotations

import math

from unalike.core import Method
from unalike.methods import METHODS

from .facts import is_tuned
from .ranking import Ranking
from .units import listed

FAR = 0.25
"""Far below Local: by more than this share of what Local gains over the baseline."""
NEAR = 0.1
"""Near the baseline: it gains less than this share of what the leader gains over it."""

REASONS = {
    "shared": "One model for everybody cannot suit all clients where these are unlike.",
    "edge": "The settings that were chosen lie at the edge of what was searched: see there.",
    "short": "A round takes more gradients than FedAvg's, so trials were judged after fewer rounds "
    "than these runs have: more trials, or rounds, may find better settings.",
    "tuned": "All methods were tuned alike, so this is hardly a matter of settings.",
    "untuned": "Nothing was tuned, so this may say more of default settings than of the method: "
    "compare again with --tune 16.",
}


def settings_sentences(r: Ranking) -> list[str]:
    """Chosen settings at an edge, methods far below Local, and methods near the baseline."""
    return [*_edges(r), *_weak(r)]


def _edges(r: Ranking) -> list[str]:
    searches = r.comparison.tuning.searches if r.comparison.tuning is not None else {}
    return [
        f"{r.title(label)}: the chosen {axis.name} = {search.best.settings[axis.name]:g} lies at "
        f"the {end} edge of what was searched, {axis.low:g} to {axis.high:g}; better values may "
        f"lie beyond: give a range of its own under [tuning.ranges.{label}]."
        for label, search in searches.items()
        if label not in r.failed
        for axis, end in search.space.at_edge(search.best.settings)
    ]


def _weak(r: Ranking) -> list[str]:
    base, write = r.comparison.baseline, r.measure
    if r.best is None or math.isnan(base):
        return []
    reach = float(write.gain(r.means[r.best], base))
    hardly = [m for m in r.ranked if float(write.gain(r.means[m], base)) <= NEAR * max(reach, 0.0)]
    groups: dict[tuple[str, str], list[str]] = {}
    for method in hardly:
        name = f"{r.title(method)} ({write.text(r.means[method])})"
        kind = "worse" if float(write.gain(r.means[method], base)) < 0 else "near"
        groups.setdefault((kind, _reason(r, method, shared=False)), []).append(name)
    alone = r.means.get("local", math.nan)
    span = float(write.gain(alone, base))
    for method in r.federated:
        gap = float(write.gain(r.means[method], alone))
        if method not in hardly and span > 0 and gap < -FAR * span:
            name = f"{r.title(method)} ({write.gain_text(gap)})"
            groups.setdefault(("far", _reason(r, method, shared=True)), []).append(name)
    said = {
        "worse": f"Worse than a guess without looking, {write.text(base)}:",
        "near": f"Hardly better than a guess without looking, {write.text(base)}:",
        "far": "Far below Local:",
    }
    return [
        f"{said[kind]} {listed(names, most=99)}. {REASONS[reason]}"
        for (kind, reason), names in groups.items()
    ]


def _reason(r: Ranking, method: str, *, shared: bool) -> str:
    """The likely reason for a weak result, by its key in `REASONS`."""
    comparison = r.comparison
    cls = METHODS.get(_name(r, method))
    if shared and cls is not None and cls.personalise is Method.personalise:
        return "shared"
    if not is_tuned(comparison):
        return "untuned"
    search = None if comparison.tuning is None else comparison.tuning.searches.get(method)
    if search is None:
        return "tuned"
    if search.space.at_edge(search.best.settings):
        return "edge"
    shortened = search.best.judged[-1].rounds < comparison.settings.get("rounds", 0)
    return "short" if shortened else "tuned"


def _name(r: Ranking, label: str) -> str:
    """The method behind a label."""
    given = r.comparison.settings.get("methods", {}).get(label, {})
    return str(given.get("method", label))
