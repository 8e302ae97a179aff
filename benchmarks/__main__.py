"""Print the tables of all work items, or of those named: `python -m benchmarks w1 w3`."""

import os
import platform
import sys
from importlib import import_module

import torch

from unalike.engines.machine import cores

WORK = ("w1_mlp", "w2_cnn", "w3_tiny", "w4_per_fedavg", "w5_personal_models", "w6_unequal")


def main(names: list[str]) -> None:
    """Run the work items whose names begin like these."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{cores()} cores, {platform.machine()}, torch {torch.__version__}{load}")
    for work in WORK:
        if not names or any(work.startswith(name) for name in names):
            module = import_module(f"benchmarks.{work}")
            print(f"\n{(module.__doc__ or work).splitlines()[0]}\n", flush=True)
            module.main()


main(sys.argv[1:])
