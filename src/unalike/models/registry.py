"""Every network by name, and how one is built for samples of a given shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any

from torch import nn

from unalike.errors import InputError, unknown
from unalike.functional.torch_random import own_random_state

from .cnn import CNN
from .fused import FusedNet, Fusion, Preset, autoencoder, seen_by_classifier
from .gru import GRU
from .mefl_cnn import MEFLCNN
from .perceptron import Perceptron
from .resnet18_cut import ResNet18Cut
from .resnet20 import ResNet20
from .simple_cnn import SimpleCNN
from .unet_ae import UNetAutoencoder

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ModelSpec:
    """A network that can be asked for by name."""

    meaning: str
    source: str
    make: Callable[..., nn.Module]  # (shape, classes, **options)
    options: Mapping[str, tuple[str, ...] | type[int]] = field(default_factory=dict)
    reconstructs: bool = False  # an autoencoder: its output has the shape of its input
    tokens: bool = False  # whether samples are whole numbers that it looks up


def _text(shape: Shape, classes: int) -> nn.Module:
    if len(shape) != 1:
        raise InputError(f"Model 'text-mlp' needs vectors of features, not samples of {shape}.")
    return Perceptron(shape, classes, (128,))


def _autoencoder(
    shape: Shape, classes: int, *, skips: str = "on", latent: int = 0
) -> UNetAutoencoder:
    return UNetAutoencoder(shape, skips=skips == "on", latent=latent)


def _fused(
    shape: Shape,
    classes: int,
    *,
    preset: Preset = "paper",
    fusion: Fusion = "sum",
    skips: str | None = None,
    latent: int | None = None,
    classifier: str | None = None,
    norm: str | None = None,
) -> FusedNet:
    encoder, decoder = autoencoder(shape, preset, None if skips is None else skips == "on", latent)
    name = classifier or ("resnet20" if len(shape) == 3 else "mlp")
    options = {} if norm is None else _options(name, MODELS[name], f"norm={norm}")
    top = MODELS[name].make(seen_by_classifier(shape, fusion), classes, **options)
    return FusedNet(encoder, decoder, top, fusion)


def _perceptron(*widths: int, activation: type[nn.Module] = nn.ReLU) -> Callable[..., nn.Module]:
    return partial(Perceptron, widths=widths, activation=activation)


_NORM = {"norm": ("group", "batch")}
_FEDAVG = "McMahan et al., AISTATS 2017 (arXiv:1602.05629)"
_MEFL = "MEFL, Entropy 2025, 27(6), 553"

MODELS: dict[str, ModelSpec] = {
    "logistic": ModelSpec("multinomial logistic regression", "no paper of its own", _perceptron()),
    "mlp": ModelSpec("one hidden layer of 64 ReLU units", "ours", _perceptron(64)),
    "2nn": ModelSpec("two hidden layers of 200 ReLU units", _FEDAVG, _perceptron(200, 200)),
    "cnn": ModelSpec("two 5 x 5 convolutions of 32 and 64 channels, 512 units", _FEDAVG, CNN),
    "mefl-cnn": ModelSpec("as cnn with 3 x 3 pooling and dropout", _MEFL, MEFLCNN),
    "simple-cnn": ModelSpec(
        "two 5 x 5 convolutions of 6 and 16 channels, 120 and 84 units",
        "NIID-Bench: Li et al., ICDE 2022 (arXiv:2102.02079)",
        SimpleCNN,
    ),
    "resnet20": ModelSpec(
        "pre-activation ResNet-20 of 16, 32 and 64 channels",
        "He et al., ECCV 2016 (arXiv:1603.05027)",
        ResNet20,
        _NORM,
    ),
    "resnet18-cut": ModelSpec(
        "ResNet-18 without its last two residual blocks", _MEFL, ResNet18Cut, _NORM
    ),
    "unet-ae": ModelSpec(
        "U-Net autoencoder of 16, 32 and 64 channels",
        "FusedSpaceFed, public scripts",
        _autoencoder,
        {"skips": ("on", "off"), "latent": int},
        reconstructs=True,
    ),
    "fused": ModelSpec(
        "a classifier that sees x beside its reconstruction, for fusedspacefed",
        "FusedSpaceFed, public scripts and README",
        _fused,
        {
            "preset": ("paper", "code"),
            "fusion": ("sum", "concat"),
            "skips": ("on", "off"),
            "latent": int,
            "classifier": ("resnet20", "cnn", "simple-cnn", "mlp", "logistic"),
            **_NORM,
        },
    ),
    "gru": ModelSpec(
        "an embedding of 8 numbers a token, 128 gated recurrent units, logits at each place",
        "Cho et al., EMNLP 2014 (arXiv:1406.1078)",
        GRU,
        tokens=True,
    ),
    "text-mlp": ModelSpec("one hidden layer of 128 ReLU units on text features", _MEFL, _text),
    "elu-mlp": ModelSpec(
        "hidden layers of 80 and 60 ELU units",
        "Per-FedAvg: Fallah et al., NeurIPS 2020 (arXiv:2002.07948)",
        _perceptron(80, 60, activation=nn.ELU),
    ),
}


def chosen(name: str, shape: Shape, *, places: int = 0) -> str:
    """The network that `name` stands for.

    `auto` is mlp for vectors, simple-cnn for images and gru for sequences of tokens, where
    something is asked at each of some `places`. Images of 16 x 16 pixels or fewer are taken for
    vectors.
    """
    if name != "auto":
        return name
    if places:
        return "gru"
    return "simple-cnn" if len(shape) == 3 and min(shape[1:]) > 16 else "mlp"


def takes_tokens(name: str) -> bool:
    """Whether the samples of a network are whole numbers that it looks up."""
    spec = MODELS.get(name.partition(":")[0])
    return spec is not None and spec.tokens


def build(name: str, *, shape: Shape, classes: int, seed: int, places: int = 0) -> nn.Module:
    """The named network for samples of this shape, with PyTorch's initial weights for this seed.

    classes: numbers that it puts out. places: of a sample, where it puts them out at each; 0: once.

    name: a key of `MODELS` or "auto", with options written behind it: "resnet20:norm=batch",
        "unet-ae:skips=off,latent=16".

    Raises:
        InputError: there is no such network or option, or it does not fit the samples.
    """
    key, _, text = chosen(name, shape, places=places).partition(":")
    if key not in MODELS:
        raise InputError(
            f"{unknown('model', key, [*MODELS, 'auto'])} A network of your own comes from Python, "
            "as in compare(model=net), or from a plugin that registers it (--plugin)."
        )
    spec = MODELS[key]
    options = _options(key, spec, text)
    if prod(shape) == 0:
        raise InputError(f"Model {key!r} cannot be built for samples of shape {shape}.")
    with own_random_state(seed):
        return spec.make(shape, classes, **options)


def _options(name: str, spec: ModelSpec, text: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if text and not spec.options:
        raise InputError(f"Model {name!r} takes no options, but {text!r} was given.")
    for part in filter(None, text.split(",")):
        option, _, value = part.partition("=")
        if option not in spec.options:
            raise unknown(f"option of model {name!r},", option, spec.options)
        allowed = spec.options[option]
        if isinstance(allowed, tuple):
            if value not in allowed:
                raise InputError(
                    f"Model {name!r}: {option} must be {' or '.join(allowed)}, not {value!r}."
                )
            given[option] = value
        elif not value.isdigit():
            raise InputError(f"Model {name!r}: {option} must be a whole number, not {value!r}.")
        else:
            given[option] = int(value)
    return given
