"""Answers and trainings behind robust rules."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unalike.attacks import HostileAnswers, hostile_clients, parse_attack
from unalike.core import Method
from unalike.robust import Rule, Weighted, parse_rule, with_robust
from unalike.rounds import rounds
from worlds import Outcome, World


def rule(text: str) -> Rule:
    """The rule of this text."""
    found = parse_rule(text)
    assert isinstance(found, Rule), f"{text} is no rule"
    return found


def weighted(ups: Any, weights: Any = None, ids: Any = None) -> Weighted:
    """These answers; all weigh the same if nothing else is said."""
    if not isinstance(ups, tuple):
        ups = torch.as_tensor(ups, dtype=torch.float64)
        ups = ups[:, None] if ups.ndim == 1 else ups
    count = len(ups if isinstance(ups, Tensor) else ups[0])
    w = torch.ones(count) if weights is None else weights
    w = torch.as_tensor(w, dtype=torch.float64)
    who = torch.arange(count) if ids is None else torch.as_tensor(ids)
    return Weighted(ups, w / w.sum(), who)


def applied(text: str, ups: Any, weights: Any = None) -> Any:
    """What the rule makes of these answers in its first round."""
    answers = weighted(ups, weights)
    asked = rule(text)
    memory = asked.memory(len(answers.ids), torch.zeros(1, dtype=torch.float64))
    return asked.apply(answers, memory)[0].mean()


def cloud(count: int = 7, size: int = 5, seed: int = 0) -> Tensor:
    """Answers [count, size] around a centre away from zero."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(count, size)) + rng.normal(size=size) * 3)


def run_robustly(
    world: World,
    method: Method,
    text: str,
    times: int = 1,
    *,
    attack: str = "none",
    cohort: int | None = None,
    dropout: float = 0.0,
    seed: int = 0,
    **options: Any,
) -> Outcome:
    """Train for this many rounds behind a rule, and under an attack on answers."""
    count = int((~world.federation.newcomers).sum())
    size = cohort or count
    guarded = with_robust(method, parse_rule(text), world.problem, cohort=size)
    engine = world.engine(guarded, seed=seed, **options)
    asked = parse_attack(attack)
    hostile = None
    if asked is not None:
        chosen = hostile_clients(world.federation, asked.share, seed=seed)
        hostile = HostileAnswers(asked, chosen[engine.rows], seed)
    loop = rounds(
        engine.method,
        engine,
        engine.method.init_server(engine.problem, engine.w, engine.population),
        cohort=size,
        seed=seed,
        dropout=dropout,
        attack=hostile,
    )
    history = list(islice(loop, times))
    return Outcome(engine, history[-1].server, history)
