"""Gold files: tests/gold/report/CASE.SUFFIX is what the format renders of the case, byte for byte.

Those of the page, which is mostly styles and scripts, are another test's: tests/report/page.

On failure the actual text is written to actual/report/, which git ignores. After looking at the
difference, `REPROAUDIT_WRITE_GOLD=1 pytest tests/report/test_gold.py` writes the gold files anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reproaudit.report import formats, render
from reproaudit.report.registry import FORMATS
from tests.report.cases import CASES

ROOT = Path(__file__).parents[2]
GOLD = ROOT / "tests" / "gold" / "report"
# What a format without a cap makes of 10,000 of something is too long to keep; the contract test
# renders it.
PAIRS = [
    (name, case)
    for name in formats()
    for case in CASES
    if name == "terminal" or (name != "html" and "10000" not in case)
]


@pytest.mark.parametrize(("format", "case"), PAIRS)
def test_a_report_is_what_its_gold_file_says(format: str, case: str) -> None:
    name = case + FORMATS[format].suffix
    actual = render(CASES[case], format).encode()
    if os.environ.get("REPROAUDIT_WRITE_GOLD"):
        (GOLD / name).write_bytes(actual)
    gold = (GOLD / name).read_bytes() if (GOLD / name).exists() else b""
    if actual != gold:
        (ROOT / "actual" / "report").mkdir(parents=True, exist_ok=True)
        (ROOT / "actual" / "report" / name).write_bytes(actual)
    assert actual == gold, (
        f"actual/report/{name} differs from tests/gold/report/{name}; see the module's docstring"
    )


def test_every_gold_file_belongs_to_a_format_and_a_case() -> None:
    assert {path.name for path in GOLD.iterdir()} == {
        case + FORMATS[name].suffix for name, case in PAIRS
    }
