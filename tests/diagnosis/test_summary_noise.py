"""Noise on summaries: as much as promised, and what is still found under it."""

import numpy as np
import pytest

from summary_worlds import summaries_of
from unalike import InputError
from unalike.diagnosis.diagnose_summaries import Summaries, diagnose_summaries
from unalike.diagnosis.summary import Summary, noisy_summary
from unalike.diagnosis.summary_noise import LENGTH, Noise
from unlike_worlds import world


@pytest.mark.proof("fixed point", "P(e) = (1 - a) / (1 + a) a^|e| with a = exp(-epsilon / 2)")
def test_counts_get_discrete_laplace_noise() -> None:
    drawn = Noise(1.0).errors((200_000,), np.random.default_rng(0))
    ratio = np.exp(-0.5)
    for error in (-2, 0, 1, 3):
        expected = (1 - ratio) / (1 + ratio) * ratio ** abs(error)
        assert np.mean(drawn == error) == pytest.approx(expected, abs=0.004)


@pytest.mark.proof("fixed point", "sup over events of P(S) - exp(epsilon) P'(S) is delta")
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_moments_get_no_more_noise_than_is_needed(epsilon: float) -> None:
    noise = Noise(epsilon)
    at, step = np.linspace(-60, 60, 2_000_001, retstep=True)
    at = at * noise.deviation / 4
    density = np.exp(-np.square(at / noise.deviation) / 2)
    moved = np.exp(-np.square((at - LENGTH) / noise.deviation) / 2)
    scale = step / 4 / np.sqrt(2 * np.pi)
    delta = np.maximum(moved - np.exp(epsilon / 2) * density, 0).sum() * scale
    assert delta == pytest.approx(noise.delta, rel=1e-3)
    assert delta <= noise.delta * 1.0001


def sums(told: Summary) -> np.ndarray:
    second = told.covariance[0] + np.outer(told.mean[0], told.mean[0])
    return told.counts[0] * np.concatenate([told.mean[0], second[np.triu_indices(len(second))]])


def test_no_sample_changes_the_moments_by_more_than_is_hidden() -> None:
    rng = np.random.default_rng(0)
    faint = Noise(1e3)
    for shape in ((50, 40), (50, 6, 7), (50, 3)):
        x = rng.normal(size=shape) * np.exp(3 * rng.normal(size=(50, *[1] * (len(shape) - 1))))
        y = np.zeros(50, int)
        one, other = (
            noisy_summary(x[:n], y[:n], 1, faint, 0, np.random.default_rng(1)) for n in (50, 49)
        )
        moved = np.linalg.norm(sums(one) - sums(other))
        assert 1 < moved <= LENGTH + 1e-6


def test_images_lose_their_own_brightness_and_contrast() -> None:
    x = np.random.default_rng(0).normal(size=(30, 5, 5))
    y, noise = np.zeros(30, int), Noise(1e3)
    first, second = (
        noisy_summary(x, y, 1, noise, 0, np.random.default_rng(1)) for x in (x, 7 * x + 3)
    )
    np.testing.assert_allclose(first.mean, second.mean, atol=1e-9)


def test_strong_skews_are_found_under_noise_and_nothing_else() -> None:
    for skews, expected in (
        ({}, ()),
        ({"feature": 2.0}, ("feature",)),
        ({"label": 0.5}, ("label",)),
    ):
        given = summaries_of(world(1, samples=12_000, **skews), epsilon=1.0)
        found = diagnose_summaries(given, shuffles=60)
        assert found.found == expected
        assert any("(ε, δ) = (1, 1e-06)" in remark for remark in found.remarks)


def test_noise_on_few_samples_is_no_skew() -> None:
    p = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        counts = Noise(0.5).noisy_counts(rng.multinomial(40, np.full(5, 0.2), size=6), rng)
        told = tuple(
            Summary(row, np.zeros((5, 2)), np.zeros((5, 2, 2)), np.zeros(5)) for row in counts
        )
        given = Summaries(tuple("abcdef"), tuple("01234"), told, 0.5)
        found = diagnose_summaries(given, shuffles=39)
        p.append([found["label"].p, found["quantity"].p])
    assert (np.mean(np.array(p) <= 0.1, 0) <= 0.1 + 3 * np.sqrt(0.09 / 20)).all()


def test_the_same_world_is_never_told_twice_alike() -> None:
    given = world(0, samples=400, clients=2)
    x, y = given.x, given.y
    first, second = (
        noisy_summary(x, y, 5, Noise(1.0), 0, np.random.default_rng(s)) for s in (1, 2)
    )
    assert (first.counts != second.counts).any()


@pytest.mark.parametrize("epsilon", [0.0, -1.0, 1e6, float("nan")])
def test_useless_noise_is_refused(epsilon: float) -> None:
    with pytest.raises(InputError, match="epsilon"):
        Noise(epsilon)
