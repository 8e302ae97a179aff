"""Every entry of the ledger is whole, and comes out right in a shortened form."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from real_data import DATA, real
from unalike.data import load
from unalike.data.sources import SOURCES
from unalike.ledger import (
    TABLES,
    Claim,
    Measured,
    PublishedTable,
    cell_verdicts,
    claim_verdicts,
)
from unalike.ledger.tables import fed_heart, fedrep_linear, per_fedavg_mnist
from unalike.ledger.tables.mnist_2nn import rounds_to
from unalike.ledger.training import method_of

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))


def measured(table: PublishedTable, *rows: str, **settings: Any) -> Measured:
    """One seed of these rows unless it says so, with other settings where it says so."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for run in table.shortened(**settings).runs:
        if run.row in rows:
            for column, value in table.measure(run.settings, run.seed, DATA).items():
                values[run.row, column].append(value)
    return Measured(values)


def claim(table: PublishedTable, beginning: str) -> Claim:
    (found,) = [one for one in table.claims if one.statement.startswith(beginning)]
    return found


@every_table
def test_an_entry_is_whole(table: PublishedTable) -> None:
    rows = {*table.rows, *(best.row for best in table.best)}
    assert all((table.title, table.source, table.protocol, table.columns, table.differs))
    assert table.cells or table.claims
    assert table.cells or table.left_out or "no numbers" in table.source
    assert table.cpu_minutes > 0
    assert len({(run.row, run.seed) for run in table.runs}) == len(table.runs)
    for cell in table.cells:
        assert cell.row in rows
        assert cell.column in table.columns
        assert (cell.spread is None) is not (cell.tolerance is None), cell
        assert cell.width > 0
    for one in table.claims:
        assert one.rows
        assert set(one.rows) <= rows, one.statement
    for best in table.best:
        assert set(best.of) <= set(table.rows)
    compared = {(cell.row, cell.column) for cell in table.cells}
    assert set(table.reasons) <= compared
    assert set(table.data) <= set(SOURCES)


@every_table
def test_settings_are_plain_and_name_a_method(table: PublishedTable) -> None:
    for run in table.runs:
        assert json.loads(json.dumps(run.settings)) == dict(run.settings)
        assert method_of(run.settings).name == run.settings["method"]


def test_shortened_keeps_the_rows() -> None:
    table = TABLES["fcube"]
    short = table.shortened(rounds=1)
    assert short.rows == table.rows
    assert len(short.runs) == len(table.rows)
    assert {run.settings["rounds"] for run in short.runs} == {1}
    assert {run.settings["local_epochs"] for run in short.runs} == {10}


def test_hearts_are_prepared_as_there() -> None:
    x, y, testing = fed_heart._patients()
    assert [len(own) for own in x] == [303, 261, 46, 130]
    assert [round(float(own.float().mean()), 2) for own in y] == [0.46, 0.38, 0.98, 0.78]
    assert [int(test.sum()) for test in testing] == [104, 89, 16, 45]
    for own, test in zip(fed_heart._scaled(x, testing), testing, strict=True):
        known = own[~test]
        assert known.shape[1] == 13
        torch.testing.assert_close(known.mean(0), torch.zeros(13), atol=1e-4, rtol=0)
        deviations = known.std(0)
        constant = deviations < 1e-3
        assert torch.all(constant | ((deviations - 1).abs() < 1e-3))
    (pooled,) = fed_heart._clients(x, y, testing, together=True).train.sizes
    assert pooled == 486


def test_fedavg_on_hearts_is_under_trained_at_the_published_step() -> None:
    rows = ("FedAvg", "FedAvg, step 0.01")
    found = measured(TABLES["fed-heart"], *rows, rounds=4)
    assert claim(TABLES["fed-heart"], "FedAvg is under-trained").holds(found)
    assert found.mean(rows[1], "accuracy") > 0.6


def test_scaffold_and_fedavg_on_two_quadratics() -> None:
    """FedAvg ends at eta K G / (1 - (1 - 2 eta)^K) - G / 2, SCAFFOLD at the optimum."""
    table = TABLES["scaffold-quadratics"]
    fedavg, *rows = (
        "FedAvg, G = 100, K = 10",
        "SCAFFOLD, G = 1, K = 10",
        "SCAFFOLD, G = 100, K = 10",
    )
    found = measured(table, fedavg, *rows, rounds=30)
    known = 100 * (0.1 * 10 / (1 - 0.8**10) - 0.5)
    assert found.mean(fedavg, "distance") == pytest.approx(known)
    assert not found.has(fedavg, "rounds")
    assert all(found.mean(row, "distance") < 1e-5 for row in rows)
    rounds = [found.mean(f"SCAFFOLD, G = {gap}, K = 10", "rounds") for gap in (1, 100)]
    assert rounds[0] == pytest.approx(rounds[1], rel=0.1)
    assert max(rounds) < 30


def test_angles_of_subspaces() -> None:
    axes = np.eye(10)
    assert fedrep_linear.distance(axes[:, :2] @ [[2.0, 1.0], [0.0, 3.0]], axes[:, :2]) < 1e-12
    tilted = np.stack([axes[0], np.cos(0.3) * axes[1] + np.sin(0.3) * axes[2]], 1)
    assert fedrep_linear.distance(tilted, axes[:, :2]) == pytest.approx(np.sin(0.3))


