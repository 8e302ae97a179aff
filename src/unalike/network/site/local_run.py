"""From what a message says of its run to the site's trainer for it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import torch

from unalike.data.federation import Federation
from unalike.engines.local import LocalEngine
from unalike.network.protocol.run_description import RunDescription
from unalike.network.protocol.schemas import SINGLE_CLIENT
from unalike.privacy import read_secret, with_privacy
from unalike.study.inputs import UserInputs, deal_study, problem_for
from unalike.study.model_description import describe_run
from unalike.study.settings import Study

from .local_data import client_federation, own_federation
from .site_models import SiteModels
from .site_settings import SiteSettings
from .trainer import Trainer


def make_trainer(
    settings: SiteSettings, run: RunDescription, notify: Callable[[str], None] = lambda _: None
) -> Trainer:
    """The trainer of this site in this run.

    notify: takes sentences for the people of the site.

    Raises:
        InputError: the samples do not suit the run.
    """
    study = run.settings().model_copy(update={"data_dir": settings.data_dir})
    federation = _federation(settings, run, study)
    problem = problem_for(study, federation, UserInputs())
    secret = 0 if study.privacy is None else read_secret(settings.state_folder / "secret")
    engine = LocalEngine(
        with_privacy(study.method(run.label), study.privacy, problem, secret=secret),
        problem,
        federation,
        seed=run.seed,
        batch_size=study.batch_size,
        epochs=study.local_epochs,
        plan=SINGLE_CLIENT,
        weights=torch.ones(int((~federation.newcomers).sum())),
        w=problem.init(run.seed),
        device=settings.device,
        stream_ids=np.array([run.row]),
    )
    of_run = settings.state_folder / _file_name(run.token) / _file_name(run.label)
    folder = of_run / f"seed-{int(run.seed)}"
    about = describe_run(study, run.label, run.seed, federation, problem)
    home = settings.state_folder / "models"
    return Trainer(
        engine,
        folder,
        clients=run.clients,
        models=SiteModels(folder / "models", home, about, study.keep, notify),
        reveal_classes=settings.reveal_classes,
        reveal_accuracy=settings.reveal_accuracy,
    )


def _federation(settings: SiteSettings, run: RunDescription, study: Study) -> Federation:
    if settings.samples is None:
        return client_federation(deal_study(study, run.seed), run.row)
    return own_federation(
        settings.samples.to_arrays(study.classes),
        settings.name,
        classes=run.classes,
        seed=run.seed,
        validation=study.validation,
        test=study.test,
    )


def _file_name(name: str) -> str:
    """A name as one component of a path, whatever the server calls things."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"
