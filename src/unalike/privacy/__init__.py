"""Differential privacy around methods whose server only adds answers up.

    settings         what is asked for: kind, clip, noise, delta
    private_method   a client clips its answer, and with `local` adds noise to it
    release          with `central` the server sees a noisy sum of the answers, and nothing else
    accountant       what the rounds so far have spent: epsilon at delta
    secret           what the noise of a networked study depends on besides the seed

A client's answer is one vector: all numbers of all leaves of what its method sends, one behind the
other. C bounds its L2 norm.

Source  McMahan et al., ICLR 2018, DP-FedAvg (arXiv:1710.06963), flat clipping and the estimator
        with a fixed denominator
"""

from typing import TYPE_CHECKING

from unalike.lazy_names import names_from

if TYPE_CHECKING:
    from .accountant import Account, Ledger, gaussian_epsilon, precision, require_accountant
    from .private_method import with_privacy
    from .release import Release
    from .secret import read_secret, secret_of_run
    from .settings import Privacy, parse_privacy

__getattr__ = names_from(
    __name__,
    {
        "Account": "accountant",
        "Ledger": "accountant",
        "Privacy": "settings",
        "Release": "release",
        "gaussian_epsilon": "accountant",
        "parse_privacy": "settings",
        "precision": "accountant",
        "read_secret": "secret",
        "require_accountant": "accountant",
        "secret_of_run": "secret",
        "with_privacy": "private_method",
    },
)

__all__ = [
    "Account",
    "Ledger",
    "Privacy",
    "Release",
    "gaussian_epsilon",
    "parse_privacy",
    "precision",
    "read_secret",
    "require_accountant",
    "secret_of_run",
    "with_privacy",
]
