"""What a split is: a skew by name, with its options and what they mean."""

from collections.abc import Callable
from dataclasses import dataclass

from unalike.errors import InputError

from .dealing import Indices


@dataclass(frozen=True)
class Option:
    """A number or word that shapes a skew; its type is that of its default."""

    name: str
    default: int | float | str
    meaning: str

    def checked(self, value: object) -> int | float | str:
        """The value in the option's own type.

        Raises:
            InputError: it is of another type.
        """
        kind = type(self.default)
        fitting = (int, float) if kind is float else kind
        if isinstance(value, bool) or not isinstance(value, fitting):
            noun = {int: "a whole number", float: "a number", str: "a word"}[kind]
            raise InputError(f"{self.name} must be {noun}, not {value!r}.")
        return kind(value)


@dataclass(frozen=True)
class Split:
    """A way to deal samples to clients.

    `function(labels, clients, rng, *, min_size, **options)` gives one index list a client; the
    natural split takes the column `client` besides, and no number of clients if none is given.
    """

    name: str
    meaning: str
    function: Callable[..., list[Indices]]
    options: tuple[Option, ...] = ()
    natural: bool = False
