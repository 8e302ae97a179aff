"""Every measure of the report in one line: what it is, how it is computed, where it is from."""

# ruff: noqa: RUF001

from __future__ import annotations

from typing import NamedTuple

from unalike.tasks import Measure, Task


class GlossaryEntry(NamedTuple):
    """One measure."""

    term: str
    meaning: str
    formula: str


def glossary(task: Task) -> tuple[GlossaryEntry, ...]:
    """What a report on this task measures."""
    main = task.main
    beside = [measure for measure in task.measures if measure.name != main.name]
    return (*_of_scores(main), *map(_entry, beside), *_of_harm(main), *GENERAL)


def _entry(measure: Measure) -> GlossaryEntry:
    return GlossaryEntry(measure.capitalised, measure.meaning, measure.formula)


def _of_scores(main: Measure) -> tuple[GlossaryEntry, ...]:
    worst = "lowest" if main.higher_is_better else "highest"
    lost = "Aᵢ(model after t, t) − Aᵢ(model after T, t)"
    if not main.higher_is_better:
        lost = "Aᵢ(model after T, t) − Aᵢ(model after t, t)"
    return (
        GlossaryEntry(
            f"Personalised {main.title}",
            "Each training client's own model (or the shared one, where a method has no other) on "
            f"its own test data. Every client counts the same. {main.meaning}",
            "A = (1/N) Σ Aᵢ",
        ),
        GlossaryEntry(
            "Weighted mean", "The same, where every test sample counts the same.", "Σ nᵢ Aᵢ / Σ nᵢ"
        ),
        GlossaryEntry(
            "Standard deviation over clients", "How unequal clients fare.", "√((1/N) Σ (Aᵢ − A)²)"
        ),
        GlossaryEntry(
            "Worst 10 %",
            "The mean over the worst tenth of the clients, at least one.",
            f"mean of the ⌊N/10⌋ {worst} Aᵢ",
        ),
        GlossaryEntry(
            f"Global {main.title}",
            "The one shared model on the test data of all clients put together, before any "
            "adaptation: also that of methods which train it to be adapted, such as Per-FedAvg, "
            "UGA and MEFL.",
            main.formula,
        ),
        GlossaryEntry(
            f"New-client {main.title}",
            "Clients that never trained, after the method's own adaptation, on their own test "
            "data.",
            "(1/N′) Σ Aᵢ over new clients",
        ),
        GlossaryEntry(
            "Next window",
            "Where clients change over time: each training client's own model on the samples that "
            "come next, before it is trained on them (test, then train). No other "
            f"{main.title} contains it.",
            "(1/N) Σ mean over windows t of Aᵢ(model after t, samples of t + 1)",
        ),
        GlossaryEntry(
            "Forgetting",
            "What the own model has lost at the end on test data of past windows, since each "
            "ended.",
            f"mean over t < T of {lost}",
        ),
    )


def _of_harm(main: Measure) -> tuple[GlossaryEntry, ...]:
    better, best, arg = "Aᵢ − Aᵢ(Local)", "Aᵢ − max(Aᵢ(FedAvg), Aᵢ(Local))", "argmax"
    if not main.higher_is_better:
        better, best, arg = "Aᵢ(Local) − Aᵢ", "min(Aᵢ(FedAvg), Aᵢ(Local)) − Aᵢ", "argmin"
    return (
        GlossaryEntry(
            "Gain over Local",
            "What a client gains over training alone, same seed.",
            better,
        ),
        GlossaryEntry(
            "Worse than Local",
            "Share of training clients with a negative gain.",
            "|{gain < 0}| / N",
        ),
        GlossaryEntry(
            "QoI",
            "Quality of improvement: what the personal model adds to the better of FedAvg's model "
            "and training alone (Divi et al. 2021, arXiv:2107.13173).",
            best,
        ),
        GlossaryEntry(
            "Interval",
            "95 % Student interval over seeds, for measures between two bounds on the logit of "
            "the mean, so that it stays between them. Differences are paired: seed by seed, then "
            "averaged; theirs counts what seeds have in common that cut the same samples, where "
            "the score of each sample is known.",
            "m ± t(0.975, n−1) · s / √n; logit m ± t(0.975, n−1) · s / (√n · m (1 − m))",
        ),
        GlossaryEntry(
            "Round chosen by validation",
            f"The earliest evaluated round of best validation {main.title} (then lowest loss). "
            "Test data never choose anything.",
            f"{arg} A_validation",
        ),
    )


GENERAL = (
    GlossaryEntry(
        "Traffic",
        "Bytes of everything sent to and from clients, in all rounds, counted on real messages.",
        "Σ down + Σ up",
    ),
    GlossaryEntry(
        "Gradients",
        "Per-sample gradient evaluations of all clients; Hessian-vector products are counted.",
        "Σ over samples and steps",
    ),
    GlossaryEntry(
        "Epsilon",
        "What the whole run has spent of a client's privacy, where answers are clipped and noised: "
        "for federations that differ in all data of one client (replaced by others).",
        "P(outcomes) ≤ e^ε P′(outcomes) + δ",
    ),
    GlossaryEntry(
        "Client drift",
        "How far clients move from the model w they were sent.",
        "Σ pᵢ ‖yᵢ − w‖",
    ),
    GlossaryEntry(
        "Gradient dissimilarity",
        "How much clients disagree about the direction at the shared model, "
        "taken after a few rounds of a run.",
        "ζ² = Σ pᵢ ‖gᵢ − g‖², g = Σ pᵢ gᵢ",
    ),
    GlossaryEntry(
        "Cancellation",
        "How much of the clients' moves survives their average; 1 where all agree.",
        "‖Σ pᵢ (yᵢ − w)‖ / Σ pᵢ ‖yᵢ − w‖",
    ),
)
