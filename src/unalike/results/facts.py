"""What a comparison was made on, in short phrases and in a caption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unalike.data.skews.registry import parse_skews
from unalike.study.roster import OWN

from .columns import Chosen
from .comparison import Comparison
from .table import aggregates, seed_count
from .units import listed


def study_facts(comparison: Comparison) -> list[str]:
    """The data, how they were dealt, clients, rounds and seeds; the precision if unusual."""
    settings = comparison.settings
    late = int(comparison.newcomers.sum())
    own = comparison.over_network and settings.get("data") == OWN
    facts = [f"{settings['data']} data" if "data" in settings and not own else ""]
    if own:
        facts.append("the sites' own data")
    elif settings.get("split"):
        alpha = f", alpha {settings['alpha']}" if settings.get("alpha") is not None else ""
        facts.append(f"{settings['split']} split{alpha}")
    facts += [skew.describe() for skew in parse_skews(settings.get("skew", ())).skews]
    facts.append(f"{len(comparison.names):,} clients" + (f", {late:,} of them new" if late else ""))
    for key in ("rounds", "seeds"):
        if key in settings:
            unit = key if settings[key] != 1 else key[:-1]
            facts.append(f"{settings[key]:,} {unit}")
    precision = settings.get("precision", "float32")
    facts.append(f"clients trained in {precision}" if precision != "float32" else "")
    return [fact for fact in facts if fact]


def caption(comparison: Comparison, chosen: Chosen = "best") -> str:
    """What a table's reader must know: measure, seeds, choice of round, tuning, the study."""
    main, seeds = comparison.task.main, seed_count(aggregates(comparison))
    when = "the round chosen by validation" if chosen == "best" else "the last round"
    if seeds > 1:
        spread = (
            f"mean over {seeds} seeds, in brackets its 95 % interval over seeds. Bold: the best "
            "method, and those that paired intervals over the seeds do not tell apart from it."
        )
    else:
        spread = "one seed, so there is no interval and nothing is bold."
    return " ".join(
        [
            f"{main.capitalised}{main.unit.note} at {when}, {spread}",
            _tuning(comparison),
            f"Study: {', '.join(study_facts(comparison))}.",
        ]
    )


def is_tuned(comparison: Comparison) -> bool:
    """Whether the settings of all methods come from one search."""
    return bool(comparison.settings.get("tuning", {}).get("chosen"))


def _tuning(comparison: Comparison) -> str:
    settings = comparison.settings.get("methods", {})
    tuning = comparison.settings.get("tuning", {}) if is_tuned(comparison) else {}
    chosen = tuning.get("chosen", {})
    own = {
        label: {
            name: value
            for name, value in given.items()
            if name != "method" and name not in chosen.get(label, {})
        }
        for label, given in settings.items()
    }
    by_hand = _listed(own)
    if tuning:
        trials = tuning["trials"]
        text = (
            f"Hyper-parameters are tuned alike: {trials:,} trial{'s' if trials != 1 else ''} a "
            "method and the same budget of gradients, judged on validation samples, with other "
            "seeds"
        )
        found = _listed(chosen)
        text += f"; chosen {listed(found, most=99)}" if found else "; defaults were best"
        text += f"; by hand {listed(by_hand, most=99)}" if by_hand else ""
        untouched = [label for label in comparison.titles if label not in chosen]
        text += f"; untuned {listed(untouched, most=99)}" if untouched else ""
        return f"{text}."
    if not by_hand:
        return "Hyper-parameters are untuned: each method's defaults."
    return f"Hyper-parameters are untuned: defaults, but by hand {listed(by_hand, most=99)}."


def _listed(settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{label}: {', '.join(f'{name} = {value}' for name, value in given.items())}"
        for label, given in settings.items()
        if given
    ]
