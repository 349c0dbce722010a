"""Lets a page include a file of the repository: what that links to is shown by its path, for the
site holds no copy of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#)([^)\s]+)\)")


def name_linked_files(_: Sphinx, included: Path, page: str, content: list[str]) -> None:
    """Put the paths of files in the place of links to them, in what was read of `included`."""
    content[0] = _LINK.sub(r"`\1`", content[0])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("include-read", name_linked_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
