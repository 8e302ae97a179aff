"""What an attack is: what hostile clients do to their training samples, and to their answers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from unalike.data.federation import Federation
from unalike.functional.trees import map_tree

Flags = npt.NDArray[np.bool_]


class Attack(BaseModel):
    """An attack with its settings.

    Hostile clients train as their method says and keep their private states as honest ones do.
    Nobody's validation or test samples are ever changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: ClassVar[str]  # what hostile clients do
    omniscient: ClassVar[bool] = False  # whether they see the answers of honest clients

    kind: str
    share: Annotated[
        float, Field(gt=0, lt=1, description="of the training clients, that are hostile")
    ] = 0.2

    def samples(self, federation: Federation, hostile: Flags, *, seed: int) -> Federation:
        """The federation in which the hostile clients [N] hold other training samples.

        Raises:
            InputError: the samples are of a kind that this attack cannot change.
        """
        return federation

    def answers(self, ups: Any, hostile: Tensor, keys: Tensor) -> Any:
        """What the server is sent: leaves [S, ...], of which the rows of `hostile` [S] are others.

        keys: [S] int64, each client's random stream in this round.
        """
        return ups


def replaced(ups: Any, hostile: Tensor, own: Any) -> Any:
    """Answers [S, ...] whose rows of `hostile` [S] are those of `own` [hostile ones, ...]."""

    def of_leaf(leaf: Tensor, sent: Tensor) -> Tensor:
        changed = leaf.clone()
        changed[hostile] = sent
        return changed

    return map_tree(of_leaf, ups, own)
