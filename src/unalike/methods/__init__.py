"""The registry: one file per method, and what its header and its settings say."""

from unalike.core import Method

from .afl import AFL
from .apfl import APFL
from .centralised import Centralised
from .cfl import CFL
from .ditto import Ditto
from .fedadagrad import FedAdagrad
from .fedadam import FedAdam
from .fedas import FedAS
from .fedavg import FedAvg
from .fedavgm import FedAvgM
from .fedbn import FedBN
from .fedem import FedEM
from .fedmtl import FedMTL
from .fednova import FedNova
from .fedper import FedPer
from .fedprox import FedProx
from .fedrep import FedRep
from .fedyogi import FedYogi
from .finetuning import FineTuning
from .fusedspacefed import FusedSpaceFed
from .ifca import IFCA
from .lg_fedavg import LGFedAvg
from .local import Local
from .mefl import MEFL
from .mocha import MOCHA
from .per_fedavg import PerFedAvg
from .pfedme import PFedMe
from .qfedavg import QFedAvg
from .qfedsgd import QFedSGD
from .reptile import Reptile
from .scaffold import Scaffold
from .uga import UGA

METHODS: dict[str, type[Method]] = {
    cls.name: cls
    for cls in (
        Local,
        Centralised,
        FedAvg,
        FineTuning,
        FedProx,
        Scaffold,
        PerFedAvg,
        PFedMe,
        MEFL,
        UGA,
        FedAvgM,
        FedAdagrad,
        FedAdam,
        FedYogi,
        FedNova,
        QFedAvg,
        QFedSGD,
        AFL,
        Reptile,
        FedPer,
        LGFedAvg,
        FedRep,
        FedAS,
        FedBN,
        FedMTL,
        Ditto,
        APFL,
        FusedSpaceFed,
        CFL,
        FedEM,
        IFCA,
        MOCHA,
    )
}

__all__ = ["METHODS", *sorted(cls.__name__ for cls in METHODS.values())]
