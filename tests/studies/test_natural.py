"""The table of examples/natural.py: means, gains seed by seed, and who is harmed."""

import pandas as pd
from natural import METHODS, SETS, Seed, listed, table

from unalike.data import SOURCES

ALONE = [0.5, 0.8]


def seed(gains, by=0.0):
    """Two clients; `gains` of each federated method over Local, everything raised by `by`."""
    columns = [[value + by + gain for value in ALONE] for gain in (0.0, *gains)]
    columns[1][0] -= 0.1
    return Seed("ditto", pd.DataFrame(dict(zip(METHODS, columns, strict=True)), ["a", "b"]))


def test_every_set_is_natural():
    assert all(SOURCES[name].natural for name in SETS)


def test_gains_are_taken_seed_by_seed():
    """The same gain in seeds far apart has an interval of width 0; accuracies have a wide one."""
    rows = table([seed((0.02, 0.1, -0.01)), seed((0.02, 0.1, -0.01), by=0.1)]).splitlines()[2:]
    assert rows[0].startswith("| local | 70.0 [")
    assert "[70.0" not in rows[0]
    assert rows[1].startswith("| fedavg | 67.0 [")
    assert rows[1].endswith(" | -3.0 [-3.0, -3.0] | 1 of 2: a |")
    assert rows[2].endswith(" | +10.0 [+10.0, +10.0] | 0 of 2 |")
    assert rows[3].endswith(" | -1.0 [-1.0, -1.0] | 2 of 2: a, b |")


def test_harm_is_judged_on_the_mean_over_seeds():
    """Worse in one seed and better by more in the other is no harm."""
    rows = table([seed((0, 0, -0.1)), seed((0, 0, 0.2))]).splitlines()
    assert rows[-1].endswith("| 0 of 2 |")


def test_one_seed_has_no_interval():
    assert table([seed((0, 0, 0.1))]).splitlines()[-1] == "| advised | 75.0 | +10.0 | 0 of 2 |"


def test_many_harmed_are_counted_and_the_worst_are_named():
    assert listed(list("abcdefg"), 9) == "7 of 9: a, b, c, d, e, ..."
