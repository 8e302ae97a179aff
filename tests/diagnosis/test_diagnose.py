"""The whole diagnosis: what it accepts, says and refuses."""

import json
import re
import sys
from typing import Any

import numpy as np
import pytest

import unalike
from unalike.data import Federation, federate, load
from unalike.data.skews.concept import relabelled
from unalike.diagnosis.diagnose import diagnose
from unalike.diagnosis.diagnosis_result import KINDS, Diagnosis
from unalike.diagnosis.samples import prepare_samples
from unalike.errors import InputError
from unalike.functional.streams import generator
from unlike_worlds import world

SHUFFLES = 100


def skews(given: Any, shuffles: int = SHUFFLES) -> Diagnosis:
    return diagnose(tuple(given), shuffles=shuffles, optimise=False)


@pytest.mark.parametrize(("source", "seed"), [("gaussians", 3), ("digits", 2)])
def test_clients_that_are_alike_raise_no_alarm(source: str, seed: int) -> None:
    found = skews(world(seed, source=source))
    assert found.found == ()
    assert found.groups.count == 1
    assert "no more than chance" in found.headline


@pytest.mark.slow
def test_names_that_can_pass_for_looks_are_said_aloud() -> None:
    found = skews(world(3, label=0.7, concept=2))
    care = any("take that finding with care" in remark for remark in found.remarks)
    assert {"label", "concept"} <= set(found.found)
    assert care == ("feature" in found.found)


def test_a_federation_is_diagnosed_without_its_test_samples() -> None:
    federation = federate(load("digits"), split="iid", clients=4)
    renamed = relabelled(federation, groups=2, swaps=None)
    found = diagnose(renamed, shuffles=40, optimise=False)
    assert found["concept"].p < 0.05
    kept = federation.train.sizes + federation.validation.sizes
    assert found.counts.sum(1).tolist() == kept.tolist()
    assert found.names == federation.names


def test_the_same_seed_says_the_same() -> None:
    given = tuple(world(5, samples=200, clients=4))
    assert diagnose(given, shuffles=20).to_json() == diagnose(given, shuffles=20).to_json()


def test_json_and_table_hold_everything() -> None:
    given = world(7, samples=200, clients=4)
    found = diagnose(tuple(given[:3]), shuffles=20)
    whole = json.loads(found.to_json())
    assert [finding["kind"] for finding in whole["findings"]] == list(KINDS[:4])
    assert all(finding["blind_to"] for finding in whole["findings"])
    assert np.array(whole["groups"]["distances"]["label"]).shape == (4, 4)
    table = found.table()
    assert set(table.kind) == {*KINDS[:4], "optimisation"}
    watched = whole["optimisation"]
    assert all(measure["blind_to"] for measure in watched["measures"])
    assert set(watched["curves"]) == {"start", "optimum"}
    np.testing.assert_allclose(table.excess, table.value - table.chance)
    assert any("no column is named that says when" in remark for remark in found.remarks)


def test_a_diagnosis_shows_itself_with_what_was_found() -> None:
    x, y = np.random.default_rng(0).normal(size=(90, 2)), np.repeat(["a", "b", "<c>"], 30)
    found = unalike.diagnose((x, y, np.repeat([0, 1, 2], 30)), shuffles=100, optimise=False)
    assert found.found == ("label",)
    lines = str(found).splitlines()
    assert lines[0] == found.headline
    assert sum("label: found" in line for line in lines) == 1, "a kind is named once"
    assert sum(" * " in line for line in lines[:-1]) == found.table().decides.sum()
    assert str(found) == repr(found)
    shown = found._repr_html_()
    assert shown.startswith(f"<p><b>{found.headline}</b>")
    assert shown.count("<tr") == 1 + len(found.table())


def test_two_clients_without_a_common_class() -> None:
    x, y = np.random.default_rng(4).normal(size=(40, 2)), np.repeat([0, 1], 20)
    found = skews((x, y, y), 20)
    assert found["label"].p < 0.06
    assert found["feature"].p == 1
    assert json.loads(found.to_json())["groups"]["distances"]["feature"][0][1] is None
    assert any("lack a class" in remark for remark in found.remarks)


