"""Lists of different lengths in one array: which samples each client holds."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Ragged(NamedTuple):
    """N lists of different lengths, one after the other."""

    values: npt.NDArray[np.int64]  # [sum of lengths]
    offsets: npt.NDArray[np.int64]  # [N + 1]: list i is values[offsets[i]:offsets[i + 1]]

    @classmethod
    def of(cls, values: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> "Ragged":
        """Cut `values` into lists of these sizes [N]."""
        return cls(values, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """The lengths of the lists: [N]."""
        return np.diff(self.offsets)

    def sizes_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The lengths of these lists [n], however many others there are."""
        lengths: npt.NDArray[np.int64] = self.offsets[rows + 1] - self.offsets[rows]
        return lengths

    @property
    def owner(self) -> npt.NDArray[np.int64]:
        """The list that each value belongs to: [sum of lengths]."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.sizes)

    def rows(self, i: int) -> npt.NDArray[np.int64]:
        """List i."""
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def of_rows(self, rows: npt.NDArray[np.int64]) -> "Ragged":
        """These lists [n] of them, in this order."""
        if len(rows) == len(self.offsets) - 1 and (rows == np.arange(len(rows))).all():
            return self
        sizes = self.sizes_of(rows)
        start = np.cumsum(sizes) - sizes
        at = np.repeat(self.offsets[rows] - start, sizes) + np.arange(sizes.sum())
        return Ragged.of(self.values[at], sizes)
