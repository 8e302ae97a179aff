"""LG-FedAvg: every client keeps an encoder of its own, and all share the head on top.

Source  Liang et al., 2020, Algorithm 1 (arXiv:2001.01523)
Wire    down s [Q], the head; up delta of s [Q]
Ours    training starts from the common initial weights (the public code starts from a finished
        FedAvg); averages use the study's weights (there plain); a client that never trained trains
        its encoder under the frozen head (the paper averages what all clients' encoders answer;
        that would send every one of them to the newcomer, though they are what a client keeps to
        itself). The reverse, a shared body under private heads, is FedPer; the step is 0.1 (in the
        authors' code 0.05 on MNIST, 0.1 on CIFAR)
Avoid   when clients hold too few samples to fit an encoder of their own, because only the head
        above it learns from everybody; and there is no model for everybody
"""

from dataclasses import dataclass
from typing import ClassVar

from unalike.core import Problem, parts
from unalike.core.partial import JointPartial


@dataclass(frozen=True)
class LGFedAvg(JointPartial):
    name: ClassVar[str] = "lg_fedavg"
    private: parts.PrivateChoice = "encoder"

    def parts(self, problem: Problem) -> parts.PrivateSplit:
        return parts.private(problem, self.private)
