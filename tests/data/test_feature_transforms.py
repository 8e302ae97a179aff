"""Lenses: fixed for a unit, nothing at strength 0, everything else untouched."""

import numpy as np
import pytest
import torch

from unalike.data import federate, load
from unalike.data.skews.feature_transforms import (
    FEATURE_TRANSFORMS,
    transform_clients,
    transform_samples,
)
from unalike.errors import InputError

IMAGES = np.random.default_rng(0).random((12, 3, 5, 5)).astype(np.float32)
UNITS = np.repeat([0, 1, 2], 4)
every_lens = pytest.mark.parametrize("kind", FEATURE_TRANSFORMS)


@every_lens
def test_strength_zero_changes_nothing(kind: str) -> None:
    seen = transform_samples(IMAGES, UNITS, kind=kind, strength=0.0)
    np.testing.assert_allclose(seen, IMAGES, atol=1e-6)
    assert seen.dtype == np.float32


@every_lens
def test_units_differ_and_repeat(kind: str) -> None:
    before = IMAGES.copy()
    alike = np.tile(IMAGES[:4], (3, 1, 1, 1))
    seen = transform_samples(alike, UNITS, kind=kind, strength=1.0, seed=3)
    assert not np.allclose(seen[:4], seen[4:8])
    np.testing.assert_array_equal(
        seen, transform_samples(alike, UNITS, kind=kind, strength=1.0, seed=3)
    )
    np.testing.assert_array_equal(before, IMAGES)


def test_gain_is_affine_for_each_unit() -> None:
    seen = transform_samples(IMAGES, UNITS, kind="gain", strength=1.0)
    for u in range(3):
        x, y = IMAGES[u == UNITS].ravel(), seen[u == UNITS].ravel()
        slope, bias = np.polyfit(x, y, 1)
        np.testing.assert_allclose(y, slope * x + bias, atol=1e-5)
        assert slope > 0


def test_contrast_keeps_the_mean_of_a_sample() -> None:
    seen = transform_samples(IMAGES, UNITS, kind="contrast", strength=2.0)
    np.testing.assert_allclose(seen.mean((1, 2, 3)), IMAGES.mean((1, 2, 3)), atol=1e-5)


def test_blur_keeps_flat_images() -> None:
    flat = np.full((12, 3, 5, 5), 0.3, np.float32)
    np.testing.assert_allclose(
        transform_samples(flat, UNITS, kind="blur", strength=1.0), 0.3, atol=1e-6
    )


def test_shift_is_one_step_for_all_samples_of_a_unit() -> None:
    step = transform_samples(IMAGES, UNITS, kind="shift", strength=1.0) - IMAGES
    for u in range(3):
        np.testing.assert_allclose(step[u == UNITS], step[u == UNITS][:1].repeat(4, 0), atol=1e-6)


def test_a_federation_keeps_its_lists_and_sees_all_parts_through_one_lens() -> None:
    federation = federate(load("digits"), split="iid", clients=4)
    groups = np.array([0, 1, 0, 1])
    seen = transform_clients(federation, kind="gain", strength=1.0, groups=groups)
    assert seen.groups is groups
    assert seen.train is federation.train
    assert torch.equal(seen.y, federation.y)
    for i in range(4):
        held, test = federation.train.rows(i), federation.test.rows(i)
        slope, bias = np.polyfit(federation.x[held].ravel(), seen.x[held].ravel(), 1)
        np.testing.assert_allclose(
            seen.x_test[test], slope * federation.x_test[test] + bias, atol=1e-4
        )


@pytest.mark.parametrize(
    ("x", "kind", "strength", "words"),
    [
        (IMAGES, "bur", 1.0, "did you mean 'blur'"),
        (IMAGES, "blur", -1.0, "0 or more"),
        (IMAGES[:, 0, 0], "field", 1.0, "is for images"),
    ],
)
def test_what_cannot_be(x: np.ndarray, kind: str, strength: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        transform_samples(x, UNITS, kind=kind, strength=strength)
