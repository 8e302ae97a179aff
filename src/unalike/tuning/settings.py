"""How hyper-parameters are searched: the table [tuning] of a study, and what it has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from unalike.errors import InputError, unknown
from unalike.functional.settings_types import FINITE

from .samplers import SAMPLERS, require_sampler

MOST_TRIALS = 1000


def _known_sampler(name: str) -> str:
    if name not in SAMPLERS:
        raise ValueError(f"{unknown('sampler', name, SAMPLERS)}".rstrip("."))
    return name


class Tuning(BaseModel):
    """The search, the same for every method of a study."""

    model_config = ConfigDict(**FINITE, extra="forbid", frozen=True)

    trials: Annotated[
        int, Ge(1), Le(MOST_TRIALS), Field(description="settings that are tried of each method")
    ]
    sampler: Annotated[
        str,
        AfterValidator(_known_sampler),
        Field(description="how settings are proposed: sobol, or Optuna's tpe or random"),
    ] = "sobol"
    seeds: Annotated[int, Ge(1), Field(description="runs of each trial; scores are averaged")] = 1
    ranges: Annotated[
        dict[str, dict[str, tuple[float, float]]],
        Field(description="what is searched, by method and name, in place of the method's ranges"),
    ] = {}
    chosen: Annotated[
        dict[str, dict[str, Any]] | None,
        Field(description="what the search has chosen, once it is done; part of the settings"),
    ] = None

    @property
    def done(self) -> bool:
        """Whether the settings of the study are what the search has chosen."""
        return self.chosen is not None


def parse_tuning(given: Any) -> Any:
    """The search as people write it: a number of trials, or a table.

    Raises:
        InputError: the number of trials is not said, or a package is missing.
    """
    if given is None or isinstance(given, Tuning):
        return given
    values = dict(given) if isinstance(given, Mapping) else {"trials": given}
    trials = values.get("trials")
    if trials is None or isinstance(trials, bool):
        raise InputError(
            "say how many settings are tried of each method, as in --tune 16, or trials = 16 "
            "under [tuning]"
        )
    if isinstance(trials, int) and trials < 1:
        raise InputError(f"{trials} trials try nothing; give --tune at least 1, such as 16")
    if values.get("chosen") is None:
        require_sampler(str(values.get("sampler", "sobol")))
    return values
