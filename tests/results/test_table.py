"""The table: the numbers of the frame, and how numbers are written."""

import numpy as np
import pytest
from scipy import special, stats

from comparisons import comparison, offsets
from unalike.results import units
from unalike.results.table import as_frame

METHODS = {
    "local": [0.80, 0.81, 0.79],
    "fedavg": [0.60, 0.62, 0.59],
    "finetuning": [0.84, 0.86, 0.85],
    "mefl": [0.90, 0.905, 0.902],
}


def test_rows_are_sorted_by_personalised_accuracy_and_diverged_come_last():
    made = comparison({**METHODS, "uga": [0.99, 0.99, 0.99]}, diverged={("uga", 0): 3})
    assert as_frame(made).index.tolist() == ["mefl", "finetuning", "local", "fedavg", "uga"]


def test_numbers_are_those_of_the_frame():
    table = as_frame(comparison(METHODS))
    row = table.loc["mefl"]
    assert row["personalised"] == pytest.approx(np.mean(METHODS["mefl"]))
    mean = np.mean(METHODS["mefl"])
    half = stats.sem(METHODS["mefl"]) * stats.t.ppf(0.975, 2) / (mean * (1 - mean))
    ends = special.expit(special.logit(mean) + np.array([-half, half]))
    assert [row["personalised_low"], row["personalised_high"]] == pytest.approx(ends.tolist())
    assert row["spread"] == pytest.approx(offsets(8).std())
    assert row["worst"] == pytest.approx(np.mean(METHODS["mefl"]) + offsets(8).min())
    assert row["global"] == pytest.approx(np.mean(METHODS["mefl"]) - 0.1)
    assert row["traffic"] == 24e6
    assert row["down"] == row["up"] == 12e6


def test_best_and_last_round_are_kept_apart():
    made = comparison(METHODS)
    best, last = as_frame(made, "best"), as_frame(made, "last")
    assert (best["personalised"] - last["personalised"]).tolist() == pytest.approx([0.01] * 4)
    assert best["gradients"].equals(last["gradients"])


def test_what_was_not_measured_is_missing_not_zero():
    table = as_frame(comparison({"local": [0.8], "fedavg": [0.6]}, new=0))
    assert np.isnan(table.at["local", "global"])
    assert table["new"].isna().all()
    assert table["personalised_low"].isna().all()


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (units.percent, 0.9134, "91.3 %"),
        (units.percent, float("nan"), "-"),
        (units.points, 0.031, "+3.1 points"),
        (units.points, -0.031, "-3.1 points"),
        (units.points, -0.00001, "0.0 points"),
        (units.size, 0, "0 B"),
        (units.size, 999, "999 B"),
        (units.size, 999.7, "1.00 kB"),
        (units.size, 1_234_567, "1.23 MB"),
        (units.size, 12_345_678, "12.3 MB"),
        (units.size, 999_700, "1.00 MB"),
        (units.size, 5e18, "5000 PB"),
        (units.count, 1_500, "1.50 k"),
        (units.count, 2.5, "2.50"),
        (units.duration, 3.46, "3.5 s"),
        (units.duration, 59.8, "1 min 0 s"),
        (units.duration, 75.2, "1 min 15 s"),
        (units.duration, 7_322, "2 h 2 min"),
    ],
)
def test_units(write, value, text):
    assert write(value) == text


def test_lists_are_cut_and_counted():
    assert units.listed(["a"]) == "a"
    assert units.listed(["a", "b", "c"]) == "a, b and c"
    assert units.listed(list("abcdef"), most=2) == "a, b and 4 more"
