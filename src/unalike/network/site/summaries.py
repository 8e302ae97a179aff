"""What a site tells for a diagnosis: summaries of its samples, with noise where asked.

    spread      -                 -> spread of the features (never with noise)
    summarise   lens, or nothing  -> counts and moments, class by class

A site that was joined with noise of its own releases its numbers once: to the same request it
gives the same answer, to another none.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unalike import __version__
from unalike.data.reading.label_evidence import answers_of
from unalike.data.reading.raw_samples import RawSamples
from unalike.diagnosis.samples import classes_of, one_of_each
from unalike.diagnosis.summary import (
    FeatureScale,
    feature_moments,
    noisy_summary,
    summarise,
)
from unalike.diagnosis.summary_noise import Noise
from unalike.errors import InputError
from unalike.functional.streams import generator
from unalike.network.protocol.frames import Frames
from unalike.network.protocol.messages import Message, MessageError, pack, unpack
from unalike.network.protocol.preparation import Preparation
from unalike.network.protocol.run_description import read_settings
from unalike.network.protocol.summary_request import (
    SPREAD,
    SUMMARISE,
    SummaryRequest,
    as_tensors,
)
from unalike.study.files import read_tensors, write_tensors
from unalike.study.inputs import deal_study

from .fitting import numbers_alone
from .local_data import client_federation
from .site_settings import SiteSettings

LENS_SCHEMA = FeatureScale(*(torch.zeros(0) for _ in FeatureScale._fields))  # type: ignore[arg-type]


def answer_spread(settings: SiteSettings, message: Message) -> Message:
    """The spread of the features.

    Raises:
        MessageError: it is to be told with noise, which cannot be, or the message cannot be read.
    """
    request = _read(message)
    if request.noise > 0:
        raise MessageError("the spread of features cannot be told with noise")
    x, _, _ = _samples(settings, message, request)
    return pack(SPREAD, {}, {"spread": as_tensors(feature_moments(x))})


def answer_summary(settings: SiteSettings, message: Message) -> Message:
    """Counts and moments, class by class.

    Raises:
        InputError: this site has told its numbers with noise already.
        MessageError: the message cannot be read.
    """
    request = _read(message)
    if request.noise > 0:
        return _released(settings, message, request)
    x, y, classes = _samples(settings, message, request)
    lens = unpack(message, {"lens": LENS_SCHEMA}).get("lens")
    if lens is None or not lens.centre.shape == lens.scale.shape == (x[0].size,):
        raise MessageError("the server did not say how samples are looked at")
    summary = summarise(
        x, y, classes, FeatureScale(lens.centre.numpy(), lens.scale.numpy()), request.seed
    )
    return pack(SUMMARISE, {}, {"summary": as_tensors(summary)})


def _read(message: Message) -> SummaryRequest:
    request = SummaryRequest.of(message.facts)
    if request is None:
        raise MessageError("the question for a diagnosis cannot be read")
    if message.facts.get("version") != __version__:
        raise MessageError(
            f"the server runs unalike {message.facts.get('version')} and this site {__version__}: "
            "install the same"
        )
    return request


def _released(settings: SiteSettings, message: Message, request: SummaryRequest) -> Message:
    """The answer with noise: that of before, where the same was requested before."""
    path = settings.state_folder / "released.safetensors"
    stored, digest = read_tensors(path), _digest(message)
    if stored is not None:
        tensors, about = stored
        if about["question"] == digest:
            return Message.of(Frames(about["head"], tensors["answer"].numpy().tobytes()))
        if settings.noise is not None:
            raise InputError(
                f"This site has told its numbers once, with epsilon = {about['epsilon']}; each "
                f"time more adds to that. Remove {path} to allow it."
            )
    if settings.noise is not None and stored is None and path.exists():
        raise InputError(f"{path} is damaged, so it is not known what this site has told already.")
    x, y, classes = _samples(settings, message, request)
    rng = np.random.default_rng(secrets.randbits(128))  # nobody may know it, the server least
    summary = noisy_summary(x, y, classes, Noise(request.noise), request.seed, rng)
    answer = pack(SUMMARISE, {}, {"summary": as_tensors(summary)})
    _write(path, answer, {"question": digest, "epsilon": f"{request.noise:g}"})
    return answer


def _digest(message: Message) -> str:
    return hashlib.blake2b(json.dumps(message.facts, sort_keys=True).encode()).hexdigest()


def _write(path: Path, answer: Message, about: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, frames = path.with_suffix(".writing"), answer.frames()
    body = torch.frombuffer(bytearray(frames.body), dtype=torch.uint8)
    write_tensors(temporary, {"answer": body}, {**about, "head": frames.head})
    temporary.replace(path)


def _samples(
    settings: SiteSettings, message: Message, request: SummaryRequest
) -> tuple[NDArray[Any], NDArray[np.int64], int]:
    """Samples [n, ...], their classes [n], and the number of classes."""
    try:
        classes = int(message.facts["classes"])
        study = read_settings(message.facts["study"])
    except (KeyError, TypeError, ValueError):
        raise MessageError("the question for a diagnosis cannot be read") from None
    if settings.samples is not None:
        x, y = _own(settings.samples, message, request)
    else:
        if settings.client is None:
            raise MessageError("this site holds neither samples nor a client of the study")
        study = study.model_copy(update={"data_dir": settings.data_dir})
        federation = client_federation(deal_study(study, request.seed), settings.client)
        x, y = federation.x.numpy(), federation.y.numpy()
    class_ids, names = classes_of(y, request.label if request.label >= 0 else None)
    if len(names) > classes:
        raise MessageError(f"it holds class {len(names) - 1}, but there are {classes} classes")
    return x, class_ids, classes


def _own(
    raw: RawSamples, message: Message, request: SummaryRequest
) -> tuple[NDArray[Any], NDArray[Any]]:
    preparation = Preparation.of(message.facts)
    if preparation is None:
        raise MessageError("the question does not say how samples are prepared")
    y = answers_of(raw, preparation.question())
    x: NDArray[Any] = (
        numbers_alone(raw) if request.noise > 0 else preparation.fitted().transform(raw.x)  # type: ignore[arg-type]
    )
    subject = None if raw.subjects is None else raw.subjects.number
    if subject is None:
        return x, y
    rng = generator(request.seed, "diagnosis/subjects")
    rows = one_of_each(np.zeros(len(y), np.int64), subject, rng)
    return x[rows], y[rows]