def test_a_client_of_one_sample_and_constant_features() -> None:
    y = np.array([0, 1, 0, 1, 0])
    found = diagnose((np.ones((5, 3)), y, np.array([0, 0, 0, 0, 1])), shuffles=20)
    json.loads(found.to_json())
    assert "concept" not in found.found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((np.zeros((4, 1)), np.arange(4) % 2, np.zeros(4, int)), "only one client"),
        ((np.zeros((4, 1)), np.zeros((4, 2)), np.arange(4)), "choose one of them with label=0 to"),
        ((np.zeros((3, 1)), np.array([1, np.nan, 0]), np.arange(3)), "nothing for 1 of 3 samples"),
        ((np.zeros((3, 1)), np.array(["a", None, "b"]), np.arange(3)), "first for sample 1"),
        ((np.zeros((9, 1)), np.arange(9), np.arange(9) % 2), "is that the column of classes"),
        ((np.zeros((4, 1)), np.arange(4) % 2, np.arange(4), np.zeros(4)), "same time"),
        ((np.zeros((2, 1)), np.arange(2), np.arange(2), np.array(["a", "b"])), "number or a"),
        (
            (np.zeros((2, 1)), np.arange(2), np.arange(2), np.zeros(3)),
            "one value a sample: 2, not 3",
        ),
        ((np.zeros((2, 1)), np.arange(2), np.arange(3)), "one "),
        ((np.full((2, 1), np.nan), np.arange(2), np.arange(2)), "NaN"),
    ],
)
def test_what_cannot_be_compared(given: tuple[np.ndarray, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        diagnose(given)


def test_classes_may_be_names_and_numbers_with_gaps() -> None:
    given = world(9, samples=200, clients=4, label=0.5, concept=2)
    plain = skews(given[:3], 20)
    named = np.array(["ape", "bee", "cat", "dog", "eel"])[given.y]
    for y, labels in (
        (named, ("ape", "bee", "cat", "dog", "eel")),
        (3 * given.y - 1, "-1 2 5 8 11"),
    ):
        found = skews((given.x, y, given.client), 20)
        assert found.labels == (tuple(labels.split()) if isinstance(labels, str) else labels)
        assert [f.p for f in found.findings] == [f.p for f in plain.findings]
        assert found.counts.tolist() == plain.counts.tolist()
    said = skews((given.x, named, given.client), 20)["concept"].said
    assert re.search("samples of class (ape|bee|cat|dog|eel),", said)


def test_many_labels_are_looked_at_one_by_one() -> None:
    given = world(10, samples=200, clients=4, label=0.3)
    many = np.eye(5)[given.y]
    many[:, 0] = 1  # beside others, so that rows are not one-hot
    one = diagnose((given.x, many, given.client), label=2, shuffles=20, optimise=False)
    plain = skews((given.x, given.y == 2, given.client), 20)
    assert [f.p for f in one.findings] == [f.p for f in plain.findings]
    assert one.labels == ("without label 2", "with label 2")
    federation = Federation.from_arrays(given.x, many, given.client)
    of_federation = diagnose(federation, label=2, shuffles=20, optimise=False)
    assert of_federation.labels == one.labels
    for data, chosen, words in (
        ((given.x, many, given.client), 5, "labels 0 to 4, but none of number 5"),
        ((given.x, given.y, given.client), 0, "these have one"),
        (federation, None, "5 labels each"),
    ):
        with pytest.raises(InputError, match=words):
            diagnose(data, label=chosen)


def test_the_frame_says_who_is_odd() -> None:
    given = world(11, samples=200, clients=4, label=0.5)
    found = skews(given, 20)
    wide = found.frame.pivot(index="client", columns="metric", values="value")
    assert wide.index.tolist() == list(found.names)
    np.testing.assert_array_equal(wide.samples, found.counts.sum(1))
    np.testing.assert_array_equal(wide["class 3"], found.counts[:, 3])
    np.testing.assert_array_equal(wide.group, found.groups.group + 1)
    weighted = (wide["total variation"] * wide.samples).sum() / 200
    assert weighted == pytest.approx(found["label"].measures[0].value)


@pytest.mark.parametrize("shape", [(3,), (70,), (1, 9, 9)])
def test_samples_are_standardised_and_projected_in_parts(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).normal(2, 3, (40, *shape)).astype(np.float32)
    x.reshape(40, -1)[:, 1] = 7
    y, client = np.arange(40) % 2, np.arange(40) % 4
    flat = np.delete(x.reshape(40, -1).astype(float), 1, axis=1)
    if len(shape) == 3:
        flat = x.reshape(40, -1).astype(float)
    centred = flat - flat.mean(0)
    centred /= centred.std(0) if len(shape) == 1 else centred.std()
    if centred.shape[1] > 64:
        rng = generator(0, "diagnosis/project")
        centred = centred @ rng.standard_normal((centred.shape[1], 64)) / 8
    centred = centred[centred[:, 0].argsort()]
    whole = prepare_samples(x, y, client).x
    np.testing.assert_allclose(whole[whole[:, 0].argsort()], centred, atol=1e-9)
    monkeypatch.setattr(sys.modules["unalike.diagnosis.samples"], "AT_ONCE", 100)
    parts = prepare_samples(x, y, client).x
    np.testing.assert_allclose(parts[parts[:, 0].argsort()], centred, atol=1e-9)


def test_among_keeps_the_samples_of_those_chosen() -> None:
    given = prepare_samples(*world(14, samples=200, clients=6))
    chosen, some = given.choose_clients(4, np.random.default_rng(0))
    assert some.names == tuple(given.names[i] for i in chosen)
    assert some.clients == 4
    assert some.counts.tolist() == given.counts[chosen].tolist()
    everybody, same = given.choose_clients(9, np.random.default_rng(0))
    assert everybody.tolist() == list(range(6))
    np.testing.assert_array_equal(same.client, given.client)


@pytest.mark.slow
def test_ten_thousand_clients() -> None:
    rng = np.random.default_rng(0)
    client = np.concatenate([np.arange(10_000), rng.integers(0, 10_000, 10_000)])
    found = diagnose(
        (rng.normal(size=(20_000, 4)), rng.integers(0, 3, 20_000), client, rng.random(20_000)),
        shuffles=20,
    )
    assert found.groups.places.shape == (200, 2)
    assert found.optimisation.settings["clients"] == 100
    assert any("among 200 clients at random" in remark for remark in found.remarks)


def test_too_few_shuffles() -> None:
    with pytest.raises(InputError, match="too few"):
        diagnose(tuple(world(8, samples=100, clients=2)), shuffles=5)
