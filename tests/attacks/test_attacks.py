"""What hostile clients send and hold, against closed forms; and that nobody else is touched."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from private_worlds import same
from robust_worlds import cloud, run_robustly
from unalike.attacks import (
    ATTACKS,
    Attack,
    Backdoor,
    HostileAnswers,
    hostile_clients,
    hostile_in,
    parse_attack,
    with_attack,
)
from unalike.attacks.omniscient import largest_z
from unalike.data.federation import Federation
from unalike.data.ragged import Ragged
from unalike.data.windows import Windows
from unalike.engines.serialised import SerialisedEngine
from unalike.errors import InputError
from unalike.methods import METHODS
from unalike.tasks.classes import Classes
from unalike.tasks.labels import Labels
from worlds import SINGLE, blobs, quadratics

ON_ANSWERS = ["sign-flip:scale=3", "scaling", "noise", "a-little-is-enough:z=1.5", "inner-product"]
ON_SAMPLES = ["label-flip", "backdoor:size=2"]
HOSTILE = np.array([False, True, False, True, False, False, False])


class Two(NamedTuple):
    """An answer of two leaves."""

    a: Tensor
    b: Tensor


def attack(text: str) -> Attack:
    """The attack of this text."""
    return cast(Attack, parse_attack(text))


def sent(
    text: str, ups: object, hostile: np.ndarray = HOSTILE, t: int = 1, seed: int = 0
) -> Tensor:
    """What the server sees of these answers."""
    return HostileAnswers(attack(text), hostile, seed)(ups, np.arange(len(hostile)), t)


def pictures(clients: int = 5, each: int = 8, classes: int = 4) -> Federation:
    """Dark images of 6 x 6 pixels; the last of each client's for validation."""
    rng = np.random.default_rng(0)
    count = clients * each
    ids = np.arange(count).reshape(clients, each)
    some = np.full(clients, each)
    return Federation(
        x=torch.from_numpy(rng.random((count, 1, 6, 6), np.float32)),
        y=torch.from_numpy(rng.integers(classes, size=count)),
        x_test=torch.from_numpy(rng.random((clients, 1, 6, 6), np.float32)),
        y_test=torch.from_numpy(rng.integers(classes, size=clients)),
        train=Ragged.of(ids[:, :-1].ravel(), some - 1),
        validation=Ragged.of(ids[:, -1], some // each),
        test=Ragged.of(np.arange(clients), some // each),
        names=tuple(f"site {i}" for i in range(clients)),
        newcomers=np.zeros(clients, dtype=bool),
        pooled_test=np.arange(clients),
        task=Classes.of(classes),
    )


def test_every_attack_is_tried() -> None:
    assert {text.split(":")[0] for text in ON_ANSWERS + ON_SAMPLES} == set(ATTACKS)


# --- who is hostile


@pytest.mark.parametrize(
    ("clients", "share", "count"),
    [(10, 0.2, 2), (4, 0.2, 1), (3, 0.1, 1), (7, 0.5, 4), (5, 0.9, 4)],
)
def test_how_many_are_hostile(clients: int, share: float, count: int) -> None:
    assert hostile_clients(blobs([5] * clients).federation, share, seed=0).sum() == count


def test_clients_that_never_train_are_not_hostile() -> None:
    federation = blobs([5] * 8, newcomers=[0, 3, 5]).federation
    for seed in range(20):
        hostile = hostile_clients(federation, 0.99, seed=seed)
        assert hostile.sum() == 5
        assert not hostile[federation.newcomers].any()


def test_the_draw_knows_names_alone() -> None:
    federation = blobs([5] * 8).federation
    order = np.array([3, 1, 4, 0, 7, 5, 2, 6])
    turned = replace(federation, names=tuple(federation.names[i] for i in order))
    for seed in range(5):
        one = hostile_clients(federation, 0.4, seed=seed)
        assert (hostile_clients(turned, 0.4, seed=seed) == one[order]).all()
        assert (one <= hostile_clients(federation, 0.6, seed=seed)).all()


def test_every_client_is_as_likely_and_seeds_differ() -> None:
    federation = blobs([5] * 5).federation
    times = sum(hostile_clients(federation, 0.2, seed=seed).astype(int) for seed in range(400))
    assert times.sum() == 400
    assert times.min() > 80 - 4 * math.sqrt(400 * 0.2 * 0.8)


@pytest.mark.parametrize("text", ON_ANSWERS + ON_SAMPLES)
def test_the_truth_says_who(text: str) -> None:
    federation = pictures()
    under = with_attack(federation, attack(text), seed=3)
    hostile = hostile_clients(federation, 0.2, seed=3)
    (truth,) = under.truth
    assert (truth.group == hostile).all()
    assert truth.drawn == ("honest", f"hostile: {text}")
    assert (hostile_in(under) == hostile).all()
    assert not hostile_in(federation).any()


# --- answers


@pytest.mark.parametrize("text", ON_ANSWERS)
def test_honest_answers_keep_their_bits(text: str) -> None:
    ups = Two(cloud(), cloud(7, 3, seed=1))
    before = Two(ups.a.clone(), ups.b.clone())
    found = sent(text, ups)
    for leaf, new in zip(before, found, strict=True):
        assert torch.equal(new[~HOSTILE], leaf[~HOSTILE])
        assert not torch.isclose(new[HOSTILE], leaf[HOSTILE]).any()
    assert same(ups, before)


def test_who_is_not_in_the_round_does_nothing() -> None:
    ups = cloud(3)
    hostile = HostileAnswers(attack("sign-flip"), HOSTILE, 0)
    assert torch.equal(hostile(ups, np.array([0, 2, 4]), 1), ups)
    found = hostile(ups, np.array([0, 3, 4]), 1)
    assert torch.equal(found, ups * torch.tensor([1.0, -1.0, 1.0])[:, None])


@pytest.mark.parametrize("text", ON_ANSWERS)
def test_who_sends_nothing_cannot_lie(text: str) -> None:
    place, method = blobs(), METHODS["local"]()
    bare = run_robustly(place, method, "none", 2, batch_size=4)
    assert same(
        run_robustly(place, method, "none", 2, attack=text, batch_size=4).states, bare.states
    )


def test_signs_and_scales() -> None:
    u = cloud()
    torch.testing.assert_close(sent("sign-flip:scale=3", u)[HOSTILE], -3 * u[HOSTILE])
    torch.testing.assert_close(sent("scaling:scale=7", u)[HOSTILE], 7 * u[HOSTILE])


def test_noise_is_as_long_as_the_answer_and_new_every_time() -> None:
    u = cloud(7, 20_000)
    found = sent("noise:scale=2", u)
    for i in np.flatnonzero(HOSTILE):
        expected = 4 * float(u[i].square().mean())
        assert float(found[i].square().mean()) == pytest.approx(expected, rel=0.05)
    others = [found[3], sent("noise:scale=2", u, t=2)[1], sent("noise:scale=2", u, seed=1)[1]]
    for other in [u[1], *others]:
        cosine = torch.nn.functional.cosine_similarity(found[1], other, dim=0)
        assert abs(float(cosine)) < 0.05
    assert torch.equal(found, sent("noise:scale=2", u))


def test_the_noise_of_a_client_does_not_depend_on_who_else_is_there() -> None:
    u = cloud()
    few = HostileAnswers(attack("noise"), HOSTILE, 0)(u[[2, 3]], np.array([2, 3]), 1)
    assert torch.equal(few[1], sent("noise", u)[3])


def test_a_little_is_enough_is_mean_less_z_deviations() -> None:
    u = cloud()
    honest = u[~HOSTILE].numpy()
    expected = torch.from_numpy(honest.mean(0) - 1.5 * honest.std(0))
    found = sent("a-little-is-enough:z=1.5", u)
    torch.testing.assert_close(found[1], expected)
    assert torch.equal(found[1], found[3])


def test_the_papers_z() -> None:
    """n = 50, f = 24: two supporters among 26, z = Phi^-1(24 / 26) = 1.43."""
    assert largest_z(50, 24) == pytest.approx(1.4261, abs=1e-4)
    assert largest_z(50, 12) == pytest.approx(0.3360, abs=1e-4)  # 24 of 38
    assert largest_z(5, 1) == 0
    assert largest_z(5, 3) == 0  # one honest supporter of two
    assert largest_z(9, 9) == 0
    eight = torch.cat([cloud(), cloud(1)])
    flags = np.arange(8) < 3
    by_formula = sent("a-little-is-enough", eight, flags)[0]
    honest = eight[3:]
    z = largest_z(8, 3)
    assert z > 0
    torch.testing.assert_close(by_formula, honest.mean(0) - z * honest.std(0, correction=0))


def test_the_inner_product_is_negative() -> None:
    u = cloud()
    found = sent("inner-product:epsilon=2.5", u)
    mean = u[~HOSTILE].mean(0)
    torch.testing.assert_close(found[3], -2.5 * mean)
    assert float(found.mean(0) @ mean) < float(u.mean(0) @ mean)


@pytest.mark.parametrize("text", ON_ANSWERS)
def test_a_round_of_hostile_clients_alone(text: str) -> None:
    assert bool(torch.isfinite(sent(text, cloud(), np.ones(7, dtype=bool))).all())


def test_answers_of_another_scale_in_a_backdoor() -> None:
    u = cloud()
    assert torch.equal(sent("backdoor", u), u)
    torch.testing.assert_close(sent("backdoor:scale=5", u)[HOSTILE], 5 * u[HOSTILE])


# --- samples


@pytest.mark.parametrize("text", ON_SAMPLES)
def test_only_training_samples_of_hostile_clients_change(text: str) -> None:
    federation = pictures()
    under = with_attack(federation, attack(text).model_copy(update={"share": 0.4}), seed=1)
    hostile = hostile_in(under)
    assert hostile.sum() == 2
    assert torch.equal(under.x_test, federation.x_test)
    assert torch.equal(under.y_test, federation.y_test)
    assert same(under.x[: len(federation.x)], federation.x)
    assert same(under.y[: len(federation.y)], federation.y)
    for part in ("validation", "test"):
        assert (getattr(under, part).values == getattr(federation, part).values).all()
    assert (under.train.sizes == federation.train.sizes).all()
    for i in range(federation.clients):
        new, old = under.train.rows(i), federation.train.rows(i)
        untouched = torch.equal(under.y[new], federation.y[old]) and torch.equal(
            under.x[new], federation.x[old]
        )
        assert untouched == (not hostile[i])


def test_labels_are_counted_from_the_other_end() -> None:
    federation = pictures()
    under = with_attack(federation, attack("label-flip"), seed=1)
    (i,) = np.flatnonzero(hostile_in(under))
    old, new = federation.train.rows(i), under.train.rows(i)
    assert torch.equal(under.y[new], 3 - federation.y[old])
    assert torch.equal(under.x[new], federation.x[old])


def test_many_labels_are_turned_round() -> None:
    federation = pictures()
    y = torch.nn.functional.one_hot(federation.y, 4).float()
    several = replace(federation, y=y, task=Labels.of(y.shape[1]))
    under = with_attack(several, attack("label-flip"), seed=1)
    (i,) = np.flatnonzero(hostile_in(under))
    assert torch.equal(under.y[under.train.rows(i)], 1 - y[federation.train.rows(i)])


def test_whoever_shares_a_sample_keeps_the_true_one() -> None:
    federation = pictures()
    everybody = Ragged.of(np.tile(np.arange(8), 5), np.full(5, 8))
    shared = replace(federation, train=everybody)
    under = with_attack(shared, attack("label-flip"), seed=1)
    for i in np.flatnonzero(~hostile_in(under)):
        assert torch.equal(under.y[under.train.rows(i)], federation.y[:8])


def test_a_copy_comes_when_its_sample_does() -> None:
    federation = pictures()
    when = Windows(3, np.arange(40) % 3, np.arange(5) % 3)
    under = with_attack(replace(federation, window=when), attack("label-flip"), seed=1)
    for i in range(5):
        new, old = under.train.rows(i), federation.train.rows(i)
        assert (under.window.samples[new] == when.samples[old]).all()


@pytest.mark.parametrize(("portion", "count"), [(0.5, 4), (1.0, 7), (0.01, 1)])
def test_the_square_and_its_label(portion: float, count: int) -> None:
    federation = pictures()
    under = with_attack(federation, attack(f"backdoor:target=2,size=2,portion={portion}"), seed=1)
    (i,) = np.flatnonzero(hostile_in(under))
    x, y = under.x[under.train.rows(i)], under.y[under.train.rows(i)]
    old = federation.x[federation.train.rows(i)]
    marked = (x[:, 0, -2:, -2:] == federation.x.max()).flatten(1).all(1)
    assert int(marked.sum()) == count
    assert bool((y[marked] == 2).all())
    assert torch.equal(y[~marked], federation.y[federation.train.rows(i)][~marked])
    rest = x.clone()
    rest[..., -2:, -2:] = old[..., -2:, -2:]
    assert torch.equal(rest, old)


def test_a_trigger_leaves_its_samples_as_they_are() -> None:
    x = torch.zeros(2, 3, 4, 4)
    door = Backdoor(size=1)
    marked = door.triggered(x, brightest=0.5)
    assert float(x.sum()) == 0
    assert marked[:, :, 3, 3].tolist() == [[0.5] * 3] * 2
    assert float(marked.sum()) == 3.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("backdoor:size=7", "larger than the images, which have 6 x 6 pixels"),
        ("backdoor:target=4", "target = 4 is no class: there are 4, from 0 on"),
    ],
)
def test_a_backdoor_that_does_not_fit_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_attack(pictures(), attack(text), seed=0)


