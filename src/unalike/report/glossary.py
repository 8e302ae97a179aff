"""Every measure of the report in one line: what it is, how it is computed, where it is from."""

# ruff: noqa: RUF001

from __future__ import annotations

from typing import NamedTuple

from unalike.measures.metrics import BESIDE_MAIN


class GlossaryEntry(NamedTuple):
    """One measure."""

    term: str
    meaning: str
    formula: str


GLOSSARY = (
    GlossaryEntry(
        "Personalised accuracy",
        "Each training client's own model (or the shared one, where a method has no other) on its "
        "own test data. Every client counts the same.",
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
        "mean of the ⌊N/10⌋ lowest Aᵢ",
    ),
    GlossaryEntry(
        "Global accuracy",
        "The one shared model on the test data of all clients put together.",
        "right / all",
    ),
    GlossaryEntry(
        "New-client accuracy",
        "Clients that never trained, after the method's own adaptation, on their own test data.",
        "(1/N′) Σ Aᵢ over new clients",
    ),
    GlossaryEntry(
        "Next window",
        "Where clients change over time: each training client's own model on the samples that come "
        "next, before it is trained on them (test, then train). No other accuracy contains it.",
        "(1/N) Σ mean over windows t of Aᵢ(model after t, samples of t + 1)",
    ),
    GlossaryEntry(
        "Forgetting",
        "What the own model has lost at the end on test data of past windows, since each ended.",
        "mean over t < T of Aᵢ(model after t, t) − Aᵢ(model after T, t)",
    ),
    *(
        GlossaryEntry(metric.title[0].upper() + metric.title[1:], metric.meaning, metric.formula)
        for metric in BESIDE_MAIN
    ),
    GlossaryEntry(
        "Gain over Local",
        "What a client gains over training alone, same seed.",
        "Aᵢ − Aᵢ(Local)",
    ),
    GlossaryEntry(
        "Worse than Local", "Share of training clients with a negative gain.", "|{gain < 0}| / N"
    ),
    GlossaryEntry(
        "QoI",
        "Quality of improvement: what the personal model adds to the better of FedAvg's model and "
        "training alone (Divi et al. 2021, arXiv:2107.13173).",
        "Aᵢ − max(Aᵢ(FedAvg), Aᵢ(Local))",
    ),
    GlossaryEntry(
        "Interval",
        "95 % Student interval over seeds. Differences are paired: seed by seed, then averaged.",
        "mean ± t(0.975, n−1) · s / √n",
    ),
    GlossaryEntry(
        "Round chosen by validation",
        "The earliest evaluated round of highest validation accuracy (then lowest loss). Test data "
        "never choose anything.",
        "argmax A_validation",
    ),
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
        "How much clients disagree about the direction at the shared model.",
        "ζ² = Σ pᵢ ‖gᵢ − g‖², g = Σ pᵢ gᵢ",
    ),
    GlossaryEntry(
        "Cancellation",
        "How much of the clients' moves survives their average; 1 where all agree.",
        "‖Σ pᵢ (yᵢ − w)‖ / Σ pᵢ ‖yᵢ − w‖",
    ),
)
