"""Each rule against hand-computed examples and other people's implementations."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import trim_mean

from robust_worlds import applied, cloud, rule, weighted
from unalike.robust.caps import capped, first_threshold
from unalike.robust.foolsgold import cosines, say
from unalike.robust.geometry import blocks
from unalike.robust.krum import krum_scores

CLOSE = {"atol": 1e-9, "rtol": 1e-9}
UNEQUAL = (0.3, 0.05, 0.2, 0.1, 0.05, 0.1, 0.2)


def close(found: torch.Tensor, expected: object) -> None:
    torch.testing.assert_close(found, torch.as_tensor(expected, dtype=torch.float64), **CLOSE)


# --- coordinate median


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_the_median_is_numpys(count: int) -> None:
    u = cloud(count)
    close(applied("median", u), np.median(u.numpy(), axis=0))


def test_the_weighted_median_minimises_the_weighted_distance() -> None:
    u, w = cloud(), np.array(UNEQUAL)
    found = applied("median", u, w)
    for j in range(u.shape[1]):

        def cost(m: float, j: int = j) -> float:
            return float((w * np.abs(u[:, j].numpy() - m)).sum())

        best = min(cost(float(value)) for value in u[:, j])
        assert cost(float(found[j])) == pytest.approx(best, abs=1e-12)


def test_the_middle_of_an_interval_of_medians() -> None:
    close(applied("median", [0.0, 1.0, 5.0], [2, 1, 1]), [0.5])
    close(applied("median", [0.0, 1.0, 5.0], [3, 1, 1]), [0.0])
    single = torch.tensor([3, 2, 1], dtype=torch.float32) / 6  # as weights come: 1/2 to rounding
    close(applied("median", [0.0, 1.0, 5.0], single), [0.5])


# --- trimmed mean


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.4])
def test_the_trimmed_mean_is_scipys(share: float) -> None:
    u = cloud(10)
    close(applied(f"trimmed:share={share}", u), trim_mean(u.numpy(), share, axis=0))


def test_no_cut_is_the_weighted_mean() -> None:
    u = cloud()
    close(applied("trimmed:share=0", u, UNEQUAL), np.average(u.numpy(), axis=0, weights=UNEQUAL))


def test_an_answer_on_the_edge_is_cut_in_part() -> None:
    """Of weights 4, 1, 4, 1 a fifth is cut: 2 of the lowest, and 1 and 1 of the two highest."""
    found = applied("trimmed:share=0.2", [0.0, 1.0, 2.0, 9.0], [4, 1, 4, 1])
    close(found, [(2 * 0.0 + 1 * 1.0 + 3 * 2.0) / 6])


@pytest.mark.parametrize("text", ["median", "trimmed:share=0.2", "geometric-median"])
def test_a_weight_is_as_many_alike_answers(text: str) -> None:
    u, times = cloud(4), torch.tensor([3, 1, 2, 1])
    torch.testing.assert_close(
        applied(text, u, times), applied(text, u.repeat_interleave(times, 0)), atol=1e-6, rtol=1e-6
    )


# --- Krum


LINE = [0.0, 1.0, 3.0, 7.0, 20.0]
"""With f = 1 the two closest count: 1 + 9, 1 + 4, 4 + 9, 16 + 36, 169 + 289."""


def test_krum_picks_by_the_papers_score() -> None:
    u = torch.tensor(LINE)[:, None].double()
    close(krum_scores((u - u.T).square(), 1), [10.0, 5.0, 13.0, 52.0, 458.0])
    close(applied("krum:hostile=1", LINE), [1.0])
    close(applied("krum:hostile=1", LINE, [1, 1, 1, 1, 96]), [1.0])


def test_krums_neighbours_are_s_minus_f_minus_2() -> None:
    """Of seven with f = 1 four neighbours count, with f = 2 three: another one wins."""
    u = [0.0, 0.1, 0.25, 0.3, 2.0, 2.4, 2.8]
    for f in (1, 2):
        scores = [sum(sorted((a - b) ** 2 for b in u)[1 : 7 - f - 1]) for a in u]
        close(applied(f"krum:hostile={f}", u), [u[int(np.argmin(scores))]])
    assert applied("krum:hostile=1", u) != applied("krum:hostile=2", u)


def test_multi_krum_averages_all_but_f() -> None:
    close(applied("multi-krum:hostile=1", LINE), [11 / 4])
    close(applied("multi-krum:hostile=1", LINE, [4, 1, 2, 1, 92]), [(0 + 1 + 6 + 7) / 8])


def test_krum_needs_2f_and_3_answers() -> None:
    assert [rule(f"krum:hostile={f}").fewest for f in (0, 1, 2)] == [3, 5, 7]
    assert [rule(f"multi-krum:hostile={f}").fewest for f in (0, 1, 2)] == [3, 5, 7]


# --- geometric median


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weights", [None, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.proof("fixed point", "Weiszfeld ends where a general minimiser does")
def test_weiszfeld_against_a_minimiser(seed: int, weights: tuple[float, ...] | None) -> None:
    u = cloud(seed=seed)
    w = np.full(7, 1 / 7) if weights is None else np.array(weights)

    def cost(v: np.ndarray) -> float:
        return float((w * np.linalg.norm(u.numpy() - v, axis=1)).sum())

    found = applied("geometric-median", u, weights).numpy()
    best = minimize(cost, u.numpy().mean(0), method="BFGS", options={"gtol": 1e-10})
    assert cost(found) <= best.fun + 1e-9
    np.testing.assert_allclose(found, best.x, atol=1e-4)


def test_the_geometric_median_of_a_triangle_sees_all_sides_alike() -> None:
    """Torricelli: from the median all three corners lie 120 degrees apart."""
    u = torch.tensor([[0.0, 0.0], [4.0, 0.0], [1.0, 3.0]], dtype=torch.float64)
    towards = torch.nn.functional.normalize(u - applied("geometric-median", u))
    angles = (towards @ towards.T)[[0, 0, 1], [1, 2, 2]]
    torch.testing.assert_close(angles, torch.full_like(angles, -0.5), atol=1e-5, rtol=0)


def test_on_a_line_the_geometric_median_is_the_weighted_median() -> None:
    found = applied("geometric-median", [0.0, 1.0, 2.0, 50.0], [1, 1, 3, 1])
    torch.testing.assert_close(found, torch.tensor([2.0]).double(), atol=1e-5, rtol=0)


def test_where_most_of_the_weight_is_in_one_point_there_is_the_median() -> None:
    u = torch.tensor(
        [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [9.0, 9.0], [-5.0, 0.0]], dtype=torch.float64
    )
    close(applied("geometric-median", u), u[0])


@pytest.mark.parametrize("rule", ["median", "trimmed:share=0.2", "geometric-median", "caps"])
def test_answers_that_share_their_memory_are_read_rightly(rule: str) -> None:
    alike = cloud(1).expand(7, 5)
    close(applied(rule, alike), cloud(1)[0])
    (block,) = blocks(alike)
    close(block.median(0).values, cloud(1)[0])


def test_digits_survive_an_answer_that_is_far_away() -> None:
    honest = cloud(6)
    far = torch.cat([honest, torch.full((1, 5), 1e30).double()])
    near = torch.cat([honest, torch.full((1, 5), 1e6).double()])
    torch.testing.assert_close(
        applied("geometric-median", far), applied("geometric-median", near), atol=1e-4, rtol=0
    )
    assert applied("krum:hostile=1", far).tolist() in honest.tolist()


# --- centred clipping


def test_an_endless_radius_is_the_mean() -> None:
    u = cloud()
    expected = np.average(u.numpy(), axis=0, weights=UNEQUAL)
    close(applied("clipping:radius=inf", u, UNEQUAL), expected)


def test_clipping_goes_on_from_the_last_aggregate() -> None:
    """v1 = (1 + 1 - 1) / 3 from 0; then 4 is 11/3 off and 0 is 1/3 off."""
    asked = rule("clipping:radius=1")
    memory = asked.memory(3, torch.zeros(1, dtype=torch.float64))
    first, memory = asked.apply(weighted([5.0, 1.0, -2.0]), memory)
    close(first.mean(), [1 / 3])
    second, memory = asked.apply(weighted([4.0, 0.0, 1.0]), memory)
    close(second.mean(), [1 / 3 + (1 - 1 / 3 + 2 / 3) / 3])
    close(memory.v, second.mean())


def test_more_steps_go_further() -> None:
    close(applied("clipping:radius=1,steps=3", [10.0]), [3.0])
    close(applied("clipping:radius=1,steps=30", [10.0]), [10.0])


def test_the_usual_radius_is_the_median_distance() -> None:
    close(applied("clipping", [1.0, 2.0, 100.0]), applied("clipping:radius=2", [1.0, 2.0, 100.0]))


# --- FoolsGold


def test_clients_at_right_angles_count_the_same() -> None:
    close(say(torch.eye(4).double()), [1.0] * 4)
    close(applied("foolsgold", torch.eye(3), [3, 2, 1]), [1 / 2, 1 / 3, 1 / 6])


def test_likeness_lessens_by_the_papers_logit() -> None:
    similarity = torch.tensor(
        [[1.0, 0.6, 0.0], [0.6, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64
    )
    close(say(similarity), [math.log(0.4 / 0.6) + 0.5] * 2 + [1.0])


def test_who_is_less_alike_is_pardoned() -> None:
    """v = 0.9, 0.9, 0.8; the third's 0.8 with the second counts as 0.8 * 0.8 / 0.9."""
    similarity = torch.tensor(
        [[1.0, 0.9, 0.3], [0.9, 1.0, 0.8], [0.3, 0.8, 1.0]], dtype=torch.float64
    )
    third = 1 - 0.8 * 0.8 / 0.9
    a = 0.1 / third
    close(say(similarity), [max(0.0, math.log(a / (1 - a)) + 0.5)] * 2 + [1.0])
    softer = torch.tensor([[1.0, 0.7, 0.3], [0.7, 1.0, 0.6], [0.3, 0.6, 1.0]], dtype=torch.float64)
    a = 0.3 / (1 - 0.6 * 0.6 / 0.7)
    close(say(softer), [math.log(a / (1 - a)) + 0.5] * 2 + [1.0])


