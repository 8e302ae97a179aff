"""What the seeds decide and what they cannot tell, in sentences; r is the ranking."""

from __future__ import annotations

import math

from .alpha_spending import ALPHA
from .evidence import Question
from .intervals import alike
from .ranking import Ranking
from .seed_count import MOST, POWER
from .units import listed, percent

FEW = 3
"""Seeds that hardly show how much seeds differ."""


def evidence_sentences(r: Ranking) -> list[str]:
    """An answer to each question, and how far it may be trusted."""
    if not r.questions:
        return []
    if all(question.seeds < 2 for question in r.questions):
        return [
            "One seed shows no spread: it decides nothing, nor does it say how many seeds would. "
            "'unalike continue' adds seeds to a finished study."
        ]
    said = [_answer(r, question) for question in r.questions]
    undecided = [question for question in r.questions if not question.decided]
    count = min(question.seeds for question in r.questions)
    if undecided and 2 <= count <= FEW:
        number = {2: "Two", 3: "Three"}[count]
        said.append(
            f"{number} seeds hardly show how much seeds differ, so take the number of seeds that "
            "would decide as a rough guess."
        )
    if all(r.shared[method] is not None for method in r.gains):
        said.append(
            "All seeds draw on the same samples; that their results hang together is counted in p."
        )
    elif any(question.decided for question in r.questions):
        said.append(
            "What is decided holds for these samples: how far it holds for others, more seeds do "
            "not tell."
        )
    if r.looks:
        said.append(
            f"Results were looked at before, after {listed([str(n) for n in r.looks], most=99)} "
            f"seed{'s' if r.looks[-1] != 1 else ''}; for all looks together to err in at most "
            f"{percent(ALPHA)}, this one is judged at p < {p_text(r.questions[0].level)}."
        )
    return said


def p_text(p: float) -> str:
    """A p value in two digits."""
    if math.isnan(p):
        return "unknown"
    return "0.0001" if p < 1e-4 else f"{p:.2g}"


def _answer(r: Ranking, question: Question) -> str:
    leader = r.title(r.best or "")
    claim = {
        "lead": f"that {leader} is the best of the methods",
        "local": f"that {leader} is better than training alone",
    }[question.about]
    tail = {
        "lead": f"against {r.title(question.rival)}, the hardest to tell apart from it",
        "local": (
            f"corrected for the {question.comparisons} methods that might have led"
            if question.comparisons > 1
            else "paired over seeds"
        ),
    }[question.about]
    word = "is" if question.decided else "is not"
    sign = "<" if question.p < 1e-4 else "="
    text = f"{claim[0].upper()}{claim[1:]} {word} decided (p {sign} {p_text(question.p)}, {tail})"
    return f"{text}." if question.decided else f"{text}: {_further(question)}."


def _further(question: Question) -> str:
    if math.isnan(question.p):
        return "they share fewer than two seeds"
    if any(alike(gains.by_seed) for gains in question.undecided):
        return "they differ by the same on all seeds, which does not foretell how many would decide"
    needed = question.needed
    if question.lacks_samples:
        return (
            f"even {MOST:,} seeds would hardly decide it, since all draw on the same samples: "
            "more samples might"
        )
    if needed is None:
        return f"as it stands, even {MOST:,} seeds would hardly decide it"
    more = needed - question.seeds
    seeds = "seed" if more == 1 else "seeds"
    return (
        f"about {more:,} more {seeds} would decide it with a chance of {percent(POWER)}, if the "
        f"difference and its spread stay as they are ('unalike continue' with --seeds "
        f"{needed})"
    )
