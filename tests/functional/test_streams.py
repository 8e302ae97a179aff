"""Random numbers that depend on their name alone."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import stats

from unalike.functional import streams

FROZEN_KEYS = [-9052361796779338082, 1551424936277814886, 5104979539361792788]
FROZEN_ORDER = [5, 2, 4, 0, 3, 1]
FROZEN_NUMBERS = [0.12921421083962759, 0.8618884802098408]
FROZEN_DRAWS = [770, 498, 177]


def key(seed: int) -> torch.Tensor:
    return streams.client_keys(seed, "test", 1, torch.tensor([0]))[0]


def test_frozen_values() -> None:
    """A change here changes every published number: say so, or do not make it."""
    assert streams.client_keys(0, "train", 1, torch.arange(3)).tolist() == FROZEN_KEYS
    order = streams.shuffle(torch.tensor(FROZEN_KEYS[0]), 8, torch.tensor(6))
    assert order.tolist()[:6] == FROZEN_ORDER
    numbers = streams.uniform(torch.tensor(FROZEN_KEYS[1]), 2)
    assert numbers.tolist() == pytest.approx(FROZEN_NUMBERS, abs=1e-16)
    drawn = streams.generator(7, "cohort", 3).integers(1000, size=3)
    assert drawn.tolist() == FROZEN_DRAWS


def test_shuffle_is_a_permutation_of_the_real_positions_first() -> None:
    for size in (0, 1, 2, 7, 12):
        order = streams.shuffle(key(size), 12, torch.tensor(size))
        assert sorted(order.tolist()) == list(range(12))
        assert sorted(order.tolist()[:size]) == list(range(size))


def test_every_permutation_is_equally_likely() -> None:
    keys = streams.client_keys(0, "test", 1, torch.arange(24_000))
    orders = torch.func.vmap(lambda k: streams.shuffle(k, 4, torch.tensor(4)))(keys)
    seen = Counter(map(tuple, orders.tolist()))
    counts = [seen[order] for order in permutations(range(4))]
    assert sum(counts) == 24_000
    assert stats.chisquare(counts).pvalue > 1e-3


def test_uniform_is_uniform_and_below_one() -> None:
    numbers = streams.uniform(key(3), 20_000).numpy()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.03


def test_keys_of_different_names_differ() -> None:
    ids = torch.arange(50)
    keys = [
        streams.client_keys(seed, purpose, t, ids)
        for seed in (0, 1)
        for purpose in ("train", "adapt")
        for t in range(20)
    ]
    everything = torch.cat(keys)
    assert len(everything.unique()) == len(everything) == 2 * 2 * 20 * 50
    beside = streams.derive(everything, "split")
    assert len(torch.cat([everything, beside, streams.mix(everything, 0)]).unique()) == 3 * 4000


def test_a_client_key_does_not_depend_on_the_others() -> None:
    together = streams.client_keys(5, "train", 3, torch.arange(10))
    for i in (0, 4, 9):
        assert streams.client_keys(5, "train", 3, torch.tensor([i])).item() == together[i].item()


def test_stacked_is_one_by_one() -> None:
    keys = streams.client_keys(5, "train", 3, torch.arange(6))
    sizes = torch.tensor([0, 1, 2, 5, 9, 9])
    stacked = torch.func.vmap(lambda k, n: streams.shuffle(k, 9, n))(keys, sizes)
    numbers = torch.func.vmap(lambda k: streams.uniform(k, 4))(keys)
    for i in range(6):
        alone = streams.shuffle(keys[i], 9, sizes[i])
        assert torch.equal(stacked[i][: sizes[i]], alone[: sizes[i]])
        assert torch.equal(numbers[i], streams.uniform(keys[i], 4))


def test_the_order_does_not_depend_on_the_padding() -> None:
    size = torch.tensor(7)
    short, long = streams.shuffle(key(1), 7, size), streams.shuffle(key(1), 100, size)
    assert torch.equal(short, long[:7])


def test_tensor_and_integer_counters_agree() -> None:
    k = key(2)
    for counter in (0, 1, 12345, 2**40):
        assert streams.mix(k, counter).item() == streams.mix(k, torch.tensor(counter)).item()


def test_host_generators_are_named() -> None:
    one = streams.generator(1, "cohort", 4).random(5)
    assert np.array_equal(one, streams.generator(1, "cohort", 4).random(5))
    for other in (streams.generator(2, "cohort", 4), streams.generator(1, "deal", 4)):
        assert not np.array_equal(one, other.random(5))
    assert not np.array_equal(one, streams.generator(1, "cohort", 5).random(5))
