"""The verdict of a comparison: as data, and in sentences that claim no more than the seeds say."""

from __future__ import annotations

from dataclasses import dataclass

from .columns import Chosen
from .comparison import Comparison
from .evidence import Question
from .facts import is_tuned
from .harm import Harm
from .intervals import Interval
from .ranking import Ranking
from .units import listed
from .verdict_sentences import Sentence, sentences_of


@dataclass(frozen=True)
class Verdict:
    """Who wins by the personalised main measure, by how much, at whose expense."""

    best: str | None  # the method that leads; never centralised, never one that diverged
    headline: str
    sentences: tuple[Sentence, ...]
    contrasts: dict[str, Interval]  # gains of the best over each other method
    questions: tuple[Question, ...]  # what is asked of the seeds about it
    harmed: dict[str, Harm]  # by federated method
    diverged: dict[str, dict[int, int]]  # method -> seed -> round

    def __str__(self) -> str:
        return "\n".join([self.headline, *(sentence.text for sentence in self.sentences)])

    def differs_from(self, other: str) -> bool:
        """Whether the paired interval of the best against this method excludes zero."""
        return self.contrasts[other].excludes_zero


def judge(comparison: Comparison, chosen: Chosen = "best") -> Verdict:
    """Judge a comparison at the round chosen by validation, or at the last."""
    ranking = Ranking(comparison, chosen)
    headline = _headline(ranking)
    if ranking.contrasts and not is_tuned(comparison):
        headline = f"Untuned: {headline}"
    return Verdict(
        ranking.best,
        headline,
        sentences_of(ranking),
        ranking.contrasts,
        ranking.questions,
        ranking.harmed,
        ranking.failed,
    )


def _headline(r: Ranking) -> str:
    """Who helps, in one sentence."""
    if r.best is None and r.comparison.hidden and len(r.failed) < len(r.means):
        return f"No client tells its {r.measure.title}, so the methods cannot be compared."
    if r.best is None:
        return "No method finished." if r.failed else "There is nothing to compare yet."
    name = r.title(r.best)
    rivals = [m for m in r.ranked if m != r.best]
    if not rivals:
        return f"Only {name} was judged."
    decided = {question.about: question.decided for question in r.questions}
    if all(r.contrasts[m].seeds < 2 for m in rivals):
        if r.best == "local":
            return "Federating does not help here, as far as one seed can say (not decided)."
        return f"{name} leads, but one seed cannot say whether by more than chance (not decided)."
    best = decided.get("lead", decided.get("local", False))
    if r.best == "local":
        if best:
            text = "training alone beats every method on average (decided)"
        else:
            text = "no method has a better average than Local (not decided)"
        return f"Federating does not help here: {text}."
    if best:
        return f"{name} helps most (decided)."
    if not decided.get("local", True):
        return f"{name} leads, but it cannot be told apart from training alone (not decided)."
    close = [m for m in rivals if not r.contrasts[m].excludes_zero]
    names = listed([r.title(m) for m in close or [r.questions[0].rival]], most=2)
    if "local" in decided:
        return (
            f"{name} is better than training alone (decided), but it cannot be told apart from "
            f"{names} (not decided)."
        )
    return f"{name} leads, but it cannot be told apart from {names} (not decided)."
