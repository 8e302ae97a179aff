"""What the shell completes, without importing what is named: a keystroke is no time to load torch.

Methods are found by their files; other names stand here, and a test holds them beside the
catalogues. Names that plugins bring are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from unalike.method_files import method_names

Completion = Callable[[str], list[str]]
"""From what is typed of a value to what it may become."""

DATA = (
    *("digits", "mnist", "mnist-writers", "fed-heart", "fashion-mnist", "cifar10"),
    *("cifar10-subset", "breastmnist", "pneumoniamnist", "retinamnist", "bloodmnist"),
    *("dermamnist", "pathmnist", "octmnist", "chestmnist", "organamnist", "organcmnist"),
    *("organsmnist", "tissuemnist", "sent140", "sent140-sample", "tcga-brca", "schools"),
    *("hsb82", "guimmun", "shakespeare", "fcube", "synthetic-mixture", "synthetic-0-0"),
    *("synthetic-0.5-0.5", "synthetic-1-1", "synthetic-iid", "leaf-synthetic"),
)
SPLITS = ("iid", "dirichlet", "dirichlet-mix", "pathological", "shards", "quantity", "natural")
SKEWS = (
    *("label", "quantity", "teachers", "label-drift", "arrival", "permutation", "swap"),
    *("rotation", "colour", "blur", "field", "scanner", "gain", "gamma", "contrast", "shift"),
    *("noise", "feature-drift"),
)
MODELS = (
    *("logistic", "mlp", "2nn", "cnn", "mefl-cnn", "simple-cnn", "resnet20", "resnet18-cut"),
    *("unet-ae", "fused", "gru", "text-mlp", "elu-mlp"),
)
LEDGER = (
    *("fed-heart", "scaffold-quadratics", "fedrep-linear", "ifca-linear", "fedem-synthetic"),
    *("fcube", "fedprox-synthetic", "fair-fashion", "mnist-2nn", "pfedme-mnist"),
    *("per-fedavg-mnist", "fusedspacefed"),
)
TASKS = ("classes", "binary", "labels", "counts", "regression", "survival", "sequence")


def one_of(names: Iterable[str]) -> Completion:
    """One of these names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def method(incomplete: str) -> list[str]:
    """The name of a method."""
    return one_of(method_names())(incomplete)


def methods(incomplete: str) -> list[str]:
    """Names of methods with commas between; the last of them is completed."""
    before, comma, last = incomplete.rpartition(",")
    chosen = before.split(",")
    left = [name for name in ("all", *method_names()) if name not in chosen]
    return [f"{before}{comma}{name}" for name in one_of(left)(last)]


def hyper_parameter(incomplete: str) -> list[str]:
    """METHOD. of METHOD.NAME=VALUE."""
    return [f"{name}." for name in method(incomplete)]


data, split, skew = one_of(DATA), one_of(SPLITS), one_of(SKEWS)
model, task = one_of(("auto", *MODELS)), one_of(("auto", *TASKS))
ledger = one_of(("all", *LEDGER))
