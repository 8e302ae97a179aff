"""One page a method, from its header, its code and its proofs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
sys.path[:0] = [path for path in (str(ROOT / "src"), str(ROOT / "tests")) if path not in sys.path]

from conformance import CONTRACT, FAMILIES, contract, proofs  # noqa: E402
from mutate import MUTATIONS, bugs  # noqa: E402
from unalike.methods import METHODS  # noqa: E402
from unalike.methods.header import Header, header  # noqa: E402


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the methods' pages into the navigation, in the registry's order."""
    for section in config.nav or []:
        for pages in section.values():
            if isinstance(pages, list) and pages[:1] == ["methods/index.md"]:
                pages += [
                    {header(cls).title: f"methods/{name}.md"} for name, cls in METHODS.items()
                ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the methods' pages."""
    files.append(File.generated(config, "methods/index.md", content=index_page()))
    for name in METHODS:
        files.append(File.generated(config, f"methods/{name}.md", content=method_page(name)))
    return files


def index_page() -> str:
    """All methods, and when not to use each."""
    lines = [
        "# Methods",
        "",
        f"{len(METHODS)} methods, in the order in which `unalike methods` shows them. Each has one "
        "file, which is its paper's algorithm and nothing else, and [proofs](../conformance.md).",
        "",
        "| method | idea | when not to use it |",
        "|---|---|---|",
    ]
    for name, cls in METHODS.items():
        one = header(cls)
        lines.append(f"| [{one.title}]({name}.md) | {_cell(one.idea)} | {_cell(one.avoid)} |")
    return "\n".join(lines) + "\n"


def method_page(name: str) -> str:
    """The page of one method."""
    cls, one = METHODS[name], header(METHODS[name])
    around = cls.needs_each
    rows = {
        "Source": _linked(one.source),
        "What travels": _cell(one.wire),
        "Departs from its source": _cell(one.ours),
        "Privacy and robust rules": "can be put around it: its server only adds answers up"
        if around is None
        else f"cannot be put around it: {_cell(around)}",
    }
    return "\n".join(
        [
            f"# {one.title}",
            "",
            f"{_sentence(one.idea)}",
            "",
            '!!! warning "When not to use it"',
            "",
            f"    {_sentence(one.avoid)}",
            "",
            f"| Name | `{name}` |",
            "|---|---|",
            *(f"| **{key}** | {value} |" for key, value in rows.items()),
            "",
            *_settings(one),
            *_use(one),
            *_code(name),
            *_proofs(name),
        ]
    )


def _settings(one: Header) -> Iterator[str]:
    yield from ("## Hyper-parameters", "", "| name | default | meaning |", "|---|---|---|")
    for setting in one.settings:
        yield f"| `{setting.name}` | `{setting.default}` | {_cell(setting.meaning)} |"
    yield ""


def _use(one: Header) -> Iterator[str]:
    first = one.settings[0]
    beside = "local,fedavg" if one.name not in ("local", "fedavg") else "local,fedavg,finetuning"
    methods = beside if one.name in beside.split(",") else f"{beside},{one.name}"
    setting = f"--set {one.name}.{first.name}={_argument(first.default)}"
    yield from ("## Run it", "", "```sh")
    yield from (
        "unalike compare --data digits --alpha 0.1 --clients 10 \\",
        f"  --methods {methods} {setting}",
    )
    yield from ("```", "", "[What a round of it costs](../benchmarks-methods.md)", "")


def _code(name: str) -> Iterator[str]:
    text = (ROOT / "src" / "unalike" / "methods" / f"{name}.py").read_text("utf-8")
    body = text.split('"""\n', 1)[1].lstrip("\n")
    yield from ("## The code", "", f"`src/unalike/methods/{name}.py`, without its header:", "")
    yield from ("```python", body.rstrip("\n"), "```", "")


def _proofs(name: str) -> Iterator[str]:
    yield from ("## What is proven", "")
    yield (
        f"It keeps the [contract of every method](../conformance.md#the-contract), "
        f"{len(contract())} laws ([tests](../../{CONTRACT})), and has proofs of its own:"
    )
    yield from ("", "| kind | statement | test |", "|---|---|---|")
    for family in FAMILIES:
        for proof in proofs(name):
            if proof.family == family:
                test = f"[`{proof.test}`](../../{proof.file})"
                yield f"| {family} | {_cell(proof.statement)} | {test} |"
    yield ""
    if (MUTATIONS / f"{name}.toml").exists():
        planted = f"[planted](../../tests/mutations/{name}.toml)"
        yield from (f"Mistakes that were {planted}, each of which these tests notice:", "")
        yield from (f"- {_cell(bug.what)}" for bug in bugs(name))
        yield ""


def _sentence(text: str) -> str:
    """The text as a sentence of its own."""
    text = _cell(text.rstrip("."))
    return f"{text[0].upper()}{text[1:]}."


def _cell(text: str) -> str:
    """The text with signs kept that Markdown would take for its own."""
    return re.sub(r"([*_|<>\[\]\\])", r"\\\1", text)


def _linked(source: str) -> str:
    """A source whose arXiv numbers and public code are links."""
    text = _cell(source)
    text = re.sub(r"arXiv:(\d{4}\.\d{5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    return re.sub(r"(github\.com/[\w/-]+)", r"[\1](https://\1)", text)


def _argument(value: Any) -> str:
    """A setting's value as it is written on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)
