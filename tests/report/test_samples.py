"""The committed samples are what their results render to, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.report import render
from reproaudit.report.json_report import from_json
from tests.claims import check_claims

SAMPLES = Path(__file__).parents[2] / "reports" / "samples"
FILES = {
    "junit": "junit.xml",
    "sarif": "report.sarif",
    "github": "annotations.txt",
    "markdown": "summary.md",
    "codequality": "codequality.json",
}


CASES = sorted(path.parent.name for path in SAMPLES.glob("*/junit.xml"))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("format", FILES)
def test_a_sample_is_what_its_result_renders_to(case: str, format: str) -> None:
    result = from_json((SAMPLES / case / "result.json").read_text(encoding="utf-8"))
    assert render(result, format).encode() == (SAMPLES / case / FILES[format]).read_bytes()


@pytest.mark.parametrize("case", ["graph_net", "five_sources"])
def test_every_finding_of_a_sample_has_a_line_in_the_repository(case: str) -> None:
    result = from_json((SAMPLES / case / "result.json").read_text(encoding="utf-8"))
    text = (SAMPLES / case / "report.sarif").read_text()
    assert text.count(f'"uri": "examples/{case}/train.py"') == len(result.findings) > 0


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/result.json")), ids=lambda p: p.parent.name)
def test_a_sample_claims_nothing_that_was_not_run(path: Path) -> None:
    check_claims(from_json(path.read_text(encoding="utf-8")))
