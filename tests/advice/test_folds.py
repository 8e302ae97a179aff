"""What a race may know."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unalike.advice.folds import fold, known_samples
from unalike.data.federation import Federation
from unalike.errors import InputError


def numbered(sizes: list[int], new_clients: float = 0.0) -> Federation:
    """Clients whose samples are all different numbers."""
    n = sum(sizes)
    x = np.arange(n, dtype=np.float32)[:, None]
    client = np.repeat(np.arange(len(sizes)), sizes)
    return Federation.from_arrays(
        x, np.arange(n) % 3, client, validation=0.1, test=0.25, new_clients=new_clients
    )


@pytest.mark.proof("invariant", "no fold of a race holds a test sample")
@pytest.mark.parametrize("new_clients", [0.0, 0.4])
def test_no_test_sample_is_in_any_fold(new_clients: float) -> None:
    federation = numbered([30, 7, 61, 12, 20], new_clients)
    tested = set(federation.x_test.flatten().tolist())
    for k in range(4):
        part = fold(known_samples(federation, 1), k, 4)
        inside = set(part.x.flatten().tolist()) | set(part.x_test.flatten().tolist())
        assert not inside & tested


@pytest.mark.proof(
    "invariant", "each known sample is judged on in one fold and trained on elsewhere"
)
def test_folds_judge_every_known_sample_once() -> None:
    federation = numbered([30, 9, 61])
    given = known_samples(federation, 1)
    judged: list[float] = []
    for k in range(3):
        part = fold(given, k, 3)
        trained = set(part.x.flatten().tolist())
        here = part.x_test.flatten().tolist()
        assert not trained & set(here)
        assert len(trained) + len(here) == len(federation.x)
        judged += here
    assert sorted(judged) == sorted(federation.x.flatten().tolist())


@pytest.mark.proof("invariant", "a subject is in one part of a fold alone")
@pytest.mark.parametrize("sizes", [[30, 9, 61], [12, 12, 40]], ids=["some", "few"])
def test_folds_do_not_part_subjects(sizes: list[int]) -> None:
    """Patients of one to four samples; clients of few patients, too."""
    n, rng = sum(sizes), np.random.default_rng(0)
    patient = np.repeat(np.arange(n), rng.integers(1, 5, n))[:n]
    patient += 1000 * np.repeat(np.arange(len(sizes)), sizes)
    federation = Federation.from_arrays(
        patient.astype(np.float64),
        np.arange(n) % 3,
        np.repeat(np.arange(len(sizes)), sizes),
        subject=patient,
        test=0.25,
    )
    given = known_samples(federation, 1)
    for cut in (range(3), range(3, 6)):
        judged: list[float] = []
        for k in cut:
            part = fold(given, k, 3)
            trains, validates = (
                set(part.x.flatten()[lists.values].tolist())
                for lists in (part.train, part.validation)
            )
            here = part.x_test.flatten().tolist()
            assert (part.train.sizes > 0).all()
            assert not trains & validates
            assert not (trains | validates) & set(here)
            judged += here
        assert sorted(judged) == sorted(federation.x.flatten().tolist())


@pytest.mark.proof("invariant", "what one fold judges, different folds of another cut judge")
def test_the_second_cut_parts_what_the_first_keeps_together() -> None:
    given = known_samples(numbered([25, 25]), 1)
    first, second = (
        [set(fold(given, k, 5).x_test.flatten().tolist()) for k in cut]
        for cut in (range(5), range(5, 10))
    )
    for cut in (first, second):
        assert set.union(*cut) == set(given.x.flatten().tolist())
        assert sum(map(len, cut)) == len(given.x)
    for judged in first:
        assert all(len(judged & other) <= 4 for other in second)


def test_samples_stay_with_their_clients_and_labels() -> None:
    federation = numbered([30, 9, 61])
    owner = {
        float(federation.x[row, 0]): i
        for i in range(3)
        for lists in (federation.train, federation.validation)
        for row in lists.rows(i)
    }
    part = fold(known_samples(federation, 1), 1, 3)
    for lists, x, y in (
        (part.train, part.x, part.y),
        (part.validation, part.x, part.y),
        (part.test, part.x_test, part.y_test),
    ):
        assert [owner[v] for v in x[lists.values, 0].tolist()] == lists.owner.tolist()
        assert torch.equal(y[lists.values], x[lists.values, 0].long() % 3)
    assert part.validation.sizes.tolist() == [2, 1, 4]


def test_new_clients_take_no_part() -> None:
    federation = numbered([30, 30, 30, 30, 30], 0.4)
    given = known_samples(federation, 0)
    training = [n for n, new in zip(federation.names, federation.newcomers, strict=True) if not new]
    assert list(given.names) == training


def test_seeds_cut_other_folds_of_the_same_samples() -> None:
    federation = numbered([30, 9, 61])
    first, second = known_samples(federation, 0), known_samples(federation, 1)
    assert first.digest != second.digest
    assert known_samples(federation, 0).digest == first.digest


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(InputError, match="a race needs at least 4"):
        known_samples(numbered([4, 4, 4]), 0)
