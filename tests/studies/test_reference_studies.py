"""The studies of the folder examples/ come out as docs/results.md says."""

import cfl_groups
import fashion_mnist
import pytest
import shards

from real_data import DATA, need

pytestmark = pytest.mark.slow


def test_fedavg_learns_from_clients_who_know_two_digits():
    need("mnist")
    curve = list(shards.study(rounds=40, lr=0.05, seed=0, every=40, data_dir=DATA))
    assert [t for t, _ in curve] == [40]
    assert curve[0][1] > 85


@pytest.mark.parametrize("seed", [0, 1])
def test_cfl_finds_the_two_rotations_and_gains(seed):
    need("mnist")
    found = cfl_groups.study("rotated", rounds=40, seed=seed, data_dir=DATA)
    assert [cut.sizes for cut in found.cuts] == [[10, 10]]
    assert found.cuts[0].agreement == 1
    assert found.accuracy["cfl"] > found.accuracy["fedavg"] + 2


def test_cfl_first_parts_teams_of_two_kinds_of_writers():
    need("mnist-writers")
    thresholds = {"eps1": 0.1, "eps2": 0.3, "gamma_max": 0.585}
    found = cfl_groups.study("teams", rounds=14, seed=0, data_dir=DATA, **thresholds)
    assert found.cuts[0].sizes == [10, 10]
    assert found.cuts[0].agreement == 1


def test_personal_models_win_on_unlike_clothes():
    need("fashion-mnist")
    frame = fashion_mnist.study(rounds=5, seeds=1, data_dir=DATA).frame
    last = frame[frame.metric.eq("personalised_accuracy_last") & frame.client.ne("all")]
    mean = last.groupby("method").value.mean()
    assert set(fashion_mnist.METHODS.split(",")) == set(mean.index)
    for personal in ("local", "finetuning", "ditto", "fedper"):
        assert mean[personal] > mean["fedavg"]
