"""The address of the documentation has one owner."""

from __future__ import annotations

import re
from pathlib import Path

from reproaudit.knowledge import documentation

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_package_index_is_told_the_same_address() -> None:
    named = re.findall(r'^Documentation = "(.*)"', PYPROJECT.read_text("utf-8"), re.MULTILINE)
    assert named == ([] if documentation.SITE is None else [documentation.SITE])
