"""From what a message says of its run to the site's trainer for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unalike.data.federation import Federation
from unalike.engines.local import LocalEngine
from unalike.network.protocol.messages import MessageError
from unalike.network.protocol.preparation import Preparation
from unalike.network.protocol.run_description import RunDescription
from unalike.network.protocol.schemas import SINGLE_CLIENT
from unalike.privacy import read_secret, secret_of_run, with_privacy
from unalike.study.files import write_atomically
from unalike.study.inputs import UserInputs, deal_study, problem_for
from unalike.study.model_description import describe_run
from unalike.study.settings import Study

from .local_data import client_federation, own_federation
from .privacy_account import PrivacyAccount
from .site_models import SiteModels
from .site_record import SiteRecord
from .site_settings import SiteSettings
from .trainer import Trainer


def kept_preparation(
    settings: SiteSettings, run: RunDescription, facts: dict[str, Any]
) -> Preparation | None:
    """How a site's own samples are prepared with this seed: as the message says, or one before it.

    Raises:
        MessageError: no message has said it.
    """
    if settings.samples is None:
        return None
    path = federation_folder(settings, run) / f"preparation-{int(run.seed)}.json"
    told = Preparation.of(facts)
    if told is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, told.model_dump_json().encode())
        return told
    try:
        return Preparation.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise MessageError("this site does not know how its samples are prepared") from None


def make_trainer(
    settings: SiteSettings,
    run: RunDescription,
    preparation: Preparation | None,
    record: SiteRecord,
    notify: Callable[[str], None] = lambda _: None,
) -> Trainer:
    """The trainer of this site in this run.

    preparation: of the site's own samples.
    record: of the federation; learns how the run goes.
    notify: takes sentences for the people of the site.

    Raises:
        InputError: the samples do not suit the run.
    """
    study = run.settings().model_copy(update={"data_dir": settings.data_dir})
    federation = _federation(settings, run, study, preparation)
    problem = problem_for(study, federation, UserInputs())
    secret = 0
    if study.privacy is not None:
        own = read_secret(settings.state_folder / "secret")
        secret = secret_of_run(own, run.token, run.label, run.seed)
    engine = LocalEngine(
        with_privacy(study.method(run.label), study.privacy, problem, secret=secret),
        problem,
        federation,
        seed=run.seed,
        batch_size=study.batch_size,
        work=study.work,
        plan=SINGLE_CLIENT,
        weights=torch.ones(int((~federation.newcomers).sum())),
        w=problem.init(run.seed),
        device=settings.device,
        stream_ids=np.array([run.row]),
    )
    of_run = federation_folder(settings, run) / _file_name(run.label)
    folder = of_run / f"seed-{int(run.seed)}"
    about = describe_run(study, run.label, run.seed, federation, problem)
    home = settings.state_folder / "models"
    parts = {
        "training": federation.train,
        "validation": federation.validation,
        "test": federation.test,
    }
    record.samples = {name: int(part.sizes.sum()) for name, part in parts.items()}
    return Trainer(
        engine,
        folder,
        clients=run.clients,
        models=SiteModels(folder / "models", home, about, study.keep, record, notify),
        reveal_classes=settings.reveal_classes,
        reveal_scores=settings.reveal_scores,
        answers_once=study.privacy is not None and study.privacy.kind == "local",
        charge=partial(
            PrivacyAccount(settings.state_folder, settings.policy).charge, study.privacy
        ),
    )


def _federation(
    settings: SiteSettings, run: RunDescription, study: Study, preparation: Preparation | None
) -> Federation:
    if settings.samples is None or preparation is None:
        return client_federation(deal_study(study, run.seed), run.row)
    return own_federation(
        settings.samples,
        settings.name,
        preparation,
        seed=run.seed,
        validation=study.validation,
        test=study.test,
    )


def federation_folder(settings: SiteSettings, run: RunDescription) -> Path:
    """Where what is kept of one federation lies."""
    return settings.state_folder / _file_name(run.token)


def _file_name(name: str) -> str:
    """A name as one component of a path, whatever the server calls things."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"
