"""The contract that every report format keeps, over every case."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from reproaudit.errors import UsageError
from reproaudit.report import formats, render
from reproaudit.report.json_report import from_json, to_json
from tests.report.cases import CASES, EMPTY, ONE_DIVERGENCE

every_format = pytest.mark.parametrize("format", formats())
every_case = pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case == "10000-findings" else case for case in CASES]
)


@every_format
@every_case
def test_a_report_needs_nothing_but_the_saved_result_and_is_the_same_bytes_each_time(format: str, case: str) -> None:
    text = render(CASES[case], format)
    assert text.endswith("\n")
    assert render(from_json(to_json(CASES[case])), format).encode() == text.encode()


@every_format
@every_case
def test_no_character_of_a_trace_can_steer_the_terminal(format: str, case: str) -> None:
    text = render(CASES[case], format)
    assert [c for c in text if c != "\n" and not c.isprintable()] == []


@every_format
def test_an_empty_result_and_a_divergence_do_not_read_alike(format: str) -> None:
    assert render(EMPTY, format) != render(ONE_DIVERGENCE, format)


def test_an_unknown_format_names_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match="no report format 'jsn'") as caught:
        render(EMPTY, "jsn")
    assert caught.value.hint == "did you mean 'json'?"


def test_no_report_imports_torch_or_numpy() -> None:
    program = (
        "import json, sys\n"
        "from reproaudit.model import AuditResult, Verdict\n"
        "from reproaudit.report import formats, render\n"
        "for name in formats(): render(AuditResult(Verdict.NOT_AUDITED, '', '', (), (), 0), name)\n"
        "print(json.dumps(sorted({'torch', 'numpy', 'reproaudit.trace', 'reproaudit.runner'} & set(sys.modules))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
