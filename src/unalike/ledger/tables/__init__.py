"""The published tables, one file each."""

from . import (
    fair_fashion,
    fcube,
    fed_heart,
    fedem_synthetic,
    fedprox_synthetic,
    fedrep_linear,
    fusedspacefed,
    ifca_linear,
    mnist_2nn,
    per_fedavg_mnist,
    pfedme_mnist,
    scaffold_quadratics,
)

TABLES = {
    module.TABLE.name: module.TABLE
    for module in (
        fed_heart,
        scaffold_quadratics,
        fedrep_linear,
        ifca_linear,
        fedem_synthetic,
        fcube,
        fedprox_synthetic,
        fair_fashion,
        mnist_2nn,
        pfedme_mnist,
        per_fedavg_mnist,
        fusedspacefed,
    )
}
"""Every entry by name, the cheap ones first."""
