"""Programs that some tests need, where the environment or the path has them."""

import os
import shutil


def found(variable: str, *names: str) -> str | None:
    """A program of the environment or the path."""
    given = os.environ.get(variable)
    return given or next((path for name in names if (path := shutil.which(name))), None)


CHROMIUM = found(
    "CHROMIUM", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"
)
DRIVER = found("CHROMEDRIVER", "chromedriver")