def test_fedrep_finds_the_subspace_and_fedavg_does_not() -> None:
    rows = ("FedRep, n = 10, m = 30", "FedAvg, n = 10, m = 30")
    found = measured(TABLES["fedrep-linear"], *rows, rounds=40)
    starts = {found.mean(row, "start") for row in rows}
    assert len(starts) == 1, "both begin alike"
    assert found.mean(rows[0], "end") < 0.5 * found.mean(rows[0], "start")
    assert found.mean(rows[1], "end") > 2 * found.mean(rows[0], "end")


def test_octants_cost_something_in_the_first_round() -> None:
    rows = ("FedAvg, two octants each", "FedAvg, all octants")
    found = measured(TABLES["fcube"], *rows, rounds=1)
    assert found.mean(rows[0], "first round") < found.mean(rows[1], "first round") - 1


def test_ifca_comes_nearer_to_both_vectors() -> None:
    table, row = TABLES["ifca-linear"], "best of 8 starts"
    early, later = (measured(table, row, rounds=rounds) for rounds in (20, 45))
    assert later.mean(row, "distance") < 0.5 * early.mean(row, "distance")
    assert early.mean(row, "recovered") == 0


@pytest.mark.parametrize(
    ("curve", "rounds"),
    [
        ([50.0, 97.0], 2.0),
        ([50.0, 96.0, 98.0], 2.5),
        ([96.0, 90.0, 98.0], 2.5),  # the best so far
        ([98.0], 97 / 98),
        ([50.0, 60.0], None),
    ],
)
def test_rounds_to_a_target(curve: list[float], rounds: float | None) -> None:
    assert rounds_to(97.0, curve) == rounds


def test_users_of_per_fedavg_differ_as_the_paper_says() -> None:
    """Total variation from the mixture: 0.4 in the first group, 0.8 in the second."""
    counts = np.array(
        [
            [per_fedavg_mnist._share(user, 196).get(digit, 0) for digit in range(10)]
            for user in range(50)
        ]
    )
    shares = counts / counts.sum(1, keepdims=True)
    mixture = shares.mean(0)
    np.testing.assert_allclose(mixture, [0.12] * 5 + [0.08] * 5)
    distances = np.abs(shares - mixture).sum(1) / 2
    np.testing.assert_allclose(distances[:25], 0.4)
    np.testing.assert_allclose(distances[25:], 0.8)


@pytest.mark.slow
def test_two_digits_a_user() -> None:
    real("mnist")
    from unalike.ledger.tables.pfedme_mnist import _users

    clients = _users(0, DATA)
    labels = clients.label_counts
    assert (np.count_nonzero(labels, 1) == 2).all()
    assert labels.sum() == len(load("mnist", data_dir=DATA).y)
    shares = clients.test.sizes / labels.sum(1)
    np.testing.assert_allclose(shares, 0.25, atol=1e-3)


@pytest.mark.slow
def test_fair_methods_lift_the_worst_clothes() -> None:
    real("fashion-mnist")
    table = TABLES["fair-fashion"]
    found = measured(table, *table.rows, rounds=600, samples=1000)
    assert claim(table, "The worst class").holds(found)


@pytest.mark.slow
def test_rounds_to_eighty_per_cent() -> None:
    real("mnist")
    table, rows = TABLES["mnist-2nn"], ("IID, step 0.1", "two shards, step 0.1")
    found = measured(table, *rows, rounds=40, target=80.0)
    assert found.mean(rows[0], "rounds") < found.mean(rows[1], "rounds")


@pytest.mark.slow
def test_personal_models_of_pfedme_are_ahead() -> None:
    real("mnist")
    table, row = TABLES["pfedme-mnist"], "pFedMe, MLR, R = 20"
    found = measured(table, row, rounds=200)  # before, the inner steps overshoot
    assert found.mean(row, "personal") > found.mean(row, "global")


@pytest.mark.slow
def test_adapting_helps_every_variant_of_per_fedavg() -> None:
    real("mnist")
    table = TABLES["per-fedavg-mnist"]
    rows = [row for row in table.rows if row.endswith("tau = 10")]
    found = measured(table, *rows, rounds=200)
    assert all(found.mean(row, "adapted") > found.mean(row, "before") for row in rows)


def test_all_three_train_on_the_mixture() -> None:
    table = TABLES["fedem-synthetic"]
    found = measured(table, *table.rows, rounds=1, tests=5)
    for row in table.rows:
        assert 45 < found.mean(row, "mean") < 80
        assert found.mean(row, "bottom decile") <= found.mean(row, "mean")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcube", "fedem-synthetic"])
def test_whole_entries_come_out_again(name: str) -> None:
    table = TABLES[name]
    found = measured(table, *table.rows, seeds=3)
    verdicts = [*cell_verdicts(table, found), *claim_verdicts(table, found)]
    assert [verdict.reproduced for verdict in verdicts] == [True] * len(verdicts)


@pytest.mark.slow
def test_partial_work_is_worth_something() -> None:
    table = TABLES["fedprox-synthetic"]
    short = replace(table, runs=tuple(r for r in table.runs if r.row.endswith("90% slow")))
    found = measured(short, *short.rows, rounds=25, local_epochs=5)
    assert claim(table, "With 90 per cent slow devices, using").holds(found)


@pytest.mark.slow
def test_fusedspacefed_runs_to_the_end() -> None:
    real("breastmnist")
    table, row = TABLES["fusedspacefed"], "breastmnist, FedAvg"
    found = measured(table, row, rounds=6, local_epochs=1, evaluate_every=3)
    assert 26 <= found.mean(row, "last round") <= 100
    assert 26 <= found.mean(row, "best by validation") <= 100
