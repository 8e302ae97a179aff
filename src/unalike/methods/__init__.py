"""The registry: every method by name, in the order in which people are shown them.

A method is one line here, its import.
"""
# ruff: noqa: F401, I001  (the imports are the registry, in its order)

from unalike.core import Method

from .local import Local
from .centralised import Centralised
from .fedavg import FedAvg
from .finetuning import FineTuning
from .fedprox import FedProx
from .scaffold import Scaffold
from .per_fedavg import PerFedAvg
from .pfedme import PFedMe
from .mefl import MEFL
from .uga import UGA
from .fedavgm import FedAvgM
from .fedadagrad import FedAdagrad
from .fedadam import FedAdam
from .fedyogi import FedYogi
from .fednova import FedNova
from .qfedavg import QFedAvg
from .qfedsgd import QFedSGD
from .afl import AFL
from .reptile import Reptile
from .fedper import FedPer
from .lg_fedavg import LGFedAvg
from .fedrep import FedRep
from .fedas import FedAS
from .fedbn import FedBN
from .fedmtl import FedMTL
from .ditto import Ditto
from .apfl import APFL
from .fusedspacefed import FusedSpaceFed
from .cfl import CFL
from .fedem import FedEM
from .ifca import IFCA
from .mocha import MOCHA

METHODS: dict[str, type[Method]] = {
    value.name: value
    for value in list(vars().values())
    if isinstance(value, type) and issubclass(value, Method) and value is not Method
}

__all__ = ["METHODS", *sorted(cls.__name__ for cls in METHODS.values())]
