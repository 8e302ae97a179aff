"""How far apart two clients are: one distance a file, of labels, features, or both.

Distances of labels take distributions [..., classes], those of features samples [n, d].
"""

from .coordinates import coordinates
from .gaussian import gaussian_w2, gaussian_w2_each, moments, root
from .hellinger import hellinger
from .jensen_shannon import entropy, jensen_shannon
from .mmd import gaussian_kernel, median_distance, mmd2
from .ordered_labels import ordered_labels
from .otdd import otdd
from .sliced import sliced, sphere
from .total_variation import total_variation
from .transport import transport

__all__ = [
    "coordinates",
    "entropy",
    "gaussian_kernel",
    "gaussian_w2",
    "gaussian_w2_each",
    "hellinger",
    "jensen_shannon",
    "median_distance",
    "mmd2",
    "moments",
    "ordered_labels",
    "otdd",
    "root",
    "sliced",
    "sphere",
    "total_variation",
    "transport",
]
