"""Robust rules around methods whose server only adds answers up.

    rule               what a rule is: answers and weights in, answers and weights out
    settings           which rule is asked for: none, caps, median, trimmed, krum, ...
    robust_method      the method whose server is given what the rule makes of the answers
    geometry           lengths, distances and inner products of answers
    caps, median, trimmed_mean, krum, geometric_median, clipping, foolsgold
                       one rule a file: source, what it assumes, when it breaks down

Which to take: nothing is free, since an honest client that is unlike the others looks like a
hostile one. `caps` bounds what a client can do and leaves nobody out. `trimmed`, `multi-krum`,
`geometric-median` and `clipping` still average most of the answers; `median` and `krum` go on with
one value of each coordinate or one answer, which suits clients that are alike. `foolsgold` is
against one person under many names and nothing else.
"""

from .robust_method import RobustMethod, with_robust
from .rule import Rule, Weighted
from .settings import RULES, parse_rule, rule_text

__all__ = [
    "RULES",
    "RobustMethod",
    "Rule",
    "Weighted",
    "parse_rule",
    "rule_text",
    "with_robust",
]
