"""Samples of one patient or device stay in one part of the cut."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unalike import InputError, compare
from unalike.data import Federation, federate
from unalike.data.cut import cut
from unalike.data.reading import read
from unalike.data.subjects import TESTING, TRAINING, VALIDATING, Subjects, parts_by_subject

PARTS = (TRAINING, VALIDATING, TESTING)


def wanted(count, validation=0.1, test=0.2):
    return tuple(int(size[0]) for size in cut(np.array([count]), validation=validation, test=test))


def visits(clients=4, patients=30, each=4, seed=0):
    """Visits that tell the patient, whose label is a toss of a coin: x, y, client, patient."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(clients * patients), each)
    own = rng.normal(size=(clients * patients, 8))
    x = own[patient] + 0.05 * rng.normal(size=(len(patient), 8))
    y = rng.permutation(np.tile(["ill", "well"], clients * patients // 2))[patient]
    return x, y, patient // patients, patient


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=40),
    seed=st.integers(0, 5),
    validation=st.sampled_from([0, 0.1, 0.3]),
    test=st.sampled_from([0, 0.2, 0.5]),
)
def test_no_subject_is_parted_and_no_part_left_empty(sizes, seed, validation, test):
    names = np.repeat([f"P{i}" for i in range(len(sizes))], sizes)
    shares = wanted(len(names), validation, test)
    part = parts_by_subject(Subjects(names, "patient"), shares, seed=seed)
    if max(sizes) == 1:
        assert part is None
        return
    for name in set(names.tolist()):
        assert len(set(part[names == name].tolist())) == 1
    counts = np.bincount(part, minlength=3)
    assert ((counts > 0) == (np.array(shares) > 0)).all()
    left = len(sizes) - 1 - (validation > 0)
    if test and max(sizes) < left:
        assert abs(counts[TESTING] - shares[TESTING]) <= max(sizes)


def test_somebody_is_left_to_train_whoever_is_large():
    names = np.repeat(["a", "b", "c"], [1, 1, 9])
    for seed in range(20):
        part = parts_by_subject(Subjects(names, "p"), wanted(11, 0.3, 0.5), seed=seed)
        assert set(part.tolist()) == set(PARTS)


def test_as_many_subjects_test_as_come_nearest_to_the_share():
    names = np.repeat(list("abcdefghij"), 10)
    part = parts_by_subject(Subjects(names, "patient"), wanted(100), seed=0)
    assert np.bincount(part).tolist() == [70, 10, 20]
    names = np.repeat(["large", *"abcdefg"], [50] + [5] * 7)
    tested = {
        int(np.bincount(parts_by_subject(Subjects(names, "p"), wanted(85), seed=seed))[TESTING])
        for seed in range(20)
    }
    assert tested == {5, 10, 15, 50}  # 17 are wanted, and the large one is drawn at any time


def test_who_tests_follows_from_names_and_seed_wherever_they_are():
    names = np.repeat([f"P{i}" for i in range(20)], 3)
    order = np.random.default_rng(0).permutation(len(names))
    parts = [
        parts_by_subject(Subjects(names[rows], "p"), wanted(60), seed=seed)
        for rows, seed in ((np.arange(60), 0), (order, 0), (np.arange(60), 1))
    ]
    np.testing.assert_array_equal(parts[0][order], parts[1])
    assert (parts[0] != parts[2]).any()


def test_samples_of_nobody_known_are_each_their_own():
    names = np.array(["", "", "", *"aabbcc"])
    part = parts_by_subject(Subjects(names, "p"), wanted(9), seed=0)
    assert set(part.tolist()) == set(PARTS)
    tested = [
        parts_by_subject(Subjects(names, "p"), wanted(9), seed=seed)[:3] for seed in range(20)
    ]
    assert any(len(set(part.tolist())) > 1 for part in tested)
    assert parts_by_subject(Subjects(np.full(9, ""), "p"), wanted(9), seed=0) is None


def test_with_fewer_subjects_than_parts_samples_are_cut_one_by_one():
    two = Subjects(np.repeat(["a", "b"], 10), "p")
    assert parts_by_subject(two, wanted(20), seed=0) is None
    part = parts_by_subject(two, wanted(20, validation=0), seed=0)
    assert sorted(part[[0, -1]].tolist()) == [TRAINING, TESTING]
    assert np.bincount(part).tolist() == [10, 0, 10]


