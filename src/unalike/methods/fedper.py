"""FedPer: a shared body learns features, and every client keeps a head of its own.

Source  Arivazhagan et al., 2019, Algorithms 1 and 2 (arXiv:1912.00818)
Wire    down s [Q], the shared part; up delta of s [Q]
Ours    all heads start alike; body and head have one learning rate; a client that never trained
        trains its head with the body frozen, for adapt_epochs; the step of 0.1 is a default of ours
Avoid   when clients hold too few labelled samples to fit a head of their own, or when one model
        must serve everybody, because there is none
"""

from dataclasses import dataclass
from typing import ClassVar

from unalike.core import Problem, parts
from unalike.core.partial import JointPartial


@dataclass(frozen=True)
class FedPer(JointPartial):
    name: ClassVar[str] = "fedper"
    private: parts.PrivateChoice = "head"

    def parts(self, problem: Problem) -> parts.PrivateSplit:
        return parts.private(problem, self.private)
