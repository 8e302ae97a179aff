"""Everything that a study's runs are built of, built once before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unalike.core import Method, Problem
from unalike.data.federation import Federation
from unalike.engines.machine import device_named, require_compiler
from unalike.engines.precision import require_precision
from unalike.errors import InputError
from unalike.privacy import Account
from unalike.weighting.sampling import draw

from .run import engine_for, pool_clients
from .settings import Study

AGGREGATE = "all"
"""What stands in the summary in place of a client's name, for numbers of all of them."""


def check_study(study: Study, federations: Sequence[Federation]) -> None:
    """Build what all methods share, for every seed: federations [seeds].

    Raises:
        InputError: these clients cannot be weighted, drawn, measured or named as the study says.
    """
    require_precision(study.precision, device_named(study.device))
    if study.compile:
        require_compiler()
    study.evaluated_rounds()
    for seed, federation in enumerate(federations):
        training = ~federation.newcomers
        if not federation.test.sizes[training].any():
            raise InputError(
                f"No client that trains holds a test sample (seed {seed}), so nothing could be "
                "measured: give test a share above 0, such as test=0.2, or clients of more samples."
            )
        if not federation.train.sizes[training].any():
            raise InputError(f"No client holds a training sample (seed {seed}).")
        if AGGREGATE in federation.names:
            raise InputError(
                f"A client is called {AGGREGATE!r}, which is what the summary calls the numbers "
                "of all clients together: give it another name."
            )
        weights = study.objective(federation.train.sizes[training], seed)
        cohort = study.cohort_size(len(weights))
        draw(study.sampling, weights, cohort, seed=seed, t=1)
        if study.privacy is not None:
            Account(study.privacy, len(weights), cohort)


def try_method(study: Study, method: Method, problem: Problem, federation: Federation) -> int:
    """Start the method's server and let the smallest client do a round of work, without a trace.

    What comes back are the per-sample gradients that this takes.

    Raises:
        InputError: the method cannot work with these settings, this model or these clients.
    """
    sizes = np.where(federation.newcomers, 0, federation.train.sizes)
    row = int(np.where(sizes > 0, sizes, sizes.max() + 1).argmin())
    held = federation
    if method.pooled:
        others = np.arange(federation.clients) != row
        held = pool_clients(replace(federation, newcomers=others))
        row = 0
    engine = engine_for(method, problem, held, study, 0, problem.init())
    server = engine.method.init_server(engine.problem, engine.w, engine.population)
    ids = np.flatnonzero(engine.rows == row)
    return engine.try_round(ids, engine.broadcast(server, ids))
