"""Plant the bugs of `tests/mutations/*.toml`, one at a time, and see whether a test notices.

    python tests/mutate.py [METHOD ...]

Each bug is planted in a copy of the package outside the working tree; the method's own test file
runs there (or the files of its `suite`). Exit code 1 where a bug was missed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from unalike.testing import PlantedBug

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
MUTATIONS = ROOT / "tests" / "mutations"


@dataclass(frozen=True)
class Bug(PlantedBug):
    """A replacement in one file, relative to the root, and the tests that must fail for it."""

    name: str  # the file of planted bugs, most often a method
    suite: tuple[str, ...]  # test files, relative to the root


def bugs(name: str) -> list[Bug]:
    """The bugs of `tests/mutations/<name>.toml`."""
    text = (MUTATIONS / f"{name}.toml").read_text()
    listed = tomllib.loads(text)
    usual = listed.get("suite", f"tests/methods/test_{name}.py")
    found = []
    for bug in listed["bug"]:
        suite = bug.get("suite", usual)
        found.append(
            Bug(
                bug["what"],
                bug.get("file", listed.get("file", "")),
                bug["old"],
                bug["new"],
                name,
                (suite,) if isinstance(suite, str) else tuple(suite),
            )
        )
    return found


def names() -> list[str]:
    """Everything that has planted bugs."""
    return sorted(path.stem for path in MUTATIONS.glob("*.toml"))


def caught(bug: Bug) -> bool:
    """Whether the tests fail with the bug in place (and not because they cannot be collected)."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("src", "tests"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, copy / part, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", copy)
        target = copy / bug.file
        target.write_text(bug.planted(target.read_text()))
        path = f"{copy / 'src'}{os.pathsep}{copy / 'tests'}"
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *bug.suite]
        run = subprocess.run(
            command,
            cwd=copy,
            env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if run.returncode not in (0, 1):
        raise RuntimeError(f"{bug.name}: {bug.what}: the tests could not run\n{run.stdout}")
    return run.returncode == 1


def main(wanted: list[str]) -> int:
    """Report on these methods, or on all: the number of bugs missed, at most 1."""
    missed = 0
    for name in wanted or names():
        for bug in bugs(name):
            noticed = caught(bug)
            missed += not noticed
            print(f"{'caught' if noticed else 'MISSED'}  {name}: {bug.what}", flush=True)
    print(f"{missed} missed")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
