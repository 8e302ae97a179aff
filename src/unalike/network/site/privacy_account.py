"""What the answers of a site have told so far, counted by the site itself, whatever a server says.

    told.json    in the state folder, written before an answer leaves

Every answer with numbers counts in full, of every study, method and seed that was answered from the
folder: that a cohort was drawn, or how many rounds there will be, only the server could know. The
very same answer, sent again, tells nothing new.
"""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from unalike.errors import InputError
from unalike.privacy import Privacy, precision
from unalike.study.files import write_atomically

from .policy import Policy

FILE = "told.json"


class Told(BaseModel):
    """Answers so far."""

    model_config = ConfigDict(extra="forbid")

    noisy: int = 0  # answers with noise of the site's own
    precisions: float = 0.0  # added up over these, see `unalike.privacy.precision`
    plain: int = 0  # answers without

    def after(self, privacy: Privacy | None) -> Told:
        """With one answer more."""
        if privacy is None or privacy.kind != "local" or privacy.noise == 0:
            return self.model_copy(update={"plain": self.plain + 1})
        more = {"noisy": self.noisy + 1, "precisions": self.precisions + precision(privacy)}
        return self.model_copy(update=more)

    @property
    def total(self) -> float:
        """Precision of all answers together: infinite where one had no noise."""
        return math.inf if self.plain else self.precisions


class PrivacyAccount:
    """Keeps count in a site's state folder, and stops at what its policy allows."""

    def __init__(self, folder: Path, policy: Policy | None) -> None:
        self._path, self._policy = folder / FILE, policy

    def charge(self, privacy: Privacy | None) -> None:
        """Count an answer that is about to leave.

        Raises:
            InputError: the policy does not allow it, or what was told before cannot be read.
        """
        told = self.read().after(privacy)
        if self._policy is not None:
            self._policy.check_told(told.total, told.noisy + told.plain)
        write_atomically(self._path, told.model_dump_json().encode())

    def read(self) -> Told:
        """What was told so far.

        Raises:
            InputError: it cannot be read, and is not counted anew from nothing.
        """
        try:
            return Told.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return Told()
        except (OSError, ValidationError):
            raise InputError(
                f"{self._path} says what this site has told so far, and cannot be read: bring back "
                "a copy, or join with another --state, where counting begins anew."
            ) from None
