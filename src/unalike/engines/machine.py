"""What the machine offers: cores, memory, a device, a compiler."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from unalike.errors import InputError, unknown

_MMAP_MAX, _TRIM_THRESHOLD = -4, -1
_DENORMAL = 5e-324


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def processor() -> str:
    """What kind of processor this is, as far as the system says."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def device_named(name: str) -> torch.device:
    """The device "cpu" or "cuda" (or one of several, "cuda:1"); "auto" prefers CUDA.

    Raises:
        InputError: there is no such device, here or at all.
    """
    kind = name.partition(":")[0]
    if kind not in ("auto", "cpu", "cuda"):
        raise unknown("device", name, ["auto", "cpu", "cuda"])
    if kind == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {name} was asked for, but this machine has no CUDA device.")
    return torch.device(name)


@cache
def keep_freed_memory() -> None:
    """Let glibc recycle freed blocks of any size, for this process and from now on.

    By default each large one goes back to the system and comes again page by page, which takes
    four times as long as filling it: with 159,010 parameters and ten stacked clients a fifth of
    all time. Nothing happens where the C library has no `mallopt`.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 1 << 30)


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Floating-point numbers too small for full precision count as zero, in this thread.

    A network that is sure of its answers makes many of them, and a processor takes each by hand:
    a round of FedAdam that has learned its samples by heart takes 1.7 times as long.
    """
    before = _DENORMAL * 1.0 == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def held_memory() -> int:
    """The memory that this process holds now, in bytes; its peak where the system tells no more."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_memory()
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_memory() -> int:
    """The most memory this process has held, in bytes.

    On Linux from the process itself: what `getrusage` says includes the parent's peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def require_compiler() -> None:
    """InputError where torch.compile would find no C++ compiler."""
    named = os.environ.get("CXX")
    if not any(shutil.which(name) for name in ([named] if named else ["g++", "clang++", "cl"])):
        raise InputError(
            "--compile needs a C++ compiler and this machine has none"
            f"{f' named {named} (from CXX)' if named else ''}; install g++, or leave it out."
        )


def total_memory() -> int | None:
    """Bytes that all processes here may hold together; None where the system does not say."""
    known = [number for number in (_meminfo(), _cgroup_memory()) if number is not None]
    return min(known) if known else None


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(li.split()[1]) << 10 for li in lines if li.startswith("MemTotal:")), None)


def _cgroup_memory() -> int | None:
    """The limit of this process's control group, where it has one."""
    try:
        most = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        return None if most == "max" else int(most)
    except (OSError, ValueError):
        return None


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread inside: on small tensors more of them mostly wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
