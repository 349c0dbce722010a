"""The contract that every report format keeps, over every case."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from reproaudit.errors import UsageError
from reproaudit.model.identity import fingerprints
from reproaudit.model.result import AuditResult
from reproaudit.report import formats, render, render_all
from reproaudit.report.json_report import from_json, to_json
from tests.report.cases import CASES, EMPTY, ONE_DIVERGENCE, REPRODUCIBLE, UNICODE

every_format = pytest.mark.parametrize("format", formats())
every_case = pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow) if "10000" in case else case for case in CASES],
)


@cache
def rendered(format: str, case: str) -> str:
    return render(CASES[case], format)


@cache
def read_again(case: str) -> AuditResult:
    return from_json(to_json(CASES[case]))


SEVERAL = tuple(CASES[case] for case in CASES if "10000" not in case)
of_several = pytest.mark.parametrize("format", [name for name in formats() if name != "json"])


@every_format
@every_case
def test_a_report_needs_nothing_but_the_saved_result_and_is_the_same_bytes_each_time(
    format: str, case: str
) -> None:
    text = rendered(format, case)
    assert text.endswith("\n")
    assert render(read_again(case), format).encode() == text.encode()


@every_format
@every_case
def test_no_character_of_a_trace_can_steer_the_terminal(format: str, case: str) -> None:
    text = rendered(format, case)
    assert [c for c in set(text) if c != "\n" and not c.isprintable()] == []


@every_format
def test_an_empty_result_and_a_divergence_do_not_read_alike(format: str) -> None:
    assert render(EMPTY, format) != render(ONE_DIVERGENCE, format)


@of_several
def test_several_results_make_one_report_that_is_the_same_bytes_each_time(format: str) -> None:
    text = render_all(SEVERAL, format)
    assert text.endswith("\n")
    assert [c for c in set(text) if c != "\n" and not c.isprintable()] == []
    assert render_all([from_json(to_json(result)) for result in SEVERAL], format) == text


@of_several
def test_no_result_at_all_makes_a_report_too(format: str) -> None:
    assert render_all([], format).endswith("\n")


@of_several
def test_one_result_reads_alike_alone_and_as_one_of_several_results(format: str) -> None:
    assert render_all([REPRODUCIBLE], format) == render(REPRODUCIBLE, format)


@pytest.mark.parametrize("format", ["junit", "sarif", "github", "markdown", "codequality", "html"])
def test_an_accepted_finding_reads_otherwise_than_a_new_one(format: str) -> None:
    accepted = frozenset(fingerprints(ONE_DIVERGENCE.subject, ONE_DIVERGENCE.findings))
    known = render_all([ONE_DIVERGENCE], format, accepted)
    assert known != render(ONE_DIVERGENCE, format)
    assert "accepted in the baseline" in known.lower()
    # What is accepted of another subject changes nothing.
    others = frozenset(fingerprints(UNICODE.subject, UNICODE.findings))
    assert "accepted in the baseline" not in render_all([ONE_DIVERGENCE], format, others).lower()


@pytest.mark.parametrize("results", [[], [EMPTY, REPRODUCIBLE]])
def test_json_refuses_any_number_of_results_but_one(results: list[AuditResult]) -> None:
    with pytest.raises(UsageError, match=f"one result, not {len(results)}"):
        render_all(results, "json")


def test_an_unknown_format_names_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match="no report format 'jsn'") as caught:
        render(EMPTY, "jsn")
    assert caught.value.hint == "did you mean 'json'?"


def test_no_report_imports_torch_or_numpy() -> None:
    program = (
        "import json, sys\n"
        "from reproaudit.model.result import AuditResult\n"
        "from reproaudit.model.verdict import Verdict\n"
        "from reproaudit.report import formats, render\n"
        "for name in formats(): render(AuditResult(Verdict.NOT_AUDITED, '', '', (), (), 0), name)\n"
        "unwanted = {'torch', 'numpy', 'reproaudit.runs'} & set(sys.modules)\n"
        # The tables of what is known share words with traces. Nothing reads one.
        "unwanted |= {name for name in sys.modules if name.startswith('reproaudit.trace.')}\n"
        "print(json.dumps(sorted(unwanted - {'reproaudit.trace.words'})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
