"""FedBN: every client keeps its normalisation layers, and all share the rest.

Source  Li et al., ICLR 2021, Algorithm 1 (arXiv:2102.07623)
Wire    down s [Q], all but the normalisation layers; up delta of s [Q]
Ours    layers are found by their type, not by their name; other normalisations than batch
        normalisation are kept only where `kinds` says so; averages use the study's weights (the
        paper's are plain); running statistics follow the problem's policy for buffers, and stay
        with their layers under `share` and `local`, as in the paper; a client that never trained
        trains its layers with the rest frozen; the step is 0.1 (in the authors' code 0.01)
Avoid   when the model has no normalisation of the chosen kinds, because it is FedAvg then, or
        when clients differ in their labels and not in how samples look
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from unalike.core import Problem, parts
from unalike.core.partial import JointPartial


@dataclass(frozen=True)
class FedBN(JointPartial):
    name: ClassVar[str] = "fedbn"
    kinds: Annotated[
        str, "normalisation layers that the client keeps: any of batch, group, instance, layer"
    ] = "batch"

    def parts(self, problem: Problem) -> parts.PrivateSplit:
        return parts.private_normalisation(problem, self.kinds)
