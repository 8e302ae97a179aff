"""What a diagnosis says: numbers beside what chance gives, and the clients' map."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from unalike.measures.distances import total_variation

from .null import Null

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("label", "quantity", "feature", "concept", "temporal")


@dataclass(frozen=True)
class Measure:
    """A number beside its distribution under shuffled membership."""

    name: str
    value: float
    chance: float  # mean under chance
    low: float  # 2.5 % of the shuffles lie below; NaN where none were drawn
    high: float  # 2.5 % lie above
    p: float
    meaning: str
    decides: bool = False  # whether the verdict on its kind of skew rests on it
    blind_to: str = ""  # where it differs from what is said of its kind of skew
    error: float = math.nan  # standard error of p: how much it changes with other shuffles
    shuffles: int = 0

    @property
    def excess(self) -> float:
        """The value less what chance gives on average."""
        return self.value - self.chance

    @classmethod
    def of(cls, name: str, null: Null, meaning: str, *, decides: bool = False) -> Measure:
        """A measure from its value and shuffles."""
        low, high = np.quantile(null.draws, (0.025, 0.975))
        chance = float(null.draws.mean())
        return cls(
            name,
            null.value,
            chance,
            float(low),
            float(high),
            null.p,
            meaning,
            decides,
            error=null.error,
            shuffles=len(null.draws),
        )


@dataclass(frozen=True)
class Finding:
    """One kind of skew: its measures, whether there is more than chance, what could be missed."""

    kind: str
    measures: tuple[Measure, ...]
    said: str
    blind_to: str
    adjusted: float = math.nan  # p over all kinds together (Holm)
    found: bool = False
    level: float = math.nan  # with which the adjusted p was compared

    @property
    def deciding(self) -> Measure:
        """Of the measures that decide the one of largest p: all of them must agree."""
        return max((m for m in self.measures if m.decides), key=lambda measure: measure.p)

    @property
    def p(self) -> float:
        """The largest p of the measures that decide."""
        return self.deciding.p

    @property
    def repeated(self) -> float:
        """How likely other shuffles are to find the same: 0.5 to 1, p taken for normal."""
        spread = self.deciding.error * self.adjusted / self.p
        if spread == 0 or math.isnan(spread):
            return 1.0
        return float(ndtr(abs(self.adjusted - self.level) / spread))


@dataclass(frozen=True, eq=False)
class Groups:
    """A map of the clients and the groups seen on it."""

    clients: NDArray[np.int64]  # the clients that are on the map
    distances: dict[
        str, NDArray[np.float64]
    ]  # each [clients, clients]; NaN where nothing is shared
    places: NDArray[np.float64]  # [clients, 2]
    group: NDArray[np.int64]  # [clients]
    silhouette: dict[int, Measure]  # for each number of groups that was tried
    p: float  # of the clients' spread: whether they differ at all

    @property
    def count(self) -> int:
        """How many groups the evidence supports."""
        return int(self.group.max()) + 1

    def renumber(self, place: NDArray[np.int64]) -> Groups:
        """The same where client i is the place[i]-th: clients and groups in that order."""
        order = np.argsort(place[self.clients])
        group = self.group[order]
        values, first = np.unique(group, return_index=True)
        number = np.argsort(np.argsort(first))
        return Groups(
            place[self.clients][order],
            {name: d[np.ix_(order, order)] for name, d in self.distances.items()},
            self.places[order],
            number[np.searchsorted(values, group)],
            self.silhouette,
            self.p,
        )


@dataclass(frozen=True)
class Curve:
    """What happens to the clients' drift as they take more local steps from one point."""

    steps: tuple[int, ...]
    drift: tuple[Measure, ...]  # mean length of the clients' displacements
    mean: tuple[Measure, ...]  # length of their mean displacement


