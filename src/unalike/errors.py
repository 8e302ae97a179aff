"""The errors that a user can mend: one sentence that says what is wrong and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something given by the user cannot be used; the message is one clear sentence."""


class WorkerError(RuntimeError):
    """Processes ended before their runs were done; the message names the runs."""


class DivergedError(ArithmeticError):
    """Training left the finite numbers; the message names the method and the round."""


def unknown(kind: str, given: str, known: Iterable[str]) -> InputError:
    """An error for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names)}."
    return InputError(f"Unknown {kind} {given!r}: {hint}")
