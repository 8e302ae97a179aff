"""What a site tells for a diagnosis: summaries of its samples, with noise where asked.

    spread      -                 -> spread of the features (never with noise)
    summarise   lens, or nothing  -> counts and moments, class by class

A site that was joined with noise of its own takes part in a diagnosis and in nothing else, and
releases its numbers once: to the same question it gives the same answer, to another none.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from unalike import __version__
from unalike.diagnosis.samples import classes_of
from unalike.diagnosis.summary import (
    FeatureMoments,
    FeatureScale,
    Summary,
    feature_moments,
    noisy_summary,
    summarise,
)
from unalike.diagnosis.summary_noise import Noise
from unalike.errors import InputError
from unalike.network.protocol.messages import MessageError, Parcel, pack, unpack
from unalike.network.protocol.run_config import read_settings
from unalike.study.inputs import deal_study
from unalike.study.store import read_tensors, write_tensors

from .local_data import only

if TYPE_CHECKING:
    from .session import Identity

VERBS = ("spread", "summarise")
ONLY = (
    "This site was joined with --noise, so it takes part in a diagnosis and in nothing else: leave "
    "the option out to train."
)
Numbers = TypeVar("Numbers", FeatureMoments, FeatureScale, Summary)
LENS = FeatureScale(*(torch.zeros(0) for _ in FeatureScale._fields))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Wish:
    """What the server wants to know."""

    noise: float = 0.0  # epsilon; 0: none
    label: int = -1  # of samples with many labels, the one to look at
    seed: int = 0

    @staticmethod
    def of(facts: dict[str, Any]) -> Wish | None:
        """In a question; None where it is not for a diagnosis."""
        told = facts.get("survey")
        if told is None:
            return None
        try:
            return Wish(float(told["noise"]), int(told["label"]), int(told["seed"]))
        except (KeyError, TypeError, ValueError):
            raise MessageError("the question for a diagnosis cannot be read") from None

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return {"survey": asdict(self)}


def allow(one: Identity, asked: Parcel) -> Wish | None:
    """What is wished for, where this site does not object.

    Raises:
        InputError: it does; one sentence says why.
    """
    wish = Wish.of(asked.facts)
    if one.noise is None:
        if wish is not None and not one.tells_classes:
            raise InputError(
                "This site hides its classes (--hide-classes), but a diagnosis needs them: join it "
                "with --noise 1 as well, so that no single sample shows, or without the option."
            )
        return wish
    if wish is None or asked.verb not in ("describe", *VERBS):
        raise InputError(ONLY)
    if not 0 < wish.noise <= one.noise:
        asks = f"with epsilon = {wish.noise:g}" if wish.noise > 0 else "without noise"
        raise InputError(
            f"The server asks {asks}, but this site tells nothing beyond epsilon = {one.noise:g}: "
            f"serve with --noise {one.noise:g}."
        )
    return wish


def tell(one: Identity, asked: Parcel, wish: Wish) -> Parcel:
    """The answer to one of `VERBS`.

    Raises:
        InputError: this site does not want to answer.
    """
    if asked.facts.get("version") != __version__:
        raise MessageError(
            f"the server runs unalike {asked.facts.get('version')} and this site {__version__}: "
            "install the same"
        )
    if wish.noise > 0:
        if asked.verb == "spread":
            raise MessageError("the spread of features cannot be told with noise")
        return _released(one, asked, wish)
    x, y, classes = _held(one, asked, wish)
    if asked.verb == "spread":
        return pack("spread", {}, {"spread": tensors(feature_moments(x))})
    lens = unpack(asked, {"lens": LENS}).get("lens")
    if lens is None or not lens.centre.shape == lens.scale.shape == (x[0].size,):
        raise MessageError("the server did not say how samples are looked at")
    summary = summarise(
        x, y, classes, FeatureScale(lens.centre.numpy(), lens.scale.numpy()), wish.seed
    )
    return pack("summarise", {}, {"summary": tensors(summary)})


def tensors(numbers: Numbers) -> Numbers:
    """The same numbers in a tree that can travel."""
    return type(numbers)(*(torch.from_numpy(np.asarray(part)) for part in numbers))  # type: ignore


def _released(one: Identity, asked: Parcel, wish: Wish) -> Parcel:
    path = one.state / "released.safetensors"
    known, question = read_tensors(path), _question(asked)
    if known is not None:
        tensors_, about = known
        if about["question"] == question:
            return Parcel.of(about["head"], tensors_["answer"].numpy().tobytes())
        if one.noise is not None:
            raise InputError(
                f"This site has told its numbers once, with epsilon = {about['epsilon']}; each "
                f"time more adds to that. Remove {path} to allow it."
            )
    if one.noise is not None and known is None and path.exists():
        raise InputError(f"{path} is damaged, so it is not known what this site has told already.")
    x, y, classes = _held(one, asked, wish)
    rng = np.random.default_rng(secrets.randbits(128))  # nobody may know it, the server least
    summary = noisy_summary(x, y, classes, Noise(wish.noise), wish.seed, rng)
    answer = pack("summarise", {}, {"summary": tensors(summary)})
    _keep(path, answer, {"question": question, "epsilon": f"{wish.noise:g}"})
    return answer


def _question(asked: Parcel) -> str:
    return hashlib.blake2b(json.dumps(asked.facts, sort_keys=True).encode()).hexdigest()


def _keep(path: Path, answer: Parcel, about: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".writing")
    body = torch.frombuffer(bytearray(answer.body), dtype=torch.uint8)
    write_tensors(beside, {"answer": body}, {**about, "head": answer.head()})
    beside.replace(path)


def _held(one: Identity, asked: Parcel, wish: Wish) -> tuple[NDArray[Any], NDArray[np.int64], int]:
    """Samples [n, ...], their classes [n], and the number of classes."""
    try:
        classes = int(asked.facts["classes"])
        study = read_settings(asked.facts["study"])
    except (KeyError, TypeError, ValueError):
        raise MessageError("the question for a diagnosis cannot be read") from None
    if one.samples is not None:
        samples = one.samples.to_arrays(study.classes)
        x, y = samples.x, samples.y
    else:
        assert one.client is not None
        study = study.model_copy(update={"data_dir": one.data_dir})
        held = only(deal_study(study, wish.seed), one.client)
        x, y = held.x.numpy(), held.y.numpy()
    of, names = classes_of(y, wish.label if wish.label >= 0 else None)
    if len(names) > classes:
        raise MessageError(f"it holds class {len(names) - 1}, but there are {classes} classes")
    return x, of, classes
