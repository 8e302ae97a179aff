"""A diagnosis over real processes, with certificates and keys."""

import json
from pathlib import Path

import pytest

from real_federation import RealFederation
from small_studies import SMALL
from unalike import diagnose
from unalike.network.server.diagnosis import read_diagnosis
from unalike.study.inputs import deal_study
from unalike.study.settings import make_study


@pytest.mark.slow
def test_the_outcome_is_that_of_all_samples_in_one_place(tmp_path: Path) -> None:
    study = make_study(SMALL | {"clients": 3, "new_clients": 0.0, "alpha": 0.3})
    folder = tmp_path / "study"
    with RealFederation(folder, study, diagnose=True) as running:
        running.finish()
    here, there = diagnose(deal_study(study, 0), optimise=False), read_diagnosis(folder)
    for kind in ("label", "quantity"):  # from counts, which are shuffled by draws of their own
        assert there[kind].found == here[kind].found
        for ours, theirs in zip(there[kind].measures, here[kind].measures, strict=True):
            assert (ours.name, ours.meaning) == (theirs.name, theirs.meaning)
            assert ours.value == pytest.approx(theirs.value, rel=1e-12)
            assert ours.chance == pytest.approx(theirs.chance, rel=0.15)
    written = json.loads((folder / "diagnosis.json").read_text("utf-8"))
    assert written["headline"] == there.headline
    assert (folder / "diagnosis.html").exists()
