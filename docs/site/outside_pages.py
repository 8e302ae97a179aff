"""Pages from files outside `docs`: the readme, the changelog, and whatever source a page links to.

A link that works on GitHub works on the site too: a file outside `docs` that some page links to is
a page of its own here, with the file's text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Pages that lie beside `docs`, and where they are on the site."""
LINK = re.compile(r"(?P<text>\]\()(?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")
LANGUAGES = {".py": "python", ".toml": "toml", ".md": "markdown", ".txt": "text"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere."""
    for path, uri in PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / path).read_text("utf-8")))
    for page in list(files.documentation_pages()):
        for link in LINK.finditer(page.content_string):
            path = _path(page.src_uri, link["target"])
            uri = site_uri(path)
            new = uri.startswith("source/") and files.get_file_from_path(uri) is None
            if new and (ROOT / path).is_file():
                files.append(File.generated(config, uri, content=_source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to the place that a file has on the site."""
    here = page.file.src_uri

    def moved(link: re.Match[str]) -> str:
        uri = site_uri(_path(here, link["target"]))
        target = posixpath.relpath(uri, posixpath.dirname(here) or ".")
        return f"{link['text']}{target}{link['anchor'] or ''})"

    return LINK.sub(moved, markdown)


def site_uri(path: str) -> str:
    """Where on the site a file of the repository is, by its path there."""
    file = PurePosixPath(path)
    if path in PAGES:
        return PAGES[path]
    if path.startswith("src/unalike/methods/"):
        name = "index" if file.stem == "__init__" else file.stem
        return f"methods/{name}.md"
    if file.parts[:1] != ("docs",):
        return f"source/{path}.md"
    inside = str(file.relative_to("docs"))
    return str(PurePosixPath(inside).with_suffix(".md")) if file.suffix == ".ipynb" else inside


def _path(uri: str, target: str) -> str:
    """The path in the repository to which a page's link leads."""
    origins = {uri: path for path, uri in PAGES.items()}
    here = origins.get(uri, f"docs/{uri}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(here), target))


def _source_page(path: str) -> str:
    language = LANGUAGES.get(PurePosixPath(path).suffix, "text")
    text = (ROOT / path).read_text("utf-8")
    head = "---\nsearch:\n  exclude: true\nhide: [toc]\n---\n"
    return f"{head}# `{path}`\n\n``````{language}\n{text}``````\n"
