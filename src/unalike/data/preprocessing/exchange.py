"""Questions and answers, until something is fitted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Query = TypeVar("Query")
Answers = TypeVar("Answers")
Fitted = TypeVar("Fitted")


def exchange(fit: Generator[Query, Answers, Fitted], answers: Callable[[Query], Answers]) -> Fitted:
    """What a fit returns once each of its questions has the answers of all clients."""
    try:
        query = next(fit)
        while True:
            query = fit.send(answers(query))
    except StopIteration as done:
        return done.value
