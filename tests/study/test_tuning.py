"""The search of a study: what trials may see, what they take, and what they leave behind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unalike.data.federation import Federation
from unalike.errors import InputError
from unalike.functional import traced_function
from unalike.study import inputs as study_inputs
from unalike.study.inputs import UserInputs
from unalike.study.run import RunTask, run
from unalike.study.search_spaces import FIRST_TRIAL_SEED
from unalike.study.settings import Study, make_study, read_study
from unalike.study.store import RunStore
from unalike.study.training import ProgressEvent
from unalike.study.tuning import read_search, tuned, whole_run
from unalike.tuning.halving import rungs
from unalike.tuning.search_record import SearchRecord

SETTINGS: dict[str, Any] = {
    "methods": ("fedavg", "ditto", "finetuning"),
    "model": "logistic",
    "rounds": 10,
    "seeds": 2,
    "batch_size": 16,
    "tuning": {"trials": 6},
    "data": "own",
    "settings": {"ditto": {"lam": 0.3}},
}


def clients() -> Federation:
    draws = np.random.default_rng(5)
    sizes = [40, 25, 60, 31]
    owner = np.repeat(np.arange(4), sizes)
    x = draws.normal(size=(sum(sizes), 5))
    y = (x @ draws.normal(size=(5, 3)) + draws.normal(size=(4, 3))[owner]).argmax(1)
    return Federation.from_arrays(x, y, client=owner, validation=0.3, test=0.2)


def search(folder: Path, federation: Federation, tell=lambda _: None, **settings: Any) -> Study:
    study = make_study(SETTINGS | settings)
    study.write(folder / "study.toml")
    return tuned(study, folder, UserInputs(federation=federation), federation, tell, None)


@pytest.fixture(scope="module")
def federation() -> Federation:
    return clients()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, federation: Federation) -> Path:
    folder = tmp_path_factory.mktemp("search")
    search(folder, federation)
    return folder


@pytest.fixture(scope="module")
def record(home: Path) -> SearchRecord:
    return read_search(home)


class UnreadableError(AssertionError):
    """Somebody looked at a test sample."""


class Unreadable:
    """Samples at which nobody may look."""

    def __getattr__(self, name: str) -> Any:
        raise UnreadableError(name)

    def __getitem__(self, key: object) -> Any:
        raise UnreadableError(key)

    def __len__(self) -> int:
        raise UnreadableError("len")


def test_a_search_never_reads_test_samples(
    tmp_path: Path, federation: Federation, home: Path
) -> None:
    planted: Any = Unreadable()
    hidden = replace(federation, x_test=planted, y_test=planted)
    search(tmp_path, hidden)
    assert (tmp_path / "tuning.json").read_bytes() == (home / "tuning.json").read_bytes()
    reported = RunTask(
        make_study(SETTINGS), "fedavg", 0, tmp_path / "reported", UserInputs(federation=hidden)
    )
    with pytest.raises(UnreadableError):
        run(reported)


def test_every_method_gets_as_many_trials_and_the_same_gradients(
    record: SearchRecord, federation: Federation
) -> None:
    ladder = rungs(6, rounds=10)
    whole = 10 * int(federation.train.sizes.sum())
    assert record.whole_run == whole == whole_run(make_study(SETTINGS), federation)
    assert set(record.searches) == {"local", "fedavg", "ditto", "finetuning"}
    for label, one in record.searches.items():
        assert len(one.trials) == 6
        counts = [sum(len(trial.judged) > k for trial in one.trials) for k in range(len(ladder))]
        assert counts == [rung.trials for rung in ladder]
        for trial in one.trials:
            for rung, judged in zip(ladder, trial.judged, strict=False):
                round_ = judged.gradients / judged.rounds
                assert rung.share * whole - round_ < judged.gradients <= rung.share * whole, label
        paused = len(one.trials) * whole / 10  # no trial stops in the middle of a round
        assert record.budget * whole - 2 * paused < one.gradients <= record.budget * whole
    lengths = {label: one.best.judged[-1].rounds for label, one in record.searches.items()}
    assert lengths["fedavg"] == 10
    assert lengths["ditto"] == 5  # two gradients a sample


def test_trials_have_seeds_of_their_own_and_all_the_same(home: Path) -> None:
    found = {path.name for path in home.glob("tuning/trial-*/runs/*/seed-*")}
    assert found == {f"seed-{FIRST_TRIAL_SEED}"}
    reported = {f"seed-{seed}" for seed in range(make_study(SETTINGS).seeds)}
    assert not found & reported


def test_the_best_of_each_method_is_chosen_and_stands_in_the_study(
    home: Path, record: SearchRecord
) -> None:
    study = read_study(home / "study.toml")
    assert study.tuning.done
    for label, one in record.searches.items():
        ends = [trial.judged[-1] for trial in one.trials if len(trial.judged) == 3]
        best = min(ends, key=lambda judged: (-judged.value, judged.loss))
        assert one.best.judged[-1] == best
        assert study.tuning.chosen[label] == one.best.settings
        assert sorted(one.order) == list(range(6))
        for name, value in one.best.settings.items():
            assert getattr(study.method(label), name) == value
    assert study.settings["ditto"]["lam"] == 0.3
    assert all("lam" not in trial.settings for trial in record.searches["ditto"].trials)
    again = read_study(home / "study.toml", {}, as_chosen=False)
    assert again.settings == {"ditto": {"lam": 0.3}}
    assert not again.tuning.done
    assert any(one.best.settings for one in record.searches.values())


def test_a_trial_gives_the_same_bits_outside_of_a_search(
    tmp_path: Path, home: Path, record: SearchRecord, federation: Federation
) -> None:
    one = record.searches["ditto"]
    trial = one.order[0]
    inside = RunStore(home / f"tuning/trial-{trial:03d}/runs/ditto/seed-{FIRST_TRIAL_SEED}")
    lengths = len(inside.records())
    given = {"lam": 0.3, **one.trials[trial].settings}
    study = make_study(SETTINGS | {"tuning": None, "settings": {"ditto": given}})
    inputs = UserInputs(federation=federation)
    outside = RunTask(study, "ditto", FIRST_TRIAL_SEED, tmp_path, inputs)
    run(outside)
    known = {r["round"]: r for r in outside.store.records()}
    for ours in inside.records():
        theirs = known[ours["round"]]
        assert ours["client_drift"] == theirs["client_drift"]
        if "evaluation" in ours and "evaluation" in theirs:
            assert ours["evaluation"]["validation"] == theirs["evaluation"]["validation"]
            assert (
                ours["evaluation"]["personal"] != theirs["evaluation"]["personal"]
            )  # test samples
            assert "gradient_dissimilarity" not in ours["evaluation"]
    compared = {t for t, r in known.items() if "gradient_dissimilarity" in r.get("evaluation", {})}
    assert compared == study.dissimilarity_rounds()
    assert lengths == 5 < len(known) == 10


def test_a_search_that_was_interrupted_goes_on_to_the_same_settings(
    tmp_path: Path, federation: Federation, home: Path
) -> None:
    done = 0

    def interrupt(event: ProgressEvent) -> None:
        nonlocal done
        done += event.trials is not None
        if done in (3, 20, 28):
            done += 1
            raise KeyboardInterrupt

    study = make_study(SETTINGS)
    study.write(tmp_path / "study.toml")
    stops = 0
    for _ in range(4):
        before = (tmp_path / "study.toml").read_text()
        try:
            study = tuned(
                study, tmp_path, UserInputs(federation=federation), federation, interrupt, None
            )
        except KeyboardInterrupt:
            stops += 1
            assert (tmp_path / "study.toml").read_text() == before
            assert not (tmp_path / "tuning.json").exists()
    assert stops == 3
    assert study.tuning.done
    assert (tmp_path / "tuning.json").read_bytes() == (home / "tuning.json").read_bytes()
    assert (tmp_path / "study.toml").read_bytes() == (home / "study.toml").read_bytes()


def test_a_round_done_again_after_a_kill_is_judged_again(
    tmp_path: Path, federation: Federation, home: Path
) -> None:
    """Where all but the first round of a trial is in no checkpoint."""
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tuning.json").unlink()
    for path in tmp_path.glob("tuning/trial-*/runs/*/*/checkpoint*"):
        path.unlink()
    for path in tmp_path.glob("tuning/trial-*/runs/*/*/metrics.jsonl"):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0])
    search(tmp_path, federation)
    assert (tmp_path / "tuning.json").read_bytes() == (home / "tuning.json").read_bytes()
    for path in tmp_path.glob("tuning/trial-*/runs/*/seed-*"):
        again, once = (RunStore(folder / path.relative_to(tmp_path)) for folder in (tmp_path, home))
        assert _evaluated(again) == _evaluated(once)


def _evaluated(store: RunStore) -> list[int]:
    return [record["round"] for record in store.records() if "evaluation" in record]


def test_proposals_are_kept_and_not_made_again(tmp_path: Path, federation: Federation) -> None:
    path = tmp_path / "tuning/trial-001/fedavg.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"lr": 0.7}))
    study = search(tmp_path, federation, tuning={"trials": 2}, methods=("fedavg",), rounds=2)
    found = read_search(tmp_path)
    assert found.searches["fedavg"].trials[1].settings == {"lr": 0.7}
    assert study.tuning.done


def test_several_seeds_of_a_trial_are_averaged_and_take_their_partitions(
    tmp_path: Path, federation: Federation
) -> None:
    search(tmp_path, federation, tuning={"trials": 2, "seeds": 3}, methods=("fedavg",), rounds=2)
    found = read_search(tmp_path)
    trial = found.searches["fedavg"].trials[0]
    values = []
    for seed in range(3):
        folder = tmp_path / f"tuning/trial-000/runs/fedavg/seed-{FIRST_TRIAL_SEED + seed}"
        known = [
            r["evaluation"]["validation"] for r in RunStore(folder).records() if "evaluation" in r
        ]
        best = min(known, key=lambda scores: (-scores[found.measure], scores["loss"]))
        values.append(best[found.measure])
    assert len(set(values)) > 1
    assert trial.judged[-1].value == pytest.approx(np.mean(values))
    assert trial.gradients == 3 * 2 * int(federation.train.sizes.sum())


def test_trials_of_one_method_share_recordings(
    tmp_path: Path, federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[object] = []
    real = traced_function.trace_kernels

    def counted(fn: Any, *args: Any, **how: Any) -> Any:
        traced.append(fn)
        return real(fn, *args, **how)

    monkeypatch.setattr(traced_function, "trace_kernels", counted)
    monkeypatch.setattr(traced_function, "CALLS_BEFORE_TRACING", 1)
    study_inputs._network.cache_clear()
    counts = []
    for trials in (1, 6):
        before = len(traced)
        search(
            tmp_path / f"{trials}",
            federation,
            tuning={"trials": trials},
            methods=("fedavg",),
            rounds=2,
        )
        counts.append(len(traced) - before)
    assert counts[1] == 0 < len(traced)


def test_a_diverged_trial_is_the_worst(tmp_path: Path, federation: Federation) -> None:
    search(
        tmp_path,
        federation,
        methods=("fedavg",),
        rounds=4,
        tuning={"trials": 3, "ranges": {"fedavg": {"lr": (1e36, 3e38), "server_lr": (1e-3, 3e38)}}},
    )
    one = read_search(tmp_path).searches["fedavg"]
    values = [one.trials[k].judged[-1].value for k in one.order]
    assert None in values
    assert values == sorted(values, key=lambda value: value is None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tuning": 0}, "0 trials try nothing; give --tune at least 1"),
        ({"tuning": -3}, "-3 trials try nothing"),
        ({"tuning": "many"}, "tuning.trials = 'many'"),
        ({"tuning": {"sampler": "tpe"}}, "say how many settings are tried of each method"),
        ({"tuning": {"trials": 4, "sampler": "sobel"}}, "did you mean 'sobol'"),
        ({"tuning": 4, "validation": 0}, "validation = 0 leaves none"),
        (
            {"tuning": {"trials": 4, "ranges": {"ditto": {"lam": (0.1, 1)}}}},
            "lam = 0.3 is given for ditto and stays as it is",
        ),
        ({"tuning": {"trials": 4, "ranges": {"fedavgg": {"lr": (0.1, 1)}}}}, "did you mean"),
        (
            {"tuning": {"trials": 4, "ranges": {"local": {"adapt_epochs": (-2, 3)}}}},
            "adapt_epochs",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_study(SETTINGS | given)


def test_no_more_is_tried_than_these_clients_allow(tmp_path: Path, federation: Federation) -> None:
    """IFCA refuses more models than there are clients that train; four do here."""
    said: list[str] = []
    methods = {"methods": ("ifca",), "rounds": 2, "tuning": {"trials": 8}}
    search(tmp_path, federation, tell=lambda event: said.append(event.remark), **methods)
    found = read_search(tmp_path).searches["ifca"]
    tried = [trial.settings["clusters"] for trial in found.trials if "clusters" in trial.settings]
    assert len(found.trials) == 8
    assert set(tried) == {2, 3, 4}
    assert [axis.high for axis in found.axes if axis.name == "clusters"] == [4]
    assert "ifca: clusters is searched up to 4, since ifca: clusters = 5 is more than" in said[0]
