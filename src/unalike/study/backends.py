"""Where runs are done: in processes or threads of this machine, or on a cluster, through joblib."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import joblib
from joblib.parallel import get_active_backend

from unalike.engines.machine import cores
from unalike.errors import InputError, unknown

from .settings import Study

BACKENDS = {
    "loky": "processes on this machine",
    "threading": "threads of this process",
    "dask:ADDRESS": "workers of the Dask scheduler at this address",
    "ray": "workers of the Ray cluster that RAY_ADDRESS names, or of a local one",
}
_PROCESSES = ("LokyBackend", "MultiprocessingBackend")
_ONE_RUN_EACH = (*_PROCESSES, "RayBackend")
_LOCAL = (*_PROCESSES, "ThreadingBackend", "SequentialBackend")
WAIT_SECONDS = 10
"""For a scheduler, and for its first worker."""


@dataclass(frozen=True)
class Workers:
    """Those who do runs."""

    count: int  # runs at the same time
    remote: bool  # whether they may be on other machines
    mortal: bool  # whether joblib ends them when it is interrupted
    apart: bool  # whether no process does two runs at the same time

    def cores(self, runs: int) -> int:
        """Cores that are free for each of so many runs."""
        return 1 if self.remote else max(1, cores() // max(1, min(self.count, runs)))

    def require_apart(self, study: Study) -> None:
        """Whether runs of this study may be done here.

        Raises:
            InputError: its precision would hold for other runs in the same process as well.
        """
        if study.precision != "float32" and not self.apart:
            raise InputError(
                f"--precision {study.precision} holds for a whole process, and here one may do "
                "several runs at the same time: take --backend loky, or --jobs 1."
            )


@contextmanager
def workers(backend: str | None, jobs: int | None) -> Iterator[Workers]:
    """While this lasts, `joblib.Parallel` sends its work to this backend.

    backend: a name of `BACKENDS`; what `joblib.parallel_config` says if not given.
    jobs: runs at the same time; what the backend has, and one without a backend, if not given.

    Raises:
        InputError: there is no such backend, or it cannot be reached.
    """
    if jobs == 0:
        raise InputError("jobs = 0: give how many runs there may be at the same time, at least 1.")
    with ExitStack() as stack:
        name, colon, address = (backend or "").partition(":")
        if name == "dask" and address:
            stack.enter_context(_dask(address))
        elif name == "ray" and not colon:
            stack.enter_context(_ray())
        elif name in ("loky", "threading") and not colon:
            stack.enter_context(joblib.parallel_config(name))
            jobs = cores() if jobs is None else jobs
        elif backend:
            raise unknown("backend", backend, BACKENDS)
        active, _ = get_active_backend()
        kind = type(active).__name__
        try:
            count = joblib.effective_n_jobs(jobs)
        except TimeoutError:
            raise InputError(f"The cluster has no worker after {WAIT_SECONDS} seconds.") from None
        yield Workers(
            count,
            remote=kind not in _LOCAL,
            mortal=kind in _PROCESSES,
            apart=count == 1 or kind in _ONE_RUN_EACH,
        )


@contextmanager
def _dask(address: str) -> Iterator[None]:
    try:
        from distributed import Client
    except ImportError:
        raise InputError("Dask needs a package: pip install 'unalike[cluster]'.") from None
    try:
        client = Client(address, timeout=WAIT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"There is no Dask scheduler at {address}: {error}.") from None
    with (
        client,
        joblib.parallel_config("dask", client=client, wait_for_workers_timeout=WAIT_SECONDS),
    ):
        yield


@contextmanager
def _ray() -> Iterator[None]:
    try:
        from ray.util.joblib import register_ray
    except ImportError:
        raise InputError("Ray needs a package: pip install 'ray[default]'.") from None
    register_ray()
    with joblib.parallel_config("ray"):
        yield
