"""What is to be compared, on what, how: the one place where settings are checked.

A study is frozen. It comes from a TOML file, from command-line options or from keyword
arguments; all three give the same names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tomli_w
import torch
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializeAsAny,
    ValidationError,
)
from torch import Tensor

from unalike.attacks import Attack, parse_attack
from unalike.core import Method
from unalike.core.local_work import LocalWork
from unalike.core.schedules import CONSTANT
from unalike.core.work_check import with_momentum
from unalike.data.preprocessing.settings import Scale
from unalike.data.skews.registry import parse_skews
from unalike.data.skews.skew import Skew
from unalike.data.skews.temporal_skews import TemporalSkew
from unalike.data.windows import last_rounds
from unalike.errors import InputError, unknown
from unalike.functional.precision import Precision
from unalike.functional.settings_types import FINITE
from unalike.methods import METHODS
from unalike.privacy import Privacy, parse_privacy
from unalike.robust import Rule, parse_rule, rule_text
from unalike.specification import specification_of
from unalike.tasks import AUTO, task_named
from unalike.tuning.settings import Tuning, parse_tuning
from unalike.weighting import weights as weighting

from . import local_work
from .data_files import source_named, with_defaults
from .extensions import beside, plugin_settings, with_plugins
from .files import write_atomically
from .keep import keep_words
from .local_work import check_amount, parse_schedule
from .method_settings import build_method, validation_error
from .search_spaces import check_tuning, without_chosen
from .setting_checks import (
    SPLIT_OPTIONS,
    check_classes,
    check_cohort,
    check_privacy,
    check_robust,
    skews_and_split,
    split_and_settings,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DISSIMILARITIES = 5
"""Rounds of a run after which the clients' gradients are compared."""

BASELINES = ("local", "fedavg")
"""Always run, because every measure of help and harm refers to them."""


SPECIFICATIONS: dict[str, Callable[[Any], Any]] = {
    "privacy": parse_privacy,
    "robust": parse_rule,
    "attack": parse_attack,
    "lr_schedule": parse_schedule,
}
"""Settings that are texts with settings of their own."""


