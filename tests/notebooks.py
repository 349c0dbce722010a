"""Writing notebooks for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PYTHON = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}


def write_notebook(
    path: Path,
    *sources: str,
    tags: dict[int, list[str]] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Path:
    """Write a notebook of these code cells; `tags` are those of cells, by their place from 1 on."""
    cells = []
    for number, source in enumerate(sources, start=1):
        cell_metadata = {"tags": tags[number]} if tags and number in tags else {}
        cells.append(
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": cell_metadata,
                "outputs": [],
                "source": source.splitlines(keepends=True),
            }
        )
    document = {
        "cells": cells,
        "metadata": PYTHON if metadata is None else metadata,
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    path.write_text(json.dumps(document, indent=1))
    return path
