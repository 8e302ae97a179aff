"""Windows of time: every sample comes once, shares drift as said, nobody stands empty-handed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unalike.data import Federation
from unalike.data.skews.window_assignment import assign_windows
from unalike.data.windows import in_window, last_rounds, window_of

few = settings(max_examples=30, deadline=None, derandomize=True)


def federation(skew, *, clients=5, samples=400, seed=0, classes=4, **options):
    x = np.random.default_rng(1).random((samples, 3))
    y = np.arange(samples) % classes
    return Federation.from_arrays(
        x, y, split="iid", clients=clients, seed=seed, skew=skew, classes=classes, **options
    )


@pytest.mark.parametrize("kind", ["label-drift", "arrival", "feature-drift"])
@few
@given(windows=st.integers(2, 7), clients=st.integers(2, 12), seed=st.integers(0, 10**6))
def test_every_sample_comes_in_one_window(kind, windows, clients, seed):
    f = federation([f"{kind}:windows={windows}"], clients=clients, seed=seed)
    assert f.window.number == windows
    for lists, window in (
        (f.train, f.window.samples),
        (f.validation, f.window.samples),
        (f.test, f.window.tests),
    ):
        parts = [in_window(lists, window, np.full(clients, t)) for t in range(windows)]
        assert sum(len(part.values) for part in parts) == len(lists.values)
        for i in range(clients):
            came = np.sort(np.concatenate([part.rows(i) for part in parts]))
            assert np.array_equal(came, np.sort(lists.rows(i)))


@few
@given(windows=st.integers(2, 6), samples=st.integers(12, 60), seed=st.integers(0, 10**6))
def test_a_client_always_holds_something_and_only_its_own(windows, samples, seed):
    f = federation([f"arrival:windows={windows},first=1"], samples=samples, clients=4, seed=seed)
    for t in range(windows):
        now = f.at_window(t)
        assert now.train.sizes.min() >= 1
        for i in range(4):
            mine = now.train.rows(i)
            assert set(mine) <= set(f.train.rows(i))
            came = f.train.rows(i)[f.window.samples[f.train.rows(i)] == t]
            if len(came):
                assert np.array_equal(mine, came)
            else:
                assert len(set(f.window.samples[mine])) == 1
        assert now.test is f.test


def test_without_anything_new_a_client_goes_on_with_what_came_last():
    f = federation(["label-drift:windows=4"], clients=2, samples=80)
    samples = f.window.samples.copy()
    for i, come in enumerate(([0, 1, 3], [1, 3])):
        rows = f.train.rows(i)
        samples[rows] = np.resize(come, len(rows))
    f = Federation(**{**vars(f), "window": f.window._replace(samples=samples)})
    held = [[set(samples[f.at_window(t).train.rows(i)].tolist()) for t in range(4)] for i in (0, 1)]
    assert held == [[{0}, {1}, {1}, {3}], [{1}, {1}, {1}, {3}]]


@pytest.mark.parametrize("law", ["linear", "step", "sine"])
def test_label_shares_drift_as_the_law_says(law):
    """The share of the late classes in window t, within 4 standard errors."""
    f = federation(
        [f"label-drift:windows=4,strength=0.6,law={law}"], clients=2, samples=80_000, classes=4
    )
    s = {
        "linear": np.arange(4) / 3,
        "step": np.array([0, 0, 1, 1]),
        "sine": (1 + np.sin(np.pi * np.arange(4) / 2)) / 2,
    }[law]
    tilt = 0.6 * (2 * s - 1)
    late, early = (1 + tilt) / (1 + tilt).sum(), (1 - tilt) / (1 - tilt).sum()
    for i in range(2):
        rows = f.train.rows(i)
        window, y = f.window.samples[rows], f.y[rows].numpy()
        shares = np.stack([np.bincount(window[y == c], minlength=4) for c in range(4)])
        shares = shares / shares.sum(1, keepdims=True)
        error = 4 * np.sqrt(0.25 / (len(rows) / 4))
        like_late = np.abs(shares - late).max(1) < error
        like_early = np.abs(shares - early).max(1) < error
        assert (like_late | like_early).all()
        assert like_late.sum() == like_early.sum() == 2


def test_classes_arrive_one_after_the_other_and_stay():
    f = federation(["arrival:windows=4,first=1"], samples=8_000, clients=3)
    for i in range(3):
        rows = f.train.rows(i)
        counts = np.zeros((4, 4))
        np.add.at(counts, (f.window.samples[rows], f.y[rows].numpy()), 1)
        assert (counts > 0).sum(1).tolist() == [1, 2, 3, 4]
        first = (counts > 0).argmax(0)
        for c in range(4):
            there = counts[first[c] :, c]
            assert there.min() > 0.5 * there.max()


def test_clients_see_the_classes_in_orders_of_their_own():
    f = federation(["arrival:windows=4,first=1"], samples=8_000, clients=8)
    firsts = {int(f.y[f.at_window(0).train.rows(i)][0]) for i in range(8)}
    assert len(firsts) > 1


def test_a_lens_grows_with_time():
    f = federation(["feature-drift:windows=3,lens=shift,strength=2"], samples=900, clients=2)
    plain = federation([], samples=900, clients=2)
    for i in range(2):
        rows = f.train.rows(i)
        step = (f.x - plain.x)[rows].numpy()
        by_window = [step[f.window.samples[rows] == t] for t in range(3)]
        assert np.abs(by_window[0]).max() < 1e-6
        np.testing.assert_allclose(
            by_window[2],
            np.tile(2 * by_window[1][:1], (len(by_window[2]), 1)),
            rtol=1e-4,
            atol=1e-5,
        )
        tests = f.test.rows(i)
        late = tests[f.window.tests[tests] == 2]
        np.testing.assert_allclose(
            (f.x_test - plain.x_test)[late].numpy(),
            np.tile(by_window[2][:1], (len(late), 1)),
            rtol=1e-4,
            atol=1e-5,
        )


def test_drift_and_arrival_together_leave_no_class_behind():
    f = federation(
        ["label-drift:windows=4,strength=1,law=step", "arrival:windows=4,first=1"], samples=4_000
    )
    assert np.bincount(f.window.samples, minlength=4).min() > 0


def test_one_client_one_class_one_sample():
    assert assign_windows(np.zeros(1, int), np.zeros(1, int), np.zeros(3)).tolist() in (
        [0],
        [1],
        [2],
    )
    assert assign_windows(np.zeros(0, int), np.zeros(0, int), np.zeros(3)).tolist() == []
    lone = assign_windows(np.zeros(9, int), np.zeros(9, int), np.array([-1.0, 1.0]), first=1)
    assert lone.tolist() == [0] * 9


@few
@given(rounds=st.integers(1, 60), number=st.integers(1, 10))
def test_rounds_fall_into_windows_of_almost_equal_length(rounds, number):
    if number > rounds:
        return
    windows = [window_of(t, rounds, number) for t in range(1, rounds + 1)]
    assert windows == sorted(windows)
    lengths = np.bincount(windows, minlength=number)
    assert len(lengths) == number
    assert lengths.max() - lengths.min() <= 1
    ends = last_rounds(rounds, number)
    assert len(ends) == number
    assert ends[-1] == rounds
    assert [windows[t - 1] for t in ends] == list(range(number))
    assert window_of(0, rounds, number) == 0
