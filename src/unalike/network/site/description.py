"""What a site says of itself when it comes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from unalike import __version__
from unalike.data.preprocessing.table import Table
from unalike.data.reading.label_evidence import LabelEvidence, evidence_of_labels
from unalike.data.reading.labels import class_names_of
from unalike.data.reading.raw_samples import RawSamples
from unalike.errors import InputError
from unalike.network.protocol.messages import Message, pack
from unalike.network.protocol.preparation import SampleDescription
from unalike.network.protocol.run_description import read_settings
from unalike.network.protocol.summary_request import SummaryRequest
from unalike.study.settings import Study
from unalike.tasks import AUTO

from .local_data import parts_of
from .site_settings import SiteSettings

MOST_SEEDS = 1000
"""Of which a site tells how its subjects are cut."""


def describe(settings: SiteSettings, message: Message) -> Message:
    """Who this site is and, unless it is to be told with noise, how many samples it has.

    Raises:
        InputError: this site's samples do not suit the study.
    """
    facts: dict[str, Any] = {
        "version": __version__,
        "name": settings.name,
        "mark": settings.mark(),
        "client": settings.client,
    }
    raw = settings.samples
    if raw is None or message.facts.get("version") != __version__:
        return pack("describe", facts)
    study, request = read_settings(message.facts["study"]), SummaryRequest.of(message.facts)
    noisy = request is not None and request.noise != 0
    task = _task(settings, study)
    labels = evidence_of_labels(raw, task, study.classes)
    if noisy:
        labels = _without_names(labels, raw, study)
    table = raw.x if isinstance(raw.x, Table) else None
    description = SampleDescription(
        columns=() if table is None else table.names,
        shape=() if isinstance(raw.x, Table) else raw.x.shape[1:],
        labels=labels,
        task=raw.implied if settings.task == AUTO else settings.task,
        kinds=raw.settings.kinds,
        scale=raw.settings.scale,
    )
    facts["samples"] = description.model_dump(mode="json")
    counts = _counts(raw, labels, task, study) if settings.reveal_classes and not noisy else {}
    if noisy:
        return pack("describe", facts | {"sizes": [0, 0, 0], "label_counts": counts})
    seeds = 1 if raw.subjects is None else min(study.seeds, MOST_SEEDS)
    cuts = [_sizes(raw, study, seed) for seed in range(seeds)]
    told = {"sizes": cuts[0], "label_counts": counts, "cuts": cuts[:0] if seeds == 1 else cuts}
    return pack("describe", facts | told)


def _sizes(raw: RawSamples, study: Study, seed: int) -> list[int]:
    """How many samples train, validate and test with a seed."""
    parts = parts_of(raw, 0, seed=seed, validation=study.validation, test=study.test)
    return [len(part) for part in parts]


def _task(settings: SiteSettings, study: Study) -> str:
    """The task that the study asks for, or that this site was joined with."""
    if study.task != AUTO and settings.task not in (AUTO, study.task):
        raise InputError(
            f"This site was joined with --task {settings.task}, but the study asks for "
            f"{study.task}: leave the option out."
        )
    return settings.task if study.task == AUTO else study.task


def _counts(raw: RawSamples, labels: LabelEvidence, task: str, study: Study) -> dict[str, int]:
    """How many samples there are of each class or label, by its name."""
    if labels.rows is None:
        if not (labels.names or study.classes):
            return {}
        return dict(Counter(class_names_of(raw.labels, raw.label)[0].tolist()))  # type: ignore[arg-type]
    y, asked, _ = raw.asked(task)
    strata = asked.strata(y)
    if strata.text:  # ranges of quantities are each site's own
        return {}
    counts = strata.counts(np.zeros(len(y), np.int64), 1)[0].tolist()
    named = study.classes if study.classes and len(study.classes) == len(counts) else strata.names
    return dict(zip(named, counts, strict=True))


def _without_names(labels: LabelEvidence, raw: RawSamples, study: Study) -> LabelEvidence:
    """The same without a word on which classes this site holds, but for the largest number.

    Raises:
        InputError: classes have names that only this site could tell.
    """
    if labels.rows is not None or study.classes is not None or not labels.names:
        return labels
    if not labels.typed:
        raise InputError(
            f"This site calls its classes {labels.names[0]!r} and the like, and tells nothing "
            "without noise: the study file must name all classes in one order for all sites, as in "
            'classes = ["benign", "malignant"].'
        )
    largest = max(int(name) for name in labels.names)
    return labels.model_copy(update={"names": tuple(map(str, range(largest + 1)))})
