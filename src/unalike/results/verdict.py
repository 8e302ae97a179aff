"""The verdict of a comparison: as data, and in sentences that claim no more than the seeds say."""

from __future__ import annotations

from dataclasses import dataclass

from .columns import Chosen
from .comparison import Comparison
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
    if float(r.measure.gain(r.means[r.best], r.comparison.baseline)) < 0:
        return f"No method is better than a guess without looking, not even {name}."
    rivals = [m for m in r.ranked if m != r.best]
    if not rivals:
        return f"Only {name} was judged."
    one_seed = all(r.contrasts[m].half is None for m in rivals)
    close = [m for m in rivals if not r.contrasts[m].excludes_zero]
    if r.best == "local":
        if one_seed:
            return "Federating does not help here, as far as one seed can say."
        if close:
            return "Federating does not help here: no method has a better average than Local."
        return "Federating does not help here: training alone beats every method on average."
    if one_seed:
        return f"{name} leads, but one seed cannot say whether by more than chance."
    if "local" in close:
        return f"{name} leads, but it cannot be told apart from training alone."
    if close:
        names = listed([r.title(m) for m in close], most=2)
        return f"{name} leads, but it cannot be told apart from {names}."
    return f"{name} helps most."
