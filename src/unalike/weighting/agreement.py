"""MEFL's equilibrated weights: clients count by agreement with the others and by steadiness.

    s_i = similarity(g_i, reference),  v_i = running variance of g_i,  omega_i ~ s_i / (v_i + eps)

Source  MEFL, Entropy 2025, 27(6), 553, section 4.3, reconstructed: the formulas are lost there
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Similarity = Literal["floor", "shifted"]
Variance = Literal["absolute", "relative", "coordinate", "welford", "consensus"]
Raw = Literal["ratio", "exponential", "difference"]


class Memory(NamedTuple):
    """What a client remembers of its own gradients."""

    mean: Tensor  # [P] running mean m_i
    rounds: Tensor  # [] in how many rounds it took part


class History(NamedTuple):
    """What the server remembers of S clients."""

    variance: Tensor  # [S] running variance v_i; [S, P] for "coordinate"
    rounds: Tensor  # [S] in how many rounds each client took part


def cosine(rows: Tensor, direction: Tensor) -> Tensor:
    """Cosine of each row with a direction: [S, P], [P] -> [S]; 0 where either vanishes."""
    norms = rows.norm(dim=1) * direction.norm()
    return torch.where(norms > 0, (rows @ direction) / norms.clamp(min=1e-30), 0.0)


def similarities(cosines: Tensor, form: Similarity, floor: float) -> Tensor:
    """s_i [S] from the cosines: max(cos, floor), or (1 + cos) / 2."""
    return (1 + cosines) / 2 if form == "shifted" else cosines.clamp(min=floor)


def typical_variance(history: History) -> Tensor:
    """What is assumed of a client at its first gradient: the median of the known v_i, else 1."""
    known = history.variance[history.rounds > 0].sort(0).values
    if len(known) == 0:
        return torch.ones_like(history.variance[0])
    return (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2


def recall(memory: Memory, g: Tensor, rho: float, spread: Variance) -> tuple[Memory, Tensor]:
    """A client's memory after its gradient g [P], and how far g [P] was from the mean before.

    The first gradient becomes the mean. "welford" gives all rounds equal weights in place of
    exponential ones.
    """
    off = g - memory.mean
    keep = torch.where(memory.rounds == 0, 0, _kept(memory.rounds, rho, spread))
    return Memory(torch.addcmul(g, keep, off, value=-1), memory.rounds + 1), off


def remember(
    history: History, squares: Tensor, assumed: Tensor, rho: float, spread: Variance
) -> History:
    """The history after gradients whose squared deviations these are: [S], or [S, P].

    At a client's first one v_i is the assumed variance.
    """
    keep = _like(_kept(history.rounds, rho, spread), squares)
    variance = keep * history.variance + (1 - keep) * squares
    first = _like(history.rounds == 0, squares)
    return History(torch.where(first, assumed, variance), history.rounds + 1)


def weights(s: Tensor, v: Tensor, raw: Raw, eps: float, strength: float) -> Tensor:
    """omega [S] (or [S, P]), sums to 1 over the clients; equal where all raw weights vanish."""
    s = s.reshape(-1, *[1] * (v.dim() - 1))
    if raw == "ratio":
        score = s / (v + eps)
    elif raw == "exponential":
        score = s * torch.exp(-v)
    else:
        score = (s - strength * v).clamp(min=0)
    total = score.sum(0)
    return torch.where(total > 0, score / total.clamp(min=1e-30), 1 / len(s))


def weighted_sum(omega: Tensor, rows: Tensor) -> Tensor:
    """The weighted sum of rows [S, P] -> [P], by weights [S] or [S, P]."""
    return torch.tensordot(omega, rows, 1) if omega.dim() == 1 else (omega * rows).sum(0)


def _kept(rounds: Tensor, rho: float, spread: Variance) -> Tensor:
    """The weight of what was, against that of what is new: [] or [S], as `rounds`."""
    return rounds / (rounds + 1) if spread == "welford" else torch.full_like(rounds, rho)


def _like(flags: Tensor, values: Tensor) -> Tensor:
    return flags.reshape(-1, *[1] * (values.dim() - 1))
