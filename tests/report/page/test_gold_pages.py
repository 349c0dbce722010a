"""Gold files of the page: tests/gold/page/CASE.html is the page of the case with its styles and
scripts named instead of written out, and its facts as indented JSON.

On failure the actual text is written to actual/page/, which git ignores. After looking at the
difference, `REPROAUDIT_WRITE_GOLD=1 pytest tests/report/page/test_gold_pages.py` writes them anew.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from reproaudit.report import render
from reproaudit.report.page.document import (
    ASKED_SCRIPTS,
    ASKED_STYLES,
    GROWTH_SCRIPTS,
    GROWTH_STYLES,
    LAST_SCRIPTS,
    PICTURE_SCRIPTS,
    PICTURE_STYLES,
    SCRIPTS,
    STREAM_SCRIPTS,
    STYLES,
    read_asset,
)
from tests.report.cases import CASES

ROOT = Path(__file__).parents[3]
ALL_STYLES = (*STYLES, *PICTURE_STYLES, *GROWTH_STYLES, *ASKED_STYLES)
ALL_SCRIPTS = (
    *SCRIPTS,
    *PICTURE_SCRIPTS,
    *GROWTH_SCRIPTS,
    *STREAM_SCRIPTS,
    *ASKED_SCRIPTS,
    *LAST_SCRIPTS,
)
GOLD = ROOT / "tests" / "gold" / "page"
NAMES = [case for case in CASES if "10000" not in case]


def name_assets(page: str) -> str:
    for asset in ALL_STYLES:
        page = page.replace(f"<style>{read_asset(asset)}</style>", f"<style: {asset}>")
    for asset in ALL_SCRIPTS:
        page = page.replace(f"<script>{read_asset(asset)}</script>", f"<script: {asset}>")
    page = re.sub(r"'sha256-[\w+/=]+'", "'sha256-…'", page)
    before, _, rest = page.partition('id="payload">')
    payload, _, after = rest.partition("</script>")
    facts = json.dumps(json.loads(payload), indent=1)
    return f'{before}id="payload">\n{facts}\n</script>{after}'


@pytest.mark.parametrize("case", NAMES)
def test_a_page_is_what_its_gold_file_says(case: str) -> None:
    actual = name_assets(render(CASES[case], "html"))
    path = GOLD / f"{case}.html"
    if os.environ.get("REPROAUDIT_WRITE_GOLD"):
        path.write_text(actual, encoding="utf-8")
    gold = path.read_text(encoding="utf-8") if path.exists() else ""
    if actual != gold:
        (ROOT / "actual" / "page").mkdir(parents=True, exist_ok=True)
        (ROOT / "actual" / "page" / path.name).write_text(actual, encoding="utf-8")
    assert actual == gold, f"actual/page/{path.name} differs; see the module's docstring"


def test_every_gold_file_belongs_to_a_case() -> None:
    assert {path.stem for path in GOLD.iterdir()} == set(NAMES)
