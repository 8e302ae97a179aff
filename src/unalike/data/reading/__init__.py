"""Whatever people bring, read into a `Dataset`: files, folders, data frames, arrays."""

from .read import read

__all__ = ["read"]
