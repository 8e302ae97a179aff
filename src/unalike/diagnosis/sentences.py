"""A diagnosis in words and numbers, as every way of showing it says them."""

from __future__ import annotations

import math
import re

from .diagnosis_result import Diagnosis, Finding, Optimisation


def certainty(finding: Finding) -> str:
    """One sentence on how sure it is that a kind of skew is found, or is not."""
    deciding = finding.deciding
    verdict = "Found" if finding.found else "Not found"
    p = f"p is {number(deciding.p)}"
    if deciding.error:
        p += f" ± {number(deciding.error)} over {deciding.shuffles:,} shuffles"
    said = f"{verdict}: {p}, {number(finding.adjusted)} for all kinds together"
    share = 100 * finding.repeated
    if share > 99:
        return f"{said}; other shuffles would say the same."
    return f"{said}; other shuffles would say the same in {share:.0f} of 100 cases."


def setup(watched: Optimisation) -> str:
    """One sentence on what optimisation was watched on."""
    how = watched.settings
    return (
        f"Watched on {how['model']} (ridge {how['ridge']:g}, steps of {how['lr']:.3g}, "
        f"{how['samples']:,} samples of {how['clients']} clients); chance is the mean of "
        f"{how['shuffles']} shuffles of membership. No verdict rests on these numbers: they say "
        "how much the skews matter to a linear model, not which they are, and nothing of deeper "
        "ones."
    )


def blindness(watched: Optimisation) -> dict[str, str]:
    """What each measure cannot see, once for all points at which it is taken."""
    return {
        re.split(r", | where ", measure.name)[0]: measure.blind_to for measure in watched.measures
    }


def groups(diagnosis: Diagnosis) -> str:
    """One sentence on the number of groups and its evidence."""
    found = diagnosis.groups
    if not found.silhouette:
        return "There are too few clients to look for groups."
    best = max(found.silhouette.values(), key=lambda measure: measure.value)
    evidence = (
        f"the best mean silhouette is {best.value:.2f} where 0.5 is asked for, and the clients "
        f"differ at p = {number(found.p)}"
    )
    if found.count == 1:
        return f"No groups are seen: {evidence}."
    return f"The clients fall into {found.count} groups: {evidence}."


def number(value: float) -> str:
    """Three digits that matter."""
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) >= 0.001 or abs(value) < 1e-12 else f"{value:.0e}"
