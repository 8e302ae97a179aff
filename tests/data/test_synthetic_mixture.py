"""FedEM's synthetic mixture is the one of its recipe; its results are in the ledger."""

import numpy as np
import pytest

from unalike.data.sources.source import TEST, TRAIN
from unalike.data.sources.synthetic_mixture import synthetic_mixture


def test_the_recipe() -> None:
    arrays = synthetic_mixture(tests=2)
    training = arrays.part == TRAIN
    sizes = np.bincount(arrays.client[training])
    assert training.sum() == 67_758
    assert len(sizes) == 300
    assert 50 <= sizes.min() < 60
    assert sizes.max() == 1000
    assert np.bincount(arrays.client[arrays.part == TEST]).tolist() == [2] * 300
    assert arrays.x.shape == (67_758 + 600, 150)
    assert arrays.y.mean() == pytest.approx(0.5, abs=0.02)
    again = synthetic_mixture(tests=2)
    assert np.array_equal(arrays.x, again.x)
    assert np.array_equal(arrays.y, again.y)


@pytest.mark.slow
def test_clients_follow_three_linear_labellers() -> None:
    arrays = synthetic_mixture()
    x, y = arrays.x.astype(np.float64), 2.0 * arrays.y - 1
    # The mean of y x is the client's mixture of labellers, up to noise: three directions in all.
    means = np.stack([(y[:, None] * x)[arrays.client == i].mean(0) for i in range(300)])
    sizes = np.bincount(arrays.client)
    spectrum = np.linalg.svd(means[sizes > 500], compute_uv=False)
    assert spectrum[2] > 1.5 * spectrum[3]
    assert spectrum[3] < 1.2 * spectrum[4]
