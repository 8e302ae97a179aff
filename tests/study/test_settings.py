"""Settings: what is accepted, what is refused, and in which words."""

from pathlib import Path

import pytest

from unalike.errors import InputError
from unalike.methods import METHODS, FedProx, Local
from unalike.study.method_settings import build_method
from unalike.study.settings import Study, make_study, read_study


def test_defaults_are_the_demo() -> None:
    study = make_study({})
    assert study.split_options() == {"alpha": 0.1}
    assert study.client_count() == 20
    assert study.labels() == list(METHODS)


def test_baselines_are_always_there() -> None:
    assert make_study({"methods": "mefl"}).labels() == ["local", "fedavg", "mefl"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"methods": "fedagv"}, "Unknown method 'fedagv': did you mean 'fedavg'?"),
        ({"roundz": 3}, "Unknown setting 'roundz': did you mean 'rounds'?"),
        ({"rounds": 0}, "rounds = 0: input should be greater than or equal to 1"),
        ({"rounds": "many"}, "rounds = 'many': input should be a valid integer"),
        (
            {"settings": {"fedprox": {"nu": 1}}},
            "Unknown setting of fedprox 'nu': did you mean 'mu'?",
        ),
        ({"settings": {"fedprox": {"mu": -1}}}, "Method fedprox: mu = -1: input should be greater"),
        ({"settings": {"fedprox": {"mu": "much"}}}, "mu = 'much': input should be a valid number"),
        ({"settings": {"fedprxo": {"mu": 1}}}, "Unknown method 'fedprxo': did you mean 'fedprox'?"),
        (
            {"settings": {"scaffold": {"option": "III"}}},
            "option = 'III': input should be 'I' or 'II'",
        ),
        ({"cohort": 0}, "cohort = 0: input should be greater than 0"),
        ({"classes": ["a", "b"]}, "(data = 'own'), and 'digits' has names already"),
        ({"data": "own", "classes": ["a", "a"]}, "classes = ['a', 'a']: name each class once"),
        ({"data": "own", "classes": ["a"]}, "classes = ['a']: name each class once"),
        ({"data": "own", "classes": "a,b"}, "classes = 'a,b': input should be a valid tuple"),
    ],
)
def test_bad_settings_get_one_sentence(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        make_study(values)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    study = make_study(
        {
            "methods": "fedprox,strong",
            "rounds": 7,
            "settings": {"fedprox": {"mu": 0.5}, "strong": {"method": "fedprox", "mu": 2.0}},
        }
    )
    study.write(tmp_path / "study.toml")
    again = read_study(tmp_path / "study.toml")
    assert again == study
    assert again.method("strong") == FedProx(mu=2.0)
    assert again.labels() == ["local", "fedavg", "fedprox", "strong"]


def test_what_is_given_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('rounds = 9\nrun = ["fedprox"]\n[methods.fedprox]\nmu = 1.0\nlr = 0.5\n')
    study = read_study(file, {"rounds": 4, "settings": {"fedprox": {"mu": "3"}}})
    assert study.rounds == 4
    assert study.method("fedprox") == FedProx(mu=3.0, lr=0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [("rounds = ", "is not valid TOML"), ("round = 3", "did you mean 'rounds'?")],
)
def test_bad_files(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "study.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"study\.toml") as caught:
        read_study(file)
    assert words in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study file"):
        read_study(tmp_path / "none.toml")


def test_cohort_is_a_share_or_a_number() -> None:
    assert Study(cohort=0.25).cohort_size(20) == 5
    assert Study(cohort=8).cohort_size(20) == 8
    assert Study(cohort=1.0).cohort_size(20) == 20
    assert Study(cohort=100).cohort_size(20) == 20
    assert Study(cohort=0.001).cohort_size(20) == 1


def test_the_last_round_is_always_evaluated_and_the_first_unless_told_otherwise() -> None:
    assert Study(rounds=50, evaluate_every=20).evaluated_rounds() == {20, 40, 50}
    assert Study(rounds=1000).evaluated_rounds() == {1, *range(40, 1001, 40)}


def test_gradients_are_compared_after_the_first_the_last_and_a_few_rounds_between() -> None:
    assert Study(rounds=50).dissimilarity_rounds() == {1, 12, 24, 38, 50}
    assert Study(rounds=3).dissimilarity_rounds() == {1, 2, 3}
    assert Study(rounds=1).dissimilarity_rounds() == {1}
    for rounds in (2, 7, 50, 333):
        study = Study(rounds=rounds, evaluate_every=3)
        chosen, known = study.dissimilarity_rounds(), study.evaluated_rounds()
        assert chosen <= known
        assert {min(known), rounds} <= chosen
        assert len(chosen) == min(5, len(known))


def test_methods_are_built_from_text() -> None:
    assert build_method(Local, {"lr": "0.5", "adapt_epochs": "3"}) == Local(lr=0.5, adapt_epochs=3)
