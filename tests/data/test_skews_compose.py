"""Skews on top of any split: what they keep, that their order does not matter, what they refuse."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unalike.data import Federation, federate, load
from unalike.data.skews.registry import KINDS, apply_skews, parse_skews, with_skews
from unalike.data.skews.skew import ResamplingSkew
from unalike.data.sources.source import TEST
from unalike.errors import InputError

few = settings(max_examples=25, deadline=None, derandomize=True)
KEEPING = [kind for kind, cls in KINDS.items() if issubclass(cls, ResamplingSkew)]
CHANGING = [kind for kind in KINDS if kind not in KEEPING]


def images(seed=0, samples=240, classes=4):
    rng = np.random.default_rng(seed)
    return rng.random((samples, 3, 6, 6)).astype(np.float32), np.arange(samples) % classes


def dealt(skew=(), *, seed=0, split="dirichlet-mix", clients=6, new_clients=0.2, **options):
    x, y = images()
    return Federation.from_arrays(
        x, y, split=split, clients=clients, seed=seed, new_clients=new_clients, skew=skew, **options
    )


def same(a: Federation, b: Federation) -> bool:
    tensors = all(torch.equal(getattr(a, n), getattr(b, n)) for n in ("x", "y", "x_test", "y_test"))
    lists = all(
        np.array_equal(getattr(a, n).values, getattr(b, n).values)
        and np.array_equal(getattr(a, n).offsets, getattr(b, n).offsets)
        for n in ("train", "validation", "test")
    )
    times = (a.window is None) == (b.window is None) and (
        a.window is None or np.array_equal(a.window.samples, b.window.samples)
    )
    return tensors and lists and times


@pytest.mark.parametrize("kind", CHANGING)
def test_every_client_goes_on_holding_its_samples(kind):
    before, after = dealt(), dealt([kind])
    for lists in ("train", "validation", "test"):
        assert np.array_equal(getattr(before, lists).values, getattr(after, lists).values)
        assert np.array_equal(getattr(before, lists).sizes, getattr(after, lists).sizes)
    assert not same(before, after)
    family = KINDS[kind].family
    assert torch.equal(before.y, after.y) == (family != "concept")
    if family == "concept":
        assert torch.equal(before.x, after.x)
    assert before.newcomers.tolist() == after.newcomers.tolist()
    assert after.skews[0].startswith(f"skew {kind}")


@pytest.mark.parametrize("kind", KEEPING)
@few
@given(seed=st.integers(0, 10**6), split=st.sampled_from(["iid", "dirichlet", "pathological"]))
def test_clients_keep_a_part_of_what_they_held_and_nobody_runs_dry(kind, seed, split):
    x, y = np.arange(240.0), np.arange(240) % 4
    settings = {"split": split, "clients": 5, "seed": seed, "validation": 0, "test": 0}
    before = Federation.from_arrays(x, y, **settings)
    after = Federation.from_arrays(x, y, skew=[kind], **settings)
    for i in range(5):
        held = set(before.x[before.train.rows(i), 0].tolist())
        kept = after.x[after.train.rows(i), 0].tolist()
        assert len(kept) == len(set(kept)) >= 1
        assert set(kept) <= held
    assert after.train.sizes.sum() < before.train.sizes.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_everything(kind):
    first, again, other = (dealt([kind], seed=seed) for seed in (1, 1, 2))
    assert same(first, again)
    plain = dealt(seed=2)
    assert not same(other, plain)


@few
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=5, unique=True),
    order=st.randoms(use_true_random=False),
)
def test_the_order_in_which_skews_are_given_does_not_matter(kinds, order):
    shuffled = list(kinds)
    order.shuffle(shuffled)
    one, other = dealt(kinds), dealt(shuffled)
    assert same(one, other)
    assert np.array_equal(
        one.groups if one.groups is not None else [],
        other.groups if other.groups is not None else [],
    )
    assert [truth.kind for truth in one.truth] == [truth.kind for truth in other.truth]


@few
@given(
    concept=st.sampled_from(["swap", "permutation"]),
    feature=st.sampled_from(["rotation", "noise", "scanner", "colour", "gain"]),
    time=st.sampled_from(["label-drift", "arrival"]),
)
def test_skews_of_different_families_do_not_touch_each_other(concept, feature, time):
    alone = {kind: dealt([kind]) for kind in (concept, feature, time)}
    together = dealt([concept, feature, time])
    assert torch.equal(together.y, alone[concept].y)
    assert torch.equal(together.x, alone[feature].x)
    assert np.array_equal(together.window.samples, alone[time].window.samples)


@pytest.mark.parametrize("kind", ["rotation:groups=3", "noise:groups=3", "swap:groups=3"])
def test_groups_share_one_draw_and_are_kept(kind):
    federation = dealt([kind, "gain"], clients=9)
    (truth,) = federation.truth
    assert np.bincount(truth.group).tolist() == [3, 3, 3]
    assert len(set(truth.drawn)) == 3
    assert np.array_equal(federation.groups, truth.group)


def test_two_groupings_cross():
    federation = dealt(["rotation:groups=2", "swap:groups=2"], clients=12)
    rotation, swap = (
        next(t.group for t in federation.truth if t.kind == kind) for kind in ("rotation", "swap")
    )
    pairs = {(a, b): g for a, b, g in zip(rotation, swap, federation.groups, strict=True)}
    assert sorted(pairs.values()) == list(range(len(pairs)))
    assert all(pairs[a, b] == g for a, b, g in zip(rotation, swap, federation.groups, strict=True))


def test_clusters_that_the_data_set_knows_stay_known():
    federation = federate(load("leaf-synthetic"), split="natural", clients=8, skew=["swap"])
    assert [truth.kind for truth in federation.truth] == ["data set", "swap"]


def test_a_permuted_client_differs_from_the_truth_by_its_table():
    plain, after = dealt(), dealt(["permutation:groups=2"])
    (truth,) = after.truth
    for i, group in enumerate(truth.group):
        true, named = plain.y_test[plain.test.rows(i)], after.y_test[after.test.rows(i)]
        moves = dict(pair.split("->") for pair in truth.drawn[group].split() if "->" in pair)
        assert [moves.get(str(int(y)), str(int(y))) for y in true] == [str(int(y)) for y in named]
    assert truth.drawn[0] == "true names"


def test_teachers_agree_at_strength_zero_and_are_strangers_at_one():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4000, 10)), np.arange(4000) % 4
    shares = []
    for strength in (0.0, 0.1, 1.0):
        names = []
        for seed in (0, 0):
            skew = {"kind": "teachers", "groups": 2, "strength": strength}
            names.append(
                Federation.from_arrays(x, y, split="iid", clients=2, seed=seed, skew=[skew])
            )
        assert torch.equal(names[0].y, names[1].y)
        federation = names[0]
        group = federation.truth[0].group
        fits = [np.linalg.lstsq(_design(federation, i), _one_hot(federation, i))[0] for i in (0, 1)]
        both = [np.argmax(_plain(x) @ fit, 1) for fit in fits]
        shares.append(np.mean(both[0] == both[1]))
        assert sorted(group.tolist()) == [0, 1]
    assert shares[0] > 0.9
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.6


def _plain(x):
    return np.hstack([x, np.ones((len(x), 1))])


def _design(federation, i):
    return _plain(federation.x[federation.train.rows(i)].numpy())


def _one_hot(federation, i):
    return np.eye(4)[federation.y[federation.train.rows(i)].numpy()]


def test_the_official_test_set_stays_as_it_is():
    arrays = load("digits")
    arrays.part[-100:] = TEST
    plain = federate(arrays, split="iid", clients=4, official_test=True)
    after = apply_skews(
        plain, parse_skews(["scanner", "swap", "rotation", "feature-drift"]).skews, seed=0
    )
    pooled = plain.pooled_test
    assert torch.equal(plain.x_test[pooled], after.x_test[pooled])
    assert torch.equal(plain.y_test[pooled], after.y_test[pooled])
    with pytest.raises(InputError, match="official test set would mean nothing"):
        with_skews(plain, "teachers")


def test_noise_has_the_level_that_is_said():
    """Variance (level sd)^2 u with u ~ U(0, 1): on average half of (level sd)^2."""
    x = np.random.default_rng(0).standard_normal((20_000, 5))
    y = np.zeros(20_000, np.int64)
    options = {"split": "iid", "clients": 400, "min_size": 1, "validation": 0}
    plain = Federation.from_arrays(x, y, classes=1, **options)
    after = Federation.from_arrays(x, y, classes=1, skew=["noise:level=0.5"], **options)
    levels = [float(((after.x - plain.x)[plain.train.rows(i)] ** 2).mean()) for i in range(400)]
    error = np.std(levels) / np.sqrt(400)
    assert abs(np.mean(levels) - 0.25 / 2 * x.std() ** 2) < 3 * error
    assert max(levels) < 0.25 * x.std() ** 2 * 1.3


def test_rotation_without_groups_gives_each_client_its_own_angle():
    after = dealt([{"kind": "rotation", "groups": 0, "strength": 0.5}])
    assert after.truth == ()
    assert after.groups is None
    assert not torch.equal(after.x, dealt().x)


def test_greys_keep_their_colour():
    x = np.repeat(np.random.default_rng(0).random((60, 1, 4, 4)), 3, axis=1)
    grey = Federation.from_arrays(x, np.arange(60) % 2, split="iid", clients=3, skew=["colour"])
    plain = Federation.from_arrays(x, np.arange(60) % 2, split="iid", clients=3)
    assert torch.allclose(grey.x, plain.x, atol=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "swap"])
def test_two_thousand_clients_one_class(kind):
    """Nothing hangs, and nothing that cannot be divided is."""
    rng = np.random.default_rng(0)
    x, y = rng.random((8_000, 3, 2, 2)).astype(np.float32), np.zeros(8_000, np.int64)
    f = Federation.from_arrays(x, y, split="iid", clients=2_000, classes=1, skew=[kind])
    assert f.clients == 2_000
    assert np.isfinite(f.x.numpy()).all()
    assert f.train.sizes.min() >= 1


def test_one_class_has_no_pair_to_swap():
    x, y = np.zeros((40, 3, 2, 2), np.float32), np.zeros(40, np.int64)
    with pytest.raises(InputError, match="0 to 0 pairs"):
        Federation.from_arrays(x, y, split="iid", clients=4, classes=1, skew=["swap"])


def test_many_labels_a_sample_can_look_different_but_not_be_renamed():
    x, _ = images()
    y = (np.random.default_rng(0).random((240, 3)) < 0.4).astype(np.float32)
    options = {"split": "iid", "clients": 4}
    for kind in ("scanner", "rotation", "feature-drift", "label", "quantity"):
        Federation.from_arrays(x, y, skew=[kind], **options)
    for kind in ("swap", "permutation", "teachers", "label-drift", "arrival"):
        with pytest.raises(InputError, match="one class each"):
            Federation.from_arrays(x, y, skew=[kind], **options)


def test_the_list_may_name_the_split():
    named = dealt([{"kind": "pathological", "classes_per_client": 1}, "noise"], split=None)
    assert ((named.label_counts > 0).sum(1) == 1).all()
    with pytest.raises(InputError, match="say how samples are dealt once"):
        dealt(["pathological"], split="iid")
    assert parse_skews(["natural", "swap"]).split == {"split": "natural"}
    assert parse_skews("dirichlet:alpha=0.3").split == {"split": "dirichlet", "alpha": 0.3}


def test_kinds_apply_in_one_order():
    kinds = list(KINDS)
    for one, other in pairwise(kinds):
        assert [s.kind for s in parse_skews([other, one]).skews] == [one, other]


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (["rotatoin"], "Unknown skew 'rotatoin': did you mean 'rotation'"),
        (["noise:lvel=1"], "Unknown setting of the skew noise 'lvel': did you mean 'level'"),
        (
            ["noise:level=-1"],
            "The skew noise: level = -1: input should be greater than or equal to 0",
        ),
        (["noise:level"], "write KIND or KIND:NAME=VALUE"),
        ([{"level": 1}], "a table with a kind"),
        (7, "give a list"),
        (["swap", "swap:pairs=2"], "'swap' is given twice"),
        (["natural", "iid"], "samples are dealt only once"),
        (["rotation:groups=7"], "6 clients cannot form 7 groups"),
        (["swap:pairs=3"], "of 4 classes 0 to 2 pairs"),
        (["label-drift:windows=3", "arrival"], "into 3 and 5 windows"),
        (
            ["feature-drift:lens=turm"],
            "The skew feature-drift: lens = 'turm': input should be 'gain'",
        ),
    ],
)
def test_what_cannot_be(skew, words):
    with pytest.raises(InputError, match=r"^[^\n]*$") as caught:
        dealt(skew)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["rotation", "scanner", "colour", "field", "blur", "gamma"])
def test_only_images_have_what_images_have(kind):
    with pytest.raises(InputError, match="images"):
        Federation.from_arrays(
            np.ones((40, 3)), np.arange(40) % 2, split="iid", clients=4, skew=[kind]
        )


def test_colours_need_three_channels():
    with pytest.raises(InputError, match="images of 3 channels, and these have 1"):
        federate(load("digits"), split="iid", clients=3, skew=["colour"])


def test_what_is_drawn_when_dealing_cannot_come_later():
    federation = dealt()
    for skew in ("label", "quantity", "natural"):
        with pytest.raises(InputError, match="drawn when samples are dealt"):
            with_skews(federation, skew)
    timed = with_skews(federation, "arrival")
    with pytest.raises(InputError, match="in windows already"):
        with_skews(timed, "label-drift")
    assert replace(timed, window=None).window is None