@pytest.mark.parametrize(
    ("number", "each", "people", "stay"),
    [
        (10, 4, False, False),
        (11, 4, False, True),
        (20, 10, False, False),
        (20, 9, False, True),
        (4, 50, True, False),
        (5, 50, True, True),
    ],
)
def test_a_name_alone_cuts_only_where_there_are_many(number, each, people, stay):
    names = np.repeat([f"P{i}" for i in range(number)], each)
    shares = wanted(len(names))
    unasked = Subjects(names, "p", asked=False, people=people)
    assert (parts_by_subject(unasked, shares, seed=0) is not None) == stay
    part = parts_by_subject(Subjects(names, "p"), shares, seed=0)
    assert set(part.tolist()) == set(PARTS)
    assert (part.reshape(number, each) == part[::each, None]).all()


@pytest.mark.parametrize("split", ["natural", "iid"])
def test_a_federation_keeps_patients_in_one_part_of_a_client(split):
    x, y, client, patient = visits()
    dealt = {} if split == "natural" else {"split": "iid", "clients": 3}
    named = client if split == "natural" else None
    federation = Federation.from_arrays(
        np.column_stack([x, patient]), y, named, subject=patient, seed=3, **dealt
    )
    for i in range(federation.clients):
        held = [
            federation.x[federation.train.rows(i), -1],
            federation.x[federation.validation.rows(i), -1],
            federation.x_test[federation.test.rows(i), -1],
        ]
        train, validation, test = (set(one.tolist()) for one in held)
        assert train
        assert validation
        assert test
        assert not train & validation
        assert not (train | validation) & test
    homes = [
        {*federation.x[federation.train.rows(i), -1].tolist()}
        | {*federation.x_test[federation.test.rows(i), -1].tolist()}
        for i in range(federation.clients)
    ]
    assert sum(map(len, homes)) == len(set.union(*homes))
    who = federation.x[:, -1].numpy().astype(int)
    first = np.unique(federation.subject, return_inverse=True)[1]
    assert len(set(zip(who.tolist(), first.tolist(), strict=True))) == len(set(who.tolist()))
    tested = federation.x_test[:, -1].numpy().astype(int)
    np.testing.assert_array_equal(patient[federation.origin], tested)
    assert len(set(federation.origin.tolist())) == len(set(tested.tolist()))


@pytest.mark.parametrize("split", ["natural", "dirichlet"])
def test_without_subjects_nothing_changes(split):
    x, y, client, _ = visits(each=1)
    given = {"client": client} if split == "natural" else {"split": split, "clients": 4}
    plain = Federation.from_arrays(x, y, **given)
    alone = Federation.from_arrays(x, y, subject=np.arange(len(x)), **given)
    np.testing.assert_array_equal(plain.x, alone.x)
    np.testing.assert_array_equal(plain.origin, alone.origin)
    assert alone.subject is None
    assert plain.notes == alone.notes


def test_a_split_deals_patients_by_the_class_of_their_first_visit():
    x, y, _, patient = visits()
    order = np.random.default_rng(5).permutation(len(x))
    x, y, patient = x[order], y[order], patient[order]
    dealt = Federation.from_arrays(
        x, y, subject=patient, split="pathological", classes_per_client=1, clients=4
    )
    assert ((dealt.label_counts > 0).sum(1) == 1).all()
    assert dealt.label_counts.sum() == len(x)


@pytest.mark.parametrize(("skew", "said"), [("label", True), ("rotation", False), ("", False)])
def test_skews_that_draw_samples_anew_are_told_of(skew, said):
    x, y, client, patient = visits()
    x = np.repeat(x[:, None, :], 8, axis=1)[:, None]
    federation = Federation.from_arrays(x, y, client, subject=patient, skew=[skew] if skew else [])
    assert any("draw them one by one" in note for note in federation.notes) == said


def frame(**given):
    x, y, client, patient = visits(**given)
    table = pd.DataFrame(x, columns=[f"m{i}" for i in range(8)])
    return table.assign(client=[f"c{i}" for i in client], y=y, patient_id=patient + 1000)


