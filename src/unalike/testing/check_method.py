"""Whether a method keeps the laws: all of them at once, or one a test of pytest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from unalike.core import Method
from unalike.errors import InputError
from unalike.plugins.method_class import check_method_class

from . import edge_laws, laws
from .contract import Contract
from .trial import USUAL, Trial

LAWS: tuple[Callable[..., None], ...] = (
    laws.stacked_is_one_by_one,
    laws.chunks_and_threads_change_no_bit,
    laws.bytes_in_between_change_no_bit,
    laws.the_same_seed_is_the_same_run_and_touches_no_other_randomness,
    laws.inputs_are_left_alone,
    laws.the_order_of_the_answers_is_irrelevant,
    edge_laws.padding_has_no_effect,
    edge_laws.a_client_does_not_feel_how_much_others_hold,
    laws.stopped_and_continued_is_never_stopped,
    laws.what_travels_is_what_is_declared,
    laws.no_private_number_is_sent,
    edge_laws.edges,
    edge_laws.one_class_only,
    edge_laws.a_client_with_numbers_that_are_not_finite_is_rejected,
    laws.the_absent_keep_their_state,
    laws.settings_are_a_value,
    edge_laws.clients_that_never_trained,
    edge_laws.the_global_model_and_the_displacement,
    edge_laws.every_choice_runs,
    laws.a_server_that_only_adds_up_needs_sums_alone,
    laws.where_all_agree_nothing_moves,
)

SMALLER = ((3,), (2, 1), (3, 1, 2))
"""Clients of the worlds in which a failure is looked for again, the smallest first."""


@dataclass(frozen=True)
class Law:
    """A law for one method, in one case."""

    law: Callable[..., None]
    case: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """In words."""
        words = self.law.__name__.replace("_", " ")
        return f"{words} ({', '.join(map(str, self.case))})" if self.case else words

    def check(self, trial: Trial) -> None:
        """Raise AssertionError where the method breaks it."""
        self.law(trial, *self.case)


class MethodError(AssertionError):
    """A method breaks laws; the message says which, and the smallest clients that show it."""


def laws_for(cls: type[Method]) -> list[Law]:
    """Every law in every case that there is for this method."""
    cases: dict[Callable[..., None], list[tuple[Any, ...]]] = {
        laws.chunks_and_threads_change_no_bit: [("stacked",), ("single",)],
        edge_laws.edges: [(edge,) for edge in edge_laws.EDGES],
        edge_laws.every_choice_runs: list(edge_laws.choices(cls)),
    }
    return [Law(law, case) for law in LAWS for case in cases.get(law, [()])]


def check_method(cls: type[Method], contract: Contract = Contract()) -> None:  # noqa: B008
    """Try a method in small worlds and say which of the laws of all methods it breaks.

        >>> from unalike.methods import FedAvg
        >>> check_method(FedAvg, Contract(down=1, up=1))

    Args:
        cls: the class of the method.
        contract: how many numbers it sends, and in which world, with which settings it is tried.

    Raises:
        MethodError: it breaks some; each is named with the smallest clients that show it.
        InputError: the class is no method, or lacks something that every method has.
    """
    check_method_class(cls)
    trial = Trial(cls, contract)
    broken = [text for law in laws_for(cls) if (text := broken_law(law, trial)) is not None]
    if broken:
        lines = "".join(f"\n- {text}" for text in broken)
        raise MethodError(
            f"{cls.__name__} breaks {len(broken)} of {len(laws_for(cls))} laws:{lines}"
        )


def broken_law(law: Law, trial: Trial) -> str | None:
    """What shows that a law is broken; None where it holds."""
    why = _failure(law, trial)
    if why is None:
        return None
    for sizes in SMALLER:
        smaller = _failure(law, replace(trial, sizes=sizes, _known={}))
        if smaller is not None and law.law is not edge_laws.edges:
            return f"{law.name}: {smaller} [clients of {_listed(sizes)} samples]"
    return f"{law.name}: {why} [clients of {_listed(USUAL)} samples]"


def _failure(law: Law, trial: Trial) -> str | None:
    try:
        law.check(trial)
    except InputError:
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or "it does not hold"
        kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        return f"{kind}{text[:300]}"
    return None


def _listed(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes))


def method_laws(cls: type[Method], contract: Contract = Contract()) -> Any:  # noqa: B008
    """A mark of pytest that gives a test each law in turn, as `law`.

    @method_laws(MyMethod, Contract(down=1, up=1))
    def test_law(law):
        law()
    """
    import pytest

    trial = Trial(check_method_class(cls), contract)

    def checked(law: Law) -> Callable[[], None]:
        def check() -> None:
            if (text := broken_law(law, trial)) is not None:
                raise MethodError(text)

        return check

    known = laws_for(cls)
    names = [law.name for law in known]
    return pytest.mark.parametrize("law", list(map(checked, known)), ids=names)
