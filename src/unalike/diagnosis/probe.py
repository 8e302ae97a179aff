"""A small convex model on which the clients' optimisation is watched: softmax regression.

    F_i(w) = mean over i's samples of -log softmax(w' [x, 1])_y + RIDGE / 2 |w|^2
    F      = sum p_i F_i,  p_i = n_i / n

F is the loss over all samples, whoever holds them: the points w that are looked at (zero, a short
descent from there, the optimum of F) and the step 1 / L are the same for every membership, so
that shuffles change nothing but who pulls where. Inputs are scaled to a largest curvature of 1.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .samples import Samples

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RIDGE = 0.01


class ClientBlock(NamedTuple):
    """The samples of some clients of similar size, side by side, padded to the largest."""

    clients: Integers  # [g]
    z: Floats  # [g, m, d + 1]
    y: Floats  # [g, m, classes] 1 for the sample's class
    share: Floats  # [g, m, 1] 1 / n_i for a sample, 0 for padding


class Probe:
    """Softmax regression on these samples; weights are [d + 1, classes]."""

    def __init__(self, some: Samples) -> None:
        self.sizes = some.sizes
        self.weights = self.sizes / len(some.y)
        self.z = np.column_stack([some.x, np.ones(len(some.y))])
        self.z /= np.linalg.norm(self.z, 2) / np.sqrt(len(some.y))
        self.y = np.eye(some.classes)[some.y]
        self.lr = 1 / (0.5 + RIDGE)
        self.start = np.zeros((self.z.shape[1], some.classes))
        self._places = list(_places(self.sizes))

    def deal(self, client: Integers) -> list[ClientBlock]:
        """Everybody's samples when these clients [n], of the same sizes, hold them."""
        order = np.argsort(client, kind="stable")
        return [
            ClientBlock(clients, self.z[order[place]], self.y[order[place]], share)
            for clients, place, share in self._places
        ]

    def gradients(self, held: Sequence[ClientBlock], w: Floats) -> Floats:
        """Each client's gradient at its own w [N, d + 1, classes], or at one for all."""
        w = np.broadcast_to(w, (len(self.sizes), *self.start.shape))
        result = np.empty(w.shape)
        for part in held:
            error = (_softmax(part.z @ w[part.clients]) - part.y) * part.share
            result[part.clients] = part.z.transpose(0, 2, 1) @ error
        return result + RIDGE * w

    def losses(self, held: Sequence[ClientBlock], w: Floats) -> Floats:
        """Each client's loss [N] at its own w [N, d + 1, classes], or at one for all."""
        w = np.broadcast_to(w, (len(self.sizes), *self.start.shape))
        result = np.empty(len(w))
        for part in held:
            surprise = -np.log(np.maximum(_softmax(part.z @ w[part.clients]), 1e-300))
            result[part.clients] = (surprise * part.y * part.share).sum((1, 2))
        return result + RIDGE / 2 * np.square(w).sum((1, 2))

    def path(self, held: Sequence[ClientBlock], w: Floats, steps: Sequence[int]) -> list[Floats]:
        """Where each client is [N, d + 1, classes] after each of these numbers of local steps."""
        here, seen = np.repeat(w[None], len(self.sizes), axis=0), []
        for k in range(1, max(steps) + 1):
            here = here - self.lr * self.gradients(held, here)
            if k in steps:
                seen.append(here)
        return seen

    def descend(self, steps: int) -> Floats:
        """The model after so many steps on everybody's loss from the start."""
        w = self.start
        for _ in range(steps):
            w = w - self.lr * self._everybody(w)[1]
        return w

    def optimum(self) -> Floats:
        """w*, the minimiser of F."""

        def value(flat: Floats) -> tuple[float, Floats]:
            loss, gradient = self._everybody(flat.reshape(self.start.shape))
            return loss, gradient.ravel()

        options = {"maxiter": 2000, "maxcor": 30, "gtol": 1e-8, "ftol": 1e-15}
        found = minimize(value, self.start.ravel(), jac=True, method="L-BFGS-B", options=options)
        return found.x.reshape(self.start.shape)

    def own_optima(self, held: Sequence[ClientBlock], w: Floats, steps: int) -> Floats:
        """Each client's own minimiser [N, d + 1, classes], by accelerated descent from w."""
        steepest = np.empty(len(self.sizes))
        for part in held:
            curvature = (part.z * part.share).transpose(0, 2, 1) @ part.z
            steepest[part.clients] = np.linalg.eigvalsh(curvature)[:, -1]
        lr = (1 / (0.5 * steepest + RIDGE))[:, None, None]
        momentum = (1 - np.sqrt(RIDGE * lr)) / (1 + np.sqrt(RIDGE * lr))
        here = ahead = np.repeat(w[None], len(self.sizes), axis=0)
        for _ in range(steps):
            before, here = here, ahead - lr * self.gradients(held, ahead)
            ahead = here + momentum * (here - before)
        return here

    def _everybody(self, w: Floats) -> tuple[float, Floats]:
        chance = _softmax(self.z @ w)
        loss = -np.log(np.maximum(chance[self.y > 0], 1e-300)).mean()
        gradient = self.z.T @ (chance - self.y) / len(self.y) + RIDGE * w
        return float(loss + RIDGE / 2 * np.square(w).sum()), gradient


def _places(sizes: Integers) -> Iterator[tuple[Integers, Integers, Floats]]:
    """Clients of sizes between powers of two: (clients, places in the sorted order, shares)."""
    first = np.cumsum(sizes) - sizes
    magnitude = np.ceil(np.log2(sizes)).astype(np.int64)
    for size in np.unique(magnitude):
        clients = np.flatnonzero(magnitude == size)
        at = np.arange(sizes[clients].max())
        own = sizes[clients, None]
        place = first[clients, None] + np.minimum(at, own - 1)
        yield clients, place, ((at < own) / own)[:, :, None]


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)
