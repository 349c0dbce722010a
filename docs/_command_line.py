"""The directive `{help} COMMAND`: what the command prints for `--help` when the site is built."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from reproaudit.cli.main import main

COLUMNS = "100"  # of a page beside its table of contents


def read_help(command: str) -> str:
    """Return what the command prints for --help; "audit" is the one without a name."""
    words = ["--help"] if command == "audit" else [command, "--help"]
    printed = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            main(words)
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return printed.getvalue()


class Help(SphinxDirective):
    """Shows the help of the command that its argument names."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        text = read_help(self.arguments[0])
        if not text.startswith("usage: reproaudit"):
            raise self.error(f"reproaudit {self.arguments[0]} --help printed no help")
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("help", Help)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
