"""Patients who come again are no skew of the hospitals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from unalike.data import federate
from unalike.data.reading import read
from unalike.diagnosis.diagnose import diagnose
from unalike.diagnosis.diagnosis_result import Diagnosis
from unalike.diagnosis.samples import one_of_each

PATIENTS, VISITS = 160, 4


def visits(seed: int = 0, *, older: float = 0.0) -> pd.DataFrame:
    """All patients go to a hospital drawn at random; in one of them they may be older."""
    rng = np.random.default_rng(seed)
    hospital = rng.choice(["east", "north", "west"], PATIENTS)
    own = rng.normal(size=(PATIENTS, 3))
    own[hospital == "east", 0] += older
    who = np.repeat(np.arange(PATIENTS), VISITS)
    x = own[who] + 0.1 * rng.normal(size=(len(who), 3))
    table = pd.DataFrame(x, columns=["age", "pressure", "weight"])
    ill = rng.random(PATIENTS) < 0.5
    return table.assign(hospital=hospital[who], patient_id=who, y=np.where(ill, "ill", "well")[who])


def diagnosed(table: pd.DataFrame, **reading: Any) -> Diagnosis:
    return diagnose(read(table, client="hospital", **reading), shuffles=100, optimise=False)


def test_patients_who_come_again_raise_no_alarm() -> None:
    for seed in range(3):
        assert diagnosed(visits(seed)).found == ()
        assert len(diagnosed(visits(seed), subject="none").found) > 1


def test_hospitals_that_differ_are_still_told_apart() -> None:
    assert "feature" in diagnosed(visits(older=1.5)).found


def test_one_visit_of_each_patient_is_looked_at_and_it_is_said() -> None:
    found = diagnosed(visits())
    assert found.counts.sum() == PATIENTS
    assert any("is looked at: 160 of 640 samples." in remark for remark in found.remarks)
    parted = diagnosed(visits(), subject="none")
    assert parted.counts.sum() == PATIENTS * VISITS
    assert not any("is looked at" in remark for remark in parted.remarks)


def test_rows_in_another_order_say_the_same() -> None:
    table = visits()
    shuffled = table.sample(frac=1, random_state=1).reset_index(drop=True)
    assert diagnosed(table).to_json() == diagnosed(shuffled).to_json()


def test_a_federation_knows_its_patients() -> None:
    dealt = federate(read(visits(), client="hospital").arrays(), split="natural")
    found = diagnose(dealt, shuffles=100, optimise=False)
    assert found.found == ()
    known = np.concatenate([dealt.train.values, dealt.validation.values])
    assert found.counts.sum() == len(np.unique(dealt.subject[known]))


def test_any_of_a_subject_s_samples_may_be_taken() -> None:
    client, subject = np.array([0, 0, 1, 1, 1]), np.array([3, 3, 3, 4, 4])
    drawn = {tuple(one_of_each(client, subject, np.random.default_rng(i))) for i in range(40)}
    assert drawn == {(a, 2, b) for a in (0, 1) for b in (3, 4)}
