"""The options of the server app: each is said once, here.

The fields of `ServerSettings` are the keys of Flower's run config and have its types; what a run
config leaves out has the default. `HELP` says what each means, also to the commands that offer it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from unalike.errors import InputError


def _option(default: Any, description: str) -> Any:
    return field(default=default, metadata={"help": description})


@dataclass(frozen=True)
class ServerSettings:
    """How the server deals with sites, and what it asks them for."""

    study: str = _option("", "Folder of the study, made by `server.study.prepare`.")
    least: int = _option(0, "Sites without whose answers no round counts.")  # 0: all
    deadline: float = _option(600.0, "Seconds that a site has for an answer.")
    patience: float = _option(86_400.0, "Seconds to wait for the least number of sites.")
    grace: float = _option(60.0, "Seconds to wait for all sites before beginning with the least.")
    poll: float = _option(0.5, "Seconds between two looks for answers.")
    max_norm_ratio: float = _option(
        8.0,
        "An answer longer than this many times the median answer is not used (more for a site of "
        "many samples or little weight, and where only three can be compared); 0: all are.",
    )
    max_size_ratio: float = _option(
        10.0,
        "A site weighs at most as if it had this many times the samples of the median of the "
        "others; 0: as it says.",
    )
    baselines: bool = _option(True, "Also run Local and FedAvg, against which harm is measured.")
    keys: str = _option(
        "",
        "JSON, name -> node, or a file that holds it and may change: only these sites may join, "
        "each through its own node.",
    )
    diagnose: bool = _option(
        False,
        "Train nothing: ask for summaries of the samples and say how unlike the sites are.",
    )
    noise: float = _option(0.0, "Of a diagnosis: epsilon of the noise that sites add.")  # 0: none
    label: int = _option(
        -1, "Of a diagnosis, where samples have many labels: the one to look at."
    )  # -1: none
    events: str = _option("", "File to which a line of JSON is added for each event.")

    @staticmethod
    def of(run_config: Mapping[str, Any]) -> ServerSettings:
        """From Flower's run config, whose other keys are not looked at.

        Raises:
            InputError: a value has another type.
        """
        values = {}
        for known in fields(ServerSettings):
            if known.name in run_config:
                kind: type = type(getattr(ServerSettings, known.name))
                try:
                    values[known.name] = kind(run_config[known.name])
                except (TypeError, ValueError):
                    raise InputError(
                        f"The run config's {known.name} = {run_config[known.name]!r} is no "
                        f"{kind.__name__}."
                    ) from None
        settings = ServerSettings(**values)
        settings.check()
        return settings

    def check(self) -> None:
        """Raise InputError where one of them means nothing."""
        for name in ("deadline", "poll"):
            check_seconds(name, getattr(self, name))
        for name in ("patience", "grace"):
            check_seconds(name, getattr(self, name), at_once=True)
        if self.least < 0:
            raise InputError(f"least = {self.least}: give a number of sites, or 0 for all of them.")
        for name in ("max_norm_ratio", "max_size_ratio"):
            ratio = getattr(self, name)
            if ratio != 0 and not 1 < ratio < math.inf:
                raise InputError(f"{name} = {ratio:g}: give a number above 1, or 0 for no limit.")
        if self.noise != 0 and not 0 < self.noise < math.inf:
            raise InputError(f"noise = {self.noise:g}: give an epsilon above 0, or 0 for none.")

    def node_ids(self) -> dict[str, int]:
        """Name -> node of the sites that may join now; empty where all may."""
        written = self.keys or "{}"
        if not written.lstrip().startswith("{"):
            written = Path(written).read_text("utf-8")
        return {name: int(node) for name, node in json.loads(written).items()}


def check_seconds(name: str, seconds: float, *, at_once: bool = False) -> None:
    """Raise InputError where these are no seconds that a clock can count.

    at_once: whether there may be none.
    """
    if not (0 < seconds < math.inf or (at_once and seconds == 0)):
        least = "from 0 on" if at_once else "above 0"
        raise InputError(f"{name} = {seconds:g}: give a number of seconds {least}.")


HELP: dict[str, str] = {known.name: known.metadata["help"] for known in fields(ServerSettings)}
"""What each option means."""
