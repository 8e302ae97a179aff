"""A method on trial: its class, what is declared of it, and the clients with which it is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from unalike.core import Method
from unalike.core.local_work import LocalWork
from unalike.core.work_check import with_momentum

from .contract import Contract
from .worlds import SINGLE, STACKED, Outcome, World

USUAL = (12, 1, 30, 7, 20, 5)
"""Training samples of the clients."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Trial:
    """One method in one world; what several laws look at is done once."""

    cls: type[Method]
    contract: Contract = Contract()  # noqa: RUF009
    sizes: tuple[int, ...] = USUAL
    work: LocalWork | None = None  # in place of two epochs
    _known: dict[Any, Any] = field(default_factory=dict)

    def made(self, **settings: Any) -> Method:
        """The method with the settings of its contract."""
        method = self.cls(**{**self.contract.settings, **settings})
        return method if self.work is None else with_momentum(method, self.work)

    def world(self, sizes: tuple[int, ...] | None = None, **options: Any) -> World:
        """The world in which the method is tried; `options` are those of `blobs`."""
        return self.contract.world(self.sizes if sizes is None else sizes, **options)

    def trained(
        self, times: int = 2, *, where: World | None = None, method: Any = None, **options: Any
    ) -> Outcome:
        """A short training with batches of 4."""
        options = {"batch_size": 4, "steps": 2, "work": self.work} | options
        return (where or self.world()).run(method or self.made(), times, **options)

    def usual(self, mode: Literal["stacked", "single"] = "stacked") -> Outcome:
        """Two rounds in the usual world, shared by laws that do not change it."""
        plan = STACKED if mode == "stacked" else SINGLE
        return self._once(("usual", mode), lambda: self.trained(2, plan=plan))

    def usual_personal(self, mode: Literal["stacked", "single"] = "stacked") -> Any:
        """What the clients predict with after it."""
        return self._once(("personal", mode), lambda: self.usual(mode).personal())

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found
