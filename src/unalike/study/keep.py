"""The setting `keep`: which of a run's models stay when it is over."""

from __future__ import annotations

BEST, LAST, SHARED, NONE = "best", "last", "shared", "none"
"""After the chosen round; after the last; only what clients have in common; nothing."""
WHEN = (BEST, LAST)


def keep_words(text: str) -> str:
    """The setting `keep`, its words in order.

    Raises:
        ValueError: it is none of what there is.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = [word for word in (BEST, LAST, SHARED) if word in words]
    if words == [NONE]:
        return NONE
    if len(known) != len(words) or not set(words) & set(WHEN):
        raise ValueError('give "best,last", "best", "last" or "none"')
    return ",".join(known)