def test_a_backdoor_needs_images() -> None:
    with pytest.raises(InputError, match=r"samples of shape \(6,\) are none"):
        with_attack(blobs().federation, attack("backdoor"), seed=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sign-flop", "did you mean 'sign-flip'"),
        ("sign-flip:scael=2", "did you mean 'scale'"),
        ("sign-flip:share=0", "share = 0"),
        ("sign-flip:share=1", "share = 1"),
        ("sign-flip:scale=0", "scale = 0"),
        ("noise:scale=a lot", "scale = 'a lot'"),
        (["sign-flip"], "give the name of an attack"),
    ],
)
def test_what_is_refused_is_said_in_one_sentence(given: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_attack(given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# --- trainings


@pytest.mark.proof("limit", "the mean follows hostile clients, a robust rule stays with the others")
def test_sign_flips_turn_the_mean_and_not_the_median() -> None:
    centres = [[1.0 + 0.01 * i, 2.0] for i in range(10)]
    place = quadratics([torch.eye(2)] * 10, centres)
    method = METHODS["fedavg"](lr=0.3)
    target = torch.tensor([1.045, 2.0]).double()
    under = "sign-flip:share=0.2,scale=10"
    lost = run_robustly(place, method, "none", 10, attack=under).server
    assert float((lost - target).norm()) > 10
    for text in ("median", "trimmed:share=0.2", "multi-krum:hostile=2", "geometric-median"):
        kept = run_robustly(place, method, text, 30, attack=under).server.method
        assert float((kept - target).norm()) < 0.05


@pytest.mark.parametrize("text", ON_ANSWERS)
def test_an_attack_is_the_same_over_bytes(text: str) -> None:
    method, options = METHODS["scaffold"](), {"batch_size": 4, "plan": SINGLE, "attack": text}
    one = run_robustly(blobs(), method, "median", 2, **options)
    other = run_robustly(blobs(), method, "median", 2, kind=SerialisedEngine, **options)
    assert same(one.server, other.server)
