"""What a site says of itself when it comes."""

from __future__ import annotations

from typing import Any

import numpy as np

from unalike import __version__
from unalike.data.cut import cut
from unalike.data.sources.source import Arrays
from unalike.network.protocol.messages import Message, pack
from unalike.network.protocol.run_description import read_settings
from unalike.network.protocol.summary_request import SummaryRequest
from unalike.study.settings import Study

from .site_settings import SiteSettings


def describe(settings: SiteSettings, message: Message) -> Message:
    """Who this site is and, unless it is to be told with noise, how many samples it has."""
    facts: dict[str, Any] = {
        "version": __version__,
        "name": settings.name,
        "mark": settings.mark(),
        "client": settings.client,
    }
    samples = settings.samples
    if samples is not None and message.facts.get("version") == __version__:
        study = read_settings(message.facts["study"])
        facts |= _sample_facts(samples.to_arrays(study.classes), study, settings.reveal_classes)
        facts["columns"] = samples.fingerprint()
        request = SummaryRequest.of(message.facts)
        if request is not None and request.noise != 0:
            facts |= {"sizes": [0, 0, 0], "label_counts": []}
    return pack("describe", facts)


def _sample_facts(samples: Arrays, study: Study, reveal_classes: bool) -> dict[str, Any]:
    parts = cut(np.array([len(samples.y)]), validation=study.validation, test=study.test)
    strata = samples.question.strata(samples.y)
    counts = strata.counts(np.zeros(len(samples.y), np.int64), 1)[0]
    comparable = not strata.text  # ranges of quantities are each site's own
    return {
        "shape": list(samples.x.shape[1:]),
        "classes": samples.classes,
        "task": samples.task,
        "sizes": [int(size[0]) for size in parts],
        "y_shape": list(samples.y.shape[1:]),
        "label_counts": counts.tolist() if reveal_classes and comparable else [],
    }