class Study(BaseModel):
    """A comparison of methods on one federation, over several seeds."""

    model_config = ConfigDict(**FINITE, extra="forbid", frozen=True)

    plugins: Annotated[
        tuple[str, ...], Field(description="modules or files that bring things of one's own")
    ] = ()
    plugin_versions: Annotated[
        dict[str, str], Field(description="of what the study uses of them, when it began")
    ] = {}
    data: Annotated[str, Field(description="data set, or a file or folder")] = "digits"
    data_dir: Annotated[str | None, Field(description="folder with the data files")] = None
    task: Annotated[
        str, Field(description="what is asked: auto, classes, binary, labels, counts, ...")
    ] = AUTO
    positive: Annotated[
        str | None, Field(description="binary: the class that counts as yes; the later name if not")
    ] = None
    loss: Annotated[
        str | None, Field(description="loss of the task, by name; its usual one if not given")
    ] = None
    client_column: Annotated[
        str | None, Field(description="own files: the column that names the client")
    ] = None
    label_column: Annotated[
        str | None, Field(description="own files: the column of labels, or several with commas")
    ] = None
    event_column: Annotated[
        str | None, Field(description="own files: whether the event was seen at the label's time")
    ] = None
    group_column: Annotated[
        str | None, Field(description="own files: the column of the client's true group")
    ] = None
    subject_column: Annotated[
        str | None,
        Field(description="own files: the column whose samples stay in one part, or none"),
    ] = None
    columns: Annotated[
        dict[str, str], Field(description="own tables: kinds of columns, where the rule is wrong")
    ] = {}
    drop: Annotated[tuple[str, ...], Field(description="own tables: columns left out")] = ()
    scale: Annotated[Scale, Field(description="own samples: how features are scaled")] = "auto"
    target_scale: Annotated[
        Literal["standard", "none"],
        Field(description="quantities and counts: whether training sees them on a standard scale"),
    ] = "standard"
    resize: Annotated[
        int | None, Ge(1), Field(description="own pictures: bring them to this height and width")
    ] = None
    layout: Annotated[
        str | None, Field(description="own pictures: what folders stand for, as in class/client")
    ] = None
    channels: Annotated[
        Literal["first", "last"] | None,
        Field(description="own arrays of pictures: where they are"),
    ] = None
    decimal: Annotated[
        Literal[",", "."] | None, Field(description="own text files: the decimal mark")
    ] = None
    checksum: Annotated[str | None, Field(description="of the file, when the study began")] = None
    classes: Annotated[
        tuple[str, ...] | None,
        Field(description="names of the classes of the sites' own samples, in everybody's order"),
    ] = None
    split: Annotated[str, Field(description="how samples are dealt to clients")] = "dirichlet"
    split_settings: Annotated[
        dict[str, int | float | str], Field(description="options of a split of one's own")
    ] = {}
    alpha: Annotated[float | None, Field(description="Dirichlet concentration")] = None
    classes_per_client: Annotated[int | None, Field(description="pathological split")] = None
    shards_per_client: Annotated[int | None, Field(description="shards split")] = None
    law: Annotated[str | None, Field(description="quantity split: lognormal or power")] = None
    sigma: Annotated[float | None, Field(description="quantity split, lognormal")] = None
    exponent: Annotated[float | None, Field(description="quantity split, power law")] = None
    skew: Annotated[
        tuple[SerializeAsAny[Skew], ...],
        BeforeValidator(lambda given: parse_skews(given).skews),
        Field(description="what makes clients unlike on top of the split"),
    ] = ()
    clients: Annotated[
        int | None, Ge(2), Field(description="clients that exist; all natural ones if not given")
    ] = None
    min_size: Annotated[
        int | None, Ge(0), Field(description="the least samples that a client holds")
    ] = None
    new_clients: Annotated[
        float, Ge(0), Lt(1), Field(description="share of the clients that never train")
    ] = 0.2
    validation: Annotated[
        float, Ge(0), Lt(1), Field(description="share of a client's samples for validation")
    ] = 0.1
    test: Annotated[
        float, Gt(0), Lt(1), Field(description="share of a client's samples for testing")
    ] = 0.2
    official_test: Annotated[
        bool, Field(description="judge global models on the data set's own test part")
    ] = False
    model: Annotated[str, Field(description="network; auto picks one for the data")] = "auto"
    buffers: Annotated[
        Literal["recompute", "share", "local"],
        Field(description="what becomes of batch normalisation's running statistics"),
    ] = "recompute"
    methods: Annotated[tuple[str, ...], Field(description="methods to compare")] = ("all",)
    settings: Annotated[
        dict[str, dict[str, Any]], Field(description="hyper-parameters by method")
    ] = {}
    tuning: Annotated[
        Tuning | None,
        BeforeValidator(parse_tuning),
        Field(description="how hyper-parameters are searched; untuned if not given"),
    ] = None
    rounds: Annotated[int, Ge(1), Field(description="rounds of training")] = 50
    cohort: Annotated[
        float,
        Gt(0),
        AfterValidator(check_cohort),
        Field(description="clients in a round: a share up to 1, or a number above 1"),
    ] = 1.0
    local_epochs: local_work.Epochs = 1
    local_steps: local_work.Steps = None
    lr_schedule: local_work.StepSizes = CONSTANT
    local_momentum: local_work.Momentum = None
    slow_clients: local_work.Slow = 0.0
    batch_size: Annotated[int, Ge(1), Field(description="samples in a local step")] = 16
    seeds: Annotated[int, Ge(1), Field(description="repetitions; each deals the data anew")] = 3
    looks: Annotated[
        tuple[Annotated[int, Ge(1)], ...],
        Field(description="seeds there were when results were looked at and seeds were added"),
    ] = ()
    dropout: Annotated[
        float, Ge(0), Lt(1), Field(description="chance that a sampled client never answers")
    ] = 0.0
    weights: Annotated[str, Field(description="what a client counts in averages")] = "proportional"
    sampling: Annotated[
        Literal["A", "I", "II"], Field(description="how a cohort is drawn and weighed")
    ] = "A"
    privacy: Annotated[
        Privacy | None,
        BeforeValidator(parse_privacy),
        Field(description="clipping and noise of what clients send"),
    ] = None
    robust: Annotated[
        Annotated[Rule, PlainSerializer(rule_text)] | None,
        BeforeValidator(parse_rule),
        Field(description="the rule by which the server puts answers together"),
    ] = None
    attack: Annotated[
        Annotated[Attack, PlainSerializer(specification_of)] | None,
        BeforeValidator(parse_attack),
        Field(description="what hostile clients do to their samples or answers"),
    ] = None
    evaluate_every: Annotated[
        int | None, Ge(1), Field(description="rounds between evaluations; about 25 by default")
    ] = None
    keep: Annotated[
        str,
        AfterValidator(keep_words),
        Field(description='models that are kept: "best,last", "best", "last" or "none"'),
    ] = "best,last"
    device: Annotated[Literal["cpu", "cuda", "auto"], Field(description="where to train")] = "cpu"
    chunk: Annotated[int | None, Ge(2), Field(description="clients stacked at once")] = None
    threads: Annotated[int | None, Ge(1), Field(description="threads over chunks")] = None
    compile: Annotated[bool, Field(description="compile the stacked work")] = False
    precision: Annotated[
        Precision, Field(description="of the convolutions and products of clients that train")
    ] = "float32"

    def split_options(self) -> dict[str, Any]:
        """The options of the split that were given."""
        given = {name: getattr(self, name) for name in SPLIT_OPTIONS}
        if self.split.startswith("dirichlet") and self.alpha is None:
            given["alpha"] = 0.1
        known = {name: value for name, value in given.items() if value is not None}
        return {**known, **self.split_settings}

    def labels(self) -> list[str]:
        """The methods to run, in the registry's order, with the baselines that measures need."""
        own = [label for label, given in self.settings.items() if "method" in given]
        known = [*METHODS, *own]
        named: list[str] = []
        for label in self.methods:
            if label == "all":
                named += METHODS
            elif label in known:
                named.append(label)
            else:
                raise unknown("method", label, [*known, "all"])
        wanted = {*named, *BASELINES}
        return [label for label in known if label in wanted]

    def method(self, label: str) -> Method:
        """The method of this label with its settings."""
        given = dict(self.settings.get(label, {}))
        name = given.pop("method", label)
        if name not in METHODS:
            raise unknown("method", str(name), METHODS)
        return with_momentum(build_method(METHODS[name], given, label), self.work)

    @property
    def work(self) -> LocalWork:
        """What clients do in a round."""
        return LocalWork(
            epochs=self.local_epochs,
            steps=self.local_steps,
            schedule=self.lr_schedule,
            momentum=self.local_momentum,
            slow=self.slow_clients,
            rounds=self.rounds,
        )

    def client_count(self) -> int | None:
        """N; None for all that there are by nature."""
        return 20 if self.clients is None and self.split != "natural" else self.clients

    def cohort_size(self, clients: int) -> int:
        """S, out of this many training clients."""
        size = round(self.cohort * clients) if self.cohort <= 1 else round(self.cohort)
        return max(1, min(clients, size))

    def objective(self, sizes: NDArray[np.int64], seed: int) -> Tensor:
        """The share of each client in the objective: training samples [N] -> [N], sums to 1.

        One client, or all put together as one, is the whole of it under every rule.
        """
        if len(sizes) == 1:
            return torch.ones(1, dtype=torch.float64)
        return weighting.objective(self.weights, sizes, seed=seed)

    def evaluated_rounds(self) -> set[int]:
        """The rounds after which everything is measured; always the last, and those of windows.

        Unless the study says how often, the first as well: something is known soon.
        """
        every = self.evaluate_every or max(1, self.rounds // 25)
        first = {1} if self.evaluate_every is None else set()
        windows = [skew.windows for skew in self.skew if isinstance(skew, TemporalSkew)]
        ends = last_rounds(self.rounds, windows[0]) if windows else ()
        return {*first, *range(every, self.rounds + 1, every), self.rounds, *ends}

    def dissimilarity_rounds(self) -> set[int]:
        """Those of `evaluated_rounds` after which clients' gradients are compared as well.

        The first, the last and a few between: it takes about as long as a round of one epoch.
        """
        known = sorted(self.evaluated_rounds())
        chosen = np.linspace(0, len(known) - 1, min(len(known), DISSIMILARITIES))
        return {known[round(place)] for place in chosen}

    def as_toml(self) -> dict[str, Any]:
        """Nested plain values, as a study file has them."""
        unsaid = {"methods", "settings"}
        maybe = ("skew", "columns", "drop", "plugins", "plugin_versions", "split_settings", "looks")
        unsaid |= {name for name in maybe if not getattr(self, name)}
        if self.local_steps is not None:
            unsaid.add("local_epochs")
        if self.scale == "auto":
            unsaid.add("scale")
        if self.target_scale == "standard":
            unsaid.add("target_scale")
        plain = self.model_dump(exclude=unsaid, exclude_none=True)
        if self.skew:
            plain["skew"] = list(plain["skew"])
        if self.tuning is not None:
            plain["tuning"] = self.tuning.model_dump(exclude_defaults=True)
        plain["run"] = list(self.methods)
        if self.settings:
            plain["methods"] = {label: dict(given) for label, given in self.settings.items()}
        return plain

    def as_text(self) -> str:
        """A study file."""
        return tomli_w.dumps(self.as_toml())

    def write(self, path: Path) -> None:
        """Save as a study file.

        Raises:
            UnwritableError: it cannot be.
        """
        write_atomically(path, self.as_text().encode())


def read_study(
    path: Path, overrides: Mapping[str, Any] | None = None, *, as_chosen: bool = True
) -> Study:
    """The study in a TOML file; what is given in `overrides` wins.

    as_chosen: with the settings that a search has chosen; otherwise as before the search.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no study file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The study file {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The study file {path} is not valid TOML: {error}.") from None
    if isinstance(raw.get("methods"), dict):
        raw["settings"] = raw.pop("methods")
    if "run" in raw:
        raw["methods"] = raw.pop("run")
    given = dict(overrides or {})
    if isinstance(raw.get("plugins"), list):
        raw["plugins"] = [beside(path.parent, plugin) for plugin in raw["plugins"]]
        given["plugins"] = [*raw["plugins"], *given.get("plugins", ())]
    data = raw.get("data")
    if isinstance(data, str) and source_named(data) is None and (path.parent / data).exists():
        raw["data"] = str(path.parent / data)
    settings = {label: dict(values) for label, values in raw.get("settings", {}).items()}
    if isinstance(raw.get("tuning"), dict):
        if not as_chosen:
            settings = without_chosen(settings, raw["tuning"].pop("chosen", {}))
        if isinstance(given.get("tuning"), dict):
            given["tuning"] = {**raw["tuning"], **given["tuning"]}
    for label, values in given.pop("settings", {}).items():
        settings.setdefault(label, {}).update(values)
    for one, other in (("local_steps", "local_epochs"), ("local_epochs", "local_steps")):
        if given.get(one) is not None and given.get(other) is None:
            raw.pop(other, None)
    return make_study({**raw, **given, "settings": settings}, source=f"Study file {path}: ")


def make_study(given: Mapping[str, Any], source: str = "") -> Study:
    """A checked study; every problem is one sentence, prefixed by `source`."""
    values: dict[str, Any] = _from_source(source, with_plugins, given)
    values = _from_source(source, _with_defaults, values)
    if isinstance(values.get("methods"), str):
        names = values["methods"].split(",")
        values["methods"] = tuple(name.strip() for name in names if name.strip())
    if isinstance(values.get("split"), str) and ":" in values["split"]:
        values |= _from_source(source, split_and_settings, values)
    if "skew" in values:
        values |= _from_source(source, skews_and_split, values)
    for name, read in SPECIFICATIONS.items():
        if name in values:
            values[name] = _from_source(source, read, values[name])
    try:
        study = Study.model_validate(values)
    except ValidationError as error:
        raise validation_error(error, source, "setting", Study.model_fields) from None
    weighting.parse(study.weights)
    _from_source(source, _check, study)
    labels = study.labels()
    for label in study.settings:
        if label not in METHODS and "method" not in study.settings[label]:
            raise unknown("method", label, METHODS)
    for label in {*labels, *study.settings}:
        study.method(label)
    _from_source(source, partial(_check_search, study, labels), study.tuning)
    return study.model_copy(update=plugin_settings(study))


def _with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    return with_defaults(given, SPLIT_OPTIONS)


def _check(study: Study) -> None:
    if study.task != AUTO:
        task_named(study.task)
    check_privacy(study.privacy, weights=study.weights, sampling=study.sampling)
    check_robust(study.robust, study.privacy)
    check_classes(study.classes, data=study.data)
    check_amount(study.work, epochs_given="local_epochs" in study.model_fields_set)


def _check_search(study: Study, labels: list[str], tuning: Tuning | None) -> None:
    check_tuning(
        tuning,
        labels=labels,
        settings=study.settings,
        validation=study.validation,
        seeds=study.seeds,
    )


def _from_source(source: str, check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except InputError as error:
        raise InputError(f"{source}{error}") from None
