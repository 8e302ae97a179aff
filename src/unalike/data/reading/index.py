"""Series that come beside a data frame: in its order, or brought into it, or refused."""

from __future__ import annotations

from typing import Any

from unalike.errors import InputError


def aligned(values: Any, index: Any, name: str) -> tuple[Any, list[str]]:
    """A series or data frame in the order of another's index, and what must be said.

    Anything without an index stays as it is.

    Raises:
        InputError: the two have different labels, so that nothing says which rows belong together.
    """
    import pandas as pd

    if index is None or not isinstance(values, pd.Series | pd.DataFrame):
        return values, []
    own = values.index
    if own.equals(index):
        return values, []
    if len(own) != len(index):
        raise InputError(
            f"x and {name} must have the same length, but x has {len(index)} rows and {name} "
            f"{len(own)}."
        )
    if own.is_unique and index.is_unique and own.isin(index).all():
        return values.reindex(index), [
            f"The rows of {name} stand in another order than those of x: put in order by their "
            "index."
        ]
    raise InputError(
        f"The index of {name} is not that of x ({own[0]!r} and {index[0]!r} come first), so that "
        f"nothing says which rows belong together: use reset_index(drop=True) on both if their "
        f"order is the same, or give {name}.to_numpy()."
    )
