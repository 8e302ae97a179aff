"""Random numbers that depend on what they are for, never on when they are drawn.

Every draw is named by (seed, purpose, counters...), most often (seed, purpose, round, client).
The name is hashed to a 64-bit key. On the host a key starts a numpy Philox generator; inside a
client's work, where one call may stand for a thousand stacked clients, it feeds the SplitMix64
finaliser, so that the draws are plain tensor arithmetic: the same for one client or many, for
every chunk size, on every device, and after a resume.

Source  Salmon et al., SC 2011 (Philox); Steele et al., OOPSLA 2014 (SplitMix64)
"""

import hashlib

import numpy as np
import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_MASK = (1 << 64) - 1
_PIECE = 1 << 16  # normal numbers that are drawn at once


def generator(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """A numpy generator (Philox) for this purpose and these counters alone."""
    return np.random.Generator(np.random.Philox(key=_key(seed, purpose, *counters)))


def client_keys(seed: int, purpose: str, t: int, ids: Tensor) -> Tensor:
    """One key for each client of a round: ids [S] -> keys [S] int64."""
    return mix(torch.as_tensor(_signed(_key(seed, purpose, t))), ids)


def derive(key: Tensor, purpose: str) -> Tensor:
    """The key of a stream beside this one."""
    return mix(key, torch.as_tensor(_signed(_hash(purpose)), device=key.device))


def mix(key: Tensor, counter: Tensor | int) -> Tensor:
    """The key [...] int64 for one value of a counter (shapes broadcast)."""
    if isinstance(counter, int):
        return _finalise(key + _signed((counter + 1) * _GOLDEN & _MASK))
    return _finalise(key + (counter + 1) * _signed(_GOLDEN))


def uniform(key: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1): a key [] -> [count] float64."""
    bits = mix(key, torch.arange(count, device=key.device))
    return _shift(bits, 11).to(torch.float64) * 2.0**-53


def normal(key: Tensor, count: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """`count` numbers with the standard normal distribution: a key [] -> [count].

    One 52-bit uniform number gives each, so that none lies further out than 8.2.
    """
    pieces = []
    for start in range(0, max(1, count), _PIECE):
        at = torch.arange(start, min(count, start + _PIECE), device=key.device)
        share = (_shift(mix(key, at), 12).to(torch.float64) + 0.5) * 2.0**-52
        pieces.append(torch.special.ndtri(share).to(dtype))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


def shuffle(key: Tensor, capacity: int, size: Tensor) -> Tensor:
    """Uniformly random orders of 0..size-1, each followed by the padding positions.

    A key [...] -> [..., capacity].
    """
    positions = torch.arange(capacity, device=key.device)
    ranks = _shift(mix(key[..., None], positions), 1)
    return torch.argsort(torch.where(positions < size, ranks, torch.iinfo(torch.int64).max))


def _key(seed: int, purpose: str, *counters: int) -> int:
    key = _mix_int(_hash(purpose), seed)
    for counter in counters:
        key = _mix_int(key, counter)
    return key


def _hash(purpose: str) -> int:
    return int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")


def _mix_int(key: int, counter: int) -> int:
    z = (key + (counter + 1) * _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def _finalise(z: Tensor) -> Tensor:
    z = (z ^ _shift(z, 30)) * _signed(_MIX_1)
    z = (z ^ _shift(z, 27)) * _signed(_MIX_2)
    return z ^ _shift(z, 31)


def _shift(z: Tensor, bits: int) -> Tensor:
    """Logical shift to the right of int64."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    """The int64 with the same bits."""
    return value - (1 << 64) if value >> 63 else value
