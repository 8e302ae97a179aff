"""From a diagnosis to a shortlist: rules with reasons.

A rule says on what it rests, which methods it proposes and why. Rules only decide what enters the
race, and in which order; the race decides what is advised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from unalike.diagnosis.diagnosis_result import Diagnosis

from .candidates import REFERENCES

TEXTBOOK = "table of remedies in textbooks"


class Rule(NamedTuple):
    """A condition on the diagnosis, the methods it speaks for, and why."""

    holds: Callable[[Diagnosis], bool]
    methods: tuple[str, ...]
    reason: str
    source: str


class Proposal(NamedTuple):
    """A method on the shortlist."""

    method: str
    reasons: tuple[str, ...]
    sources: tuple[str, ...]


def _found(*kinds: str) -> Callable[[Diagnosis], bool]:
    return lambda diagnosis: bool(set(kinds) & set(diagnosis.found))


def _grouped(diagnosis: Diagnosis) -> bool:
    return diagnosis.groups.count > 1


def _alike(diagnosis: Diagnosis) -> bool:
    return not diagnosis.found


def _many_classes_missing(diagnosis: Diagnosis) -> bool:
    return float((diagnosis.counts == 0).mean()) > 1 / 3


def _well_off(diagnosis: Diagnosis) -> bool:
    return float(np.median(diagnosis.counts.sum(1))) >= 100


RULES: tuple[Rule, ...] = (
    Rule(
        lambda _: True,
        REFERENCES,
        "what every other method has to beat: alone, one model for all, and that model tuned",
        "McMahan et al., AISTATS 2017; Yu et al., 2020 (arXiv:2002.04758)",
    ),
    Rule(
        _grouped,
        ("ifca", "cfl"),
        "the clients fall into groups: a model for each",
        f"{TEXTBOOK}; Ghosh et al., NeurIPS 2020; Sattler et al., IEEE TNNLS 2021",
    ),
    Rule(
        _found("concept"),
        ("fedper", "fedrep", "ifca", "ditto"),
        "the same samples bear other labels at other clients, so that one model must be wrong "
        "somewhere: keep the head private, or part the clients",
        "Collins et al., ICML 2021; Ghosh et al., NeurIPS 2020; Li et al., ICML 2021",
    ),
    Rule(
        _found("label"),
        ("fedper", "ditto", "fedrep", "apfl"),
        "clients hold other classes: a private head or a model of one's own learns whose they are",
        f"{TEXTBOOK}; Arivazhagan et al., 2019 (arXiv:1912.00818); Li et al., ICML 2021",
    ),
    Rule(
        _found("feature"),
        ("fedbn", "ditto", "lg_fedavg", "apfl"),
        "the same classes look different: keep what adapts to looks (normalisation, the encoder, "
        "or a model of one's own)",
        "Li et al., ICLR 2021 (FedBN); Liang et al., 2020 (arXiv:2001.01523)",
    ),
    Rule(
        _found("label", "feature", "concept"),
        ("mocha", "pfedme"),
        "clients need models of their own that learn from each other",
        f"{TEXTBOOK}; Smith et al., NeurIPS 2017; T. Dinh et al., NeurIPS 2020",
    ),
    Rule(
        _found("label", "feature"),
        ("fedprox", "scaffold"),
        "drift of the clients can be held back or corrected",
        f"{TEXTBOOK}; Li et al., MLSys 2020; Karimireddy et al., ICML 2020",
    ),
    Rule(
        _found("quantity"),
        ("fednova", "scaffold", "ditto"),
        "clients of other sizes take other numbers of steps: normalise or correct them; small ones "
        "need the others, large ones less",
        "Wang et al., NeurIPS 2020; Karimireddy et al., ICML 2020",
    ),
    Rule(
        _many_classes_missing,
        ("per_fedavg", "lg_fedavg"),
        "most clients lack many classes: a start that adapts fast, or encoders of one's own",
        "Fallah et al., NeurIPS 2020; Liang et al., 2020 (arXiv:2001.01523)",
    ),
    Rule(
        _alike,
        ("fedprox", "scaffold", "fednova"),
        "the clients differ no more than by chance: one model for all",
        f"{TEXTBOOK}: FedAvg for data that are nearly alike",
    ),
    Rule(
        _found("concept", "label"),
        ("fedem",),
        "clients may be mixtures of a few sources",
        f"{TEXTBOOK}; Marfoq et al., NeurIPS 2021",
    ),
    Rule(
        lambda _: True,
        ("ditto", "scaffold", "ifca"),
        "in case the diagnosis has missed what ails these clients: one method each for personal "
        "models, drift and groups",
        "our own measurements: docs/results-advice.md",
    ),
    Rule(
        _well_off,
        ("apfl", "mocha"),
        "clients hold enough samples for models of their own",
        f"{TEXTBOOK}: personal models where local data suffice",
    ),
)


def shortlist(diagnosis: Diagnosis) -> tuple[Proposal, ...]:
    """The methods that the rules propose, the first named first."""
    reasons: dict[str, list[str]] = {}
    sources: dict[str, list[str]] = {}
    for rule in RULES:
        if not rule.holds(diagnosis):
            continue
        for method in rule.methods:
            reasons.setdefault(method, []).append(rule.reason)
            sources.setdefault(method, []).append(rule.source)
    return tuple(
        Proposal(method, tuple(said), tuple(sources[method])) for method, said in reasons.items()
    )
