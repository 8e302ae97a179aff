"""Quality of improvement: what a personal model adds to the better of two simple ones.

    QoI_i = A_personal,i - max(A_global,i, A_local,i),  all on client i's own test samples

Where less is better, as of errors, it is min(E_global,i, E_local,i) - E_personal,i.

Source  Divi et al., 2021 (arXiv:2107.13173)
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def quality_of_improvement(
    personal: Floats, shared: Floats, local: Floats, *, higher_is_better: bool = True
) -> Floats:
    """QoI [N] from scores [N]; `shared` is the FedAvg model, `local` the client's own."""
    if not higher_is_better:
        return np.minimum(shared, local) - personal
    return personal - np.maximum(shared, local)