@dataclass(frozen=True)
class Optimisation:
    """How a small convex model sees the clients: where they pull, and what that costs."""

    measures: tuple[Measure, ...]
    curves: dict[str, Curve]  # by the point they start from: "start", "optimum"
    said: str
    settings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """How unlike clients are, in which way, and how sure that is."""

    names: tuple[str, ...]  # N clients
    counts: NDArray[np.int64]  # samples, clients by classes
    labels: tuple[str, ...]  # the names of the classes
    findings: tuple[Finding, ...]  # one for each kind of skew
    groups: Groups  # of clients that are alike
    optimisation: Optimisation | None  # None where it was not asked for, or has no meaning
    remarks: tuple[str, ...]  # what must be said aloud
    settings: dict[str, Any]  # of the diagnosis

    def __getitem__(self, kind: str) -> Finding:
        """The finding on one kind of skew."""
        return {finding.kind: finding for finding in self.findings}[kind]

    @property
    def found(self) -> tuple[str, ...]:
        """The kinds of skew that are more than chance."""
        return tuple(finding.kind for finding in self.findings if finding.found)

    @property
    def headline(self) -> str:
        """One sentence."""
        if not self.found:
            return "These clients differ no more than chance would have it."
        kinds = " and ".join([", ".join(self.found[:-1]), self.found[-1]][len(self.found) < 2 :])
        groups = f", in {self.groups.count} groups" if self.groups.count > 1 else ""
        return f"These clients are unlike by {kinds} skew{groups}."

    def table(self) -> pd.DataFrame:
        """One row a measure; `found` is said of kinds of skew only."""
        import pandas as pd

        listed: list[tuple[str, bool | None, Measure]] = [
            (finding.kind, finding.found, measure)
            for finding in self.findings
            for measure in finding.measures
        ]
        if self.optimisation is not None:
            listed += [("optimisation", None, measure) for measure in self.optimisation.measures]
        rows = [
            {
                "kind": kind,
                "measure": measure.name,
                "value": measure.value,
                "chance": measure.chance,
                "excess": measure.excess,
                "p": measure.p,
                "decides": measure.decides,
                "found": found,
            }
            for kind, found, measure in listed
        ]
        return pd.DataFrame(rows)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a number of a client: client, metric, value."""
        import pandas as pd

        sizes = self.counts.sum(1)
        share = self.counts / sizes[:, None]
        everybody = self.counts.sum(0) / sizes.sum()
        columns = {
            "samples": sizes,
            **{f"class {label}": self.counts[:, k] for k, label in enumerate(self.labels)},
            "total variation": total_variation(share, everybody),
        }
        listed = [
            (name, metric, float(value))
            for metric, values in columns.items()
            for name, value in zip(self.names, values, strict=True)
        ]
        for row, i in enumerate(self.groups.clients):
            first, second = self.groups.places[row]
            group = self.groups.group[row] + 1
            place = {"group": group, "first direction": first, "second direction": second}
            listed += [(self.names[i], metric, float(value)) for metric, value in place.items()]
        return pd.DataFrame(listed, columns=["client", "metric", "value"])

    def to_json(self) -> str:
        """Everything, as JSON; what does not exist is null."""
        groups = self.groups
        whole = {
            "headline": self.headline,
            "found": self.found,
            "settings": self.settings,
            "remarks": self.remarks,
            "clients": self.names,
            "classes": self.labels,
            "counts": self.counts.tolist(),
            "findings": [
                {
                    **asdict(finding),
                    "p": finding.p,
                    "repeated": finding.repeated,
                    "measures": [{**asdict(m), "excess": m.excess} for m in finding.measures],
                }
                for finding in self.findings
            ],
            "groups": {
                "count": groups.count,
                "p": groups.p,
                "silhouette": {str(k): asdict(m) for k, m in groups.silhouette.items()},
                "clients": [self.names[i] for i in groups.clients],
                "group": groups.group.tolist(),
                "places": groups.places.tolist(),
                "distances": {name: d.tolist() for name, d in groups.distances.items()},
            },
            "optimisation": None if self.optimisation is None else asdict(self.optimisation),
        }
        return json.dumps(_finite(whole), indent=1, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
