"""Attacks as part of a study: some clients are hostile, and everybody else is measured.

    attack         what an attack is: other training samples, other answers, or both
    settings       which attack is asked for: sign-flip, noise, label-flip, backdoor, ...
    hostile        who is hostile, drawn by name and kept in the truth; what their answers become
    own_answers    sign flips, scaling, noise
    own_samples    label flips, a backdoor by a patch
    omniscient     a little is enough, inner-product manipulation

Only answers and training samples are attacked. A site that claims samples it has not, or sends what
is no answer at all, is a matter of the network.
"""

from .attack import Attack
from .hostile import HostileAnswers, hostile_clients, hostile_in, with_attack
from .own_samples import Backdoor
from .settings import ATTACKS, parse_attack

__all__ = [
    "ATTACKS",
    "Attack",
    "Backdoor",
    "HostileAnswers",
    "hostile_clients",
    "hostile_in",
    "parse_attack",
    "with_attack",
]
