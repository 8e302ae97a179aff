"""The table in the terminal: every number readable in 80 columns, and what it is."""

import io

import pytest
from rich.console import Console

from comparisons import comparison
from unalike.cli.comparison_table import ComparisonTable, legend
from unalike.cli.pair_table import PairTable

METHODS = {
    "local": [0.80, 0.81, 0.79],
    "fedavg": [0.60, 0.62, 0.59],
    "finetuning": [0.84, 0.86, 0.85],
    "mefl": [0.90, 0.905, 0.902],
}


def printed(made, width, table=ComparisonTable):
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(table(made))
    return out.getvalue()


def test_a_sign_says_who_beats_whom():
    lines = printed(comparison(METHODS), 80, PairTable).splitlines()
    signs = {line[3:].rstrip("+-. 1234").strip(): line.split()[-3:] for line in lines[1:5]}
    assert signs["MEFL"] == ["+", "+", "+"]
    assert signs["FedAvg"] == ["-", "-", "-"]
    assert "corrected by Holm" in " ".join(lines[5:])
    one = {name: values[:1] for name, values in METHODS.items()}
    assert not printed(comparison(one), 80, PairTable).strip()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_terminal_holds_every_row_on_its_lines(width):
    text = printed(comparison(METHODS, rounds=500), width)
    assert max(map(len, text.splitlines())) <= width
    row = next(line for line in text.splitlines() if line.startswith("MEFL"))
    assert "90.2 [89.6, 90.8]" in row
    assert "…" not in text
    assert "fine-tuning" in text


def test_columns_without_numbers_are_left_out():
    text = printed(comparison({"local": [0.8], "fedavg": [0.6]}, new=0), 120)
    assert "new" not in text
    assert "one seed, no interval" in text


def test_the_legend_says_what_each_number_is():
    text = legend(comparison(METHODS, diverged={("mefl", 0): 2}))
    assert "mean over 3 seeds [95 % interval]" in text
    assert "standard deviation" in text
    assert "† MEFL diverged" in text