def test_opposites_are_not_alike() -> None:
    similarity = torch.tensor([[1.0, -0.9, 0.0], [-0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    close(say(similarity.double()), [1.0, 1.0, 1.0])


def test_no_history_is_like_nothing() -> None:
    u = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    close(cosines(u @ u.T), [[0.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("sybils", [2, 5, 20])
@pytest.mark.proof("limit", "FoolsGold: sybils that send the same count for nothing, however many")
def test_sybils_fade(sybils: int) -> None:
    honest = torch.eye(4).double() + 0.2 * cloud(4, 4, seed=3)
    lie = torch.full((1, 4), -7.0).double().expand(sybils, 4)
    answers = weighted(torch.cat([honest, lie]))
    asked = rule("foolsgold")
    found, _ = asked.apply(answers, asked.memory(4 + sybils, torch.zeros(1).double()))
    close(found.weights[4:], [0.0] * sybils)
    assert float(found.weights[:4].max()) > 0


def test_histories_are_those_of_each_client() -> None:
    """Two clients that never answer in one round are alike once both come."""
    asked = rule("foolsgold")
    memory = asked.memory(4, torch.zeros(1, dtype=torch.float64))
    east, north = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    _, memory = asked.apply(weighted(torch.stack([east, north]), ids=[0, 2]), memory)
    _, memory = asked.apply(weighted(torch.stack([9 * east, north]), ids=[3, 2]), memory)
    found, memory = asked.apply(weighted(0 * torch.eye(3)[:, :2], ids=[0, 2, 3]), memory)
    close(found.weights, [0.0, 1.0, 0.0])
    close(memory.sums, [[1.0, 0.0], [0.0, 0.0], [0.0, 2.0], [9.0, 0.0]])


# --- caps


def test_one_large_client_is_cut_to_the_cap() -> None:
    """U = 0.4 (U + 0.4)."""
    found = capped(torch.tensor([0.6, 0.1, 0.1, 0.1, 0.1]).double(), 0.2, 0.4)
    close(found, [0.4, 0.15, 0.15, 0.15, 0.15])


def test_the_heaviest_are_counted_together() -> None:
    """2 U = 0.5 (2 U + 0.3)."""
    found = capped(torch.tensor([0.1, 0.5, 0.1, 0.2, 0.1]).double(), 0.4, 0.5)
    close(found, [1 / 6, 0.25, 1 / 6, 0.25, 1 / 6])


@pytest.mark.parametrize("seed", range(5))
def test_any_few_clients_are_within_the_cap_and_no_cut_is_needless(seed: int) -> None:
    w = torch.from_numpy(np.random.default_rng(seed).pareto(0.7, 8) + 0.01)
    w = w / w.sum()
    found = capped(w, 0.3, 0.5)
    most = max(float(found[list(few)].sum()) for few in combinations(range(8), 3))
    assert most <= 0.5 + 1e-9
    if not torch.equal(found, w):
        assert most == pytest.approx(0.5)
        kept = found < found.max() * (1 - 1e-9)
        ratio = found[kept] / w[kept]
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), **CLOSE)


def test_where_no_cap_can_hold_all_weigh_the_same() -> None:
    close(capped(torch.tensor([0.9, 0.1]).double(), 0.2, 0.4), [0.5, 0.5])
    close(capped(torch.ones(1).double(), 0.2, 0.4), [1.0])


def test_weights_within_the_cap_stay() -> None:
    w = torch.tensor([0.3, 0.2, 0.2, 0.2, 0.1]).double()
    assert torch.equal(capped(w, 0.2, 0.4), w)


def test_a_claim_of_any_size_buys_the_cap_and_no_more() -> None:
    sizes = torch.tensor([1e9, 40.0, 55.0, 10.0, 90.0]).double()
    found = capped(sizes / sizes.sum(), 0.2, 0.4)
    assert float(found[0]) == pytest.approx(0.4)
    close(found[1:] / found[1:].sum(), sizes[1:] / sizes[1:].sum())


def test_the_first_threshold_is_a_quantile_of_those_that_moved() -> None:
    found = torch.tensor([0.0, 4.0, 1.0, 2.0, 0.0, 3.0]).double()
    assert [float(first_threshold(found, q)) for q in (0.25, 0.5, 0.51, 0.9)] == [1, 2, 3, 4]
    assert float(first_threshold(found[:1], 0.5)) == 0


def test_the_threshold_follows_as_the_paper_says() -> None:
    """C exp(-rate (b - q)): first 2 of 4 are within 2, then all, then none."""
    asked = rule("caps:weight=1,rate=0.5,quantile=0.5")
    memory = asked.memory(4, torch.zeros(1).double())
    found, memory = asked.apply(weighted([1.0, -2.0, 4.0, -8.0]), memory)
    close(found.ups[:, 0], [1.0, -2.0, 2.0, -2.0])
    close(memory.c, 2.0)
    _, memory = asked.apply(weighted([1.0, 1.0, 1.0, 1.0]), memory)
    close(memory.c, 2 * math.exp(-0.25))
    _, memory = asked.apply(weighted([9.0, 9.0, 9.0, 9.0]), memory)
    close(memory.c, 2.0)


def test_nobody_moves_and_nobody_is_cut() -> None:
    asked = rule("caps")
    found, memory = asked.apply(weighted([0.0, 0.0]), asked.memory(2, torch.zeros(1).double()))
    close(found.mean(), [0.0])
    found, _ = asked.apply(weighted([3.0, 3.0]), memory)
    close(found.mean(), [3.0])


def test_the_rule_behind_caps_sees_capped_answers_and_weights() -> None:
    """Lengths are capped at 2; the heaviest of five weighs 0.4 and not 0.6."""
    close(applied("caps+median", [1.0, -1.0, 2.0, 5.0, 9.0], [1, 1, 1, 1, 1]), [2.0])
    close(applied("caps+median", [1.0, 1.2, 1.3, 1.4, 9.0], [1, 1, 1, 1, 6]), [1.3])
    close(applied("median", [1.0, 1.2, 1.3, 1.4, 9.0], [1, 1, 1, 1, 6]), [9.0])
