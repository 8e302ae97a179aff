"""What a package index shows of the README: its links lead somewhere from there too, or are text.

Links into the repository become absolute where `[project.urls]` names a `Source`, under which
files lie as in `Source/blob/main/docs/...`; without one they become their words, and pictures are
left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?!https?:|#|mailto:)(?P<target>[^)]+)\)")
MARK = re.compile(r"<!--.*?-->\n?", re.DOTALL)


class ReadmeHook(MetadataHookInterface):
    """Gives the project its long description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the README into the metadata of the project."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        source = metadata.get("urls", {}).get("Source", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": readme_outside(text, source),
        }


def readme_outside(text: str, source: str) -> str:
    """The README for readers who have not the repository around it.

    source: the repository's address; empty where it has none.
    """

    def link(match: re.Match[str]) -> str:
        picture, words, target = match.group("picture", "words", "target")
        if not source:
            return "" if picture else words
        kind = "raw" if picture else "blob"
        return f"{picture}[{words}]({source.rstrip('/')}/{kind}/main/{target})"

    return LINK.sub(link, MARK.sub("", text))
