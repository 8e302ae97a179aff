"""Fields are documented by the comment on their line, as in `w: Tensor  # [P] the shared model`."""

from __future__ import annotations

import re
import tokenize
from io import StringIO
from typing import Any

from griffe import Attribute, Docstring, Extension

NOT_FOR_READERS = ("noqa", "type:")


class FieldComments(Extension):
    """Takes a field's comment for its docstring, where it has none."""

    def on_attribute(self, *, attr: Attribute, **_: Any) -> None:
        """Read the lines of one field."""
        if attr.docstring is not None or attr.lineno is None:
            return
        tokens = tokenize.generate_tokens(StringIO("\n".join(attr.lines).strip()).readline)
        comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
        text = " ".join(comment.strip("# ") for comment in comments)
        if text and not text.startswith(NOT_FOR_READERS):
            escaped = re.sub(r"([*_<>\[\]])", r"\\\1", text)
            attr.docstring = Docstring(escaped, lineno=attr.lineno, parent=attr)