def cut_of(table, **reading):
    return federate(read(table, **reading).arrays(), split="natural", seed=1)


def subjects_in(federation):
    """How many different subjects a federation knows, of all parts."""
    return len(np.unique(np.concatenate([federation.subject, federation.origin])))


def test_a_column_called_patient_id_is_enough_and_it_is_said():
    federation = cut_of(frame())
    assert subjects_in(federation) == 120
    said = "Samples of one 'patient_id' stay together in training, validation or test"
    assert any(note.startswith(f"{said} (--subject-column none") for note in federation.notes)
    for way_out in ({"subject": "none"}, {"kinds": {"patient_id": "category"}}):
        parted = cut_of(frame(), **way_out)
        assert parted.subject is None
        assert not any("stay together" in note for note in parted.notes)
    dropped = cut_of(frame(), drop=["patient_id"])
    np.testing.assert_array_equal(dropped.origin, federation.origin)


def test_long_recordings_of_few_people_are_kept_together_too():
    """A hundred windows of each of twelve people a site, whose number is no feature."""
    table = frame(clients=2, patients=12, each=100)
    federation = cut_of(table)
    assert subjects_in(federation) == 24
    assert not any("patient_id" in name for name in federation.preprocessing.feature_names)


def test_visits_of_nobody_known_share_no_subject():
    table = frame()
    table["patient_id"] = [None if i % 8 == 0 else f"P{p}" for i, p in enumerate(table.patient_id)]
    federation = cut_of(table)
    assert subjects_in(federation) == 480 // 8 + table["patient_id"].nunique()


def test_how_many_people_there_are_is_no_person():
    rng = np.random.default_rng(0)
    shops = pd.DataFrame({"y": np.tile(["a", "b"], 200), "client": np.repeat(list("nesw"), 100)})
    shops = shops.assign(customer_number=rng.integers(5, 25, 400), sales=rng.normal(size=400))
    federation = cut_of(shops)
    assert federation.subject is None
    assert "customer_number" in federation.preprocessing.feature_names
    known = shops.rename(columns={"customer_number": "customer_id"})
    assert subjects_in(cut_of(known)) == 20


def test_people_come_before_other_things_that_are_numbered():
    table = frame().assign(scan_id=np.arange(480) // 2)
    table = table[["scan_id", *table.columns.drop("scan_id")]]
    np.testing.assert_array_equal(cut_of(table).origin, cut_of(frame()).origin)
    scans = cut_of(table.drop(columns="patient_id"))
    assert any("one 'scan_id' stay together" in note for note in scans.notes)


def test_a_column_that_is_named_is_no_feature():
    table = frame().assign(device=[f"D{i // 8}" for i in range(480)]).drop(columns="patient_id")
    held = read(table, subject="device")
    assert "device" not in held.x.names
    federation = cut_of(table, subject="device")
    assert any(
        note == "Samples of one 'device' stay together in training, validation or test."
        for note in federation.notes
    )
    with pytest.raises(InputError, match="no column 'devise'"):
        read(table, subject="devise")


def test_clients_of_few_subjects_are_told_of():
    table = frame(patients=30)
    table.loc[table["client"] == "c1", "patient_id"] = 7
    federation = cut_of(table)
    assert any(
        "can stand in training and in test at c1: there are few of them (--subject-column "
        "patient_id keeps them together)" in note
        for note in federation.notes
    )
    asked = cut_of(table, subject="patient_id")
    assert any("at c1: there are fewer of them than parts." in note for note in asked.notes)


def test_what_is_learned_of_patients_is_not_taken_for_what_is_learned_of_labels():
    """Labels are a toss of a coin a patient, so nobody can know those of others."""
    found = {}
    for subject in ("none", "patient_id"):
        result = compare(
            frame(patients=60),
            subject_column=subject,
            model="mlp",
            methods="local",
            rounds=30,
            seeds=2,
            local_epochs=5,
            settings={"local": {"lr": 0.2}},
        )
        found[subject] = float(result.table()["personalised"]["local"])
    assert found["none"] > 0.65
    assert abs(found["patient_id"] - 0.5) < 0.1
