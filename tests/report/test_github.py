"""Workflow commands, read back as GitHub's runner reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest

from reproaudit.model.events import Location, ProgramWarning
from reproaudit.model.identity import fingerprints
from reproaudit.model.result import AuditResult, Fix
from reproaudit.report import render_all
from reproaudit.report.github import GithubOptions, GithubReport
from tests.report.cases import (
    CASES,
    INDEX_PUT,
    MANY,
    NOT_AUDITED,
    ONE_DIVERGENCE,
    REPRODUCIBLE,
    SHARED_WORKERS,
    STRUCTURE,
)

COMMAND = re.compile(
    r"::(?P<level>error|warning|notice)(?: (?P<properties>[^:]*))?::(?P<message>.*)"
)
HOSTILE = "a,line=1::b%0A::set-output name=x::y\r\n::error::forged\n##[error]forged: 100 %"


@dataclass(frozen=True)
class Annotation:
    level: str
    properties: dict[str, str]
    message: str


def plain(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def annotations(*results: AuditResult, accepted: frozenset[str] = frozenset()) -> list[Annotation]:
    return read(render_all(results, "github", accepted))


def read(text: str) -> list[Annotation]:
    *commands, last = text.splitlines()
    assert re.fullmatch(r"reproaudit: [\d,]+ audits?(, [\d,]+ [a-z ]+)*", last)
    found = []
    for line in commands:
        match = COMMAND.fullmatch(line)
        assert match, line
        told = [pair.partition("=") for pair in (match["properties"] or "").split(",") if pair]
        found.append(
            Annotation(match["level"], {n: plain(v) for n, _, v in told}, plain(match["message"]))
        )
    return found


def test_a_finding_is_an_error_at_its_line_with_the_fix_and_the_patch() -> None:
    first = annotations(ONE_DIVERGENCE)[0]
    assert first.level == "error"
    assert first.properties == {
        "file": "examples/net/train.py",
        "line": "41",
        "title": "train.py: RA401",
    }
    assert "Fix: call torch.use_deterministic_algorithms(True)" in first.message
    assert first.message.splitlines()[1:] == [
        "import torch",
        "torch.use_deterministic_algorithms(True)",
    ]


def test_a_stranger_s_text_cannot_end_a_command_or_begin_another() -> None:
    finding = replace(
        INDEX_PUT,
        op=HOSTILE,
        module=HOSTILE,
        location=Location(HOSTILE, 2, HOSTILE),
        fix=Fix(patch=(HOSTILE, "100 %")),
    )
    hostile = replace(
        STRUCTURE,
        subject=HOSTILE,
        headline=HOSTILE,
        findings=(finding,),
        warnings=(ProgramWarning(HOSTILE),),
    )
    found = annotations(hostile)
    assert [each.level for each in found] == ["error", "warning", "notice"]
    assert [set(each.properties) for each in found] == [{"title"}] * 3
    assert found[0].message.endswith("100 %")


def test_a_warning_is_annotated_at_its_line_where_that_is_known() -> None:
    located, other = (each for each in annotations(SHARED_WORKERS) if each.level == "warning")
    assert located.properties == {
        "file": "examples/net/train.py",
        "line": "9",
        "title": "train.py: RA501",
    }
    assert other.properties == {"title": "train.py: warning"}


def test_commas_and_colons_of_a_path_stay_in_the_path() -> None:
    finding = replace(INDEX_PUT, location=Location("a,b:c%41.py", 2))
    first = annotations(replace(ONE_DIVERGENCE, findings=(finding,)))[0]
    assert first.properties["file"] == "examples/net/a,b:c%41.py"


def test_an_accepted_finding_is_a_notice() -> None:
    found = annotations(ONE_DIVERGENCE, accepted=frozenset(fingerprints("train.py", [INDEX_PUT])))
    assert [each.level for each in found if each.level == "error"] == []
    assert {"notice"} == {
        each.level
        for each in found
        if each.properties["title"].endswith("accepted in the baseline")
    }


@pytest.mark.parametrize(
    ("result", "title"), [(NOT_AUDITED, "not-audited"), (STRUCTURE, "no-source-located")]
)
def test_an_audit_without_a_finding_that_fails_is_an_error_too(
    result: AuditResult, title: str
) -> None:
    assert [a.properties["title"] for a in annotations(result) if a.level == "error"] == [
        f"train.py: {title}"
    ]


def test_what_was_not_checked_is_told_also_where_runs_are_equal() -> None:
    (told,) = annotations(REPRODUCIBLE)
    assert (told.level, told.properties["title"]) == ("notice", "train.py: not checked")


def test_no_level_has_more_annotations_than_github_shows_and_the_last_says_what_was_cut() -> None:
    found = annotations(replace(MANY, findings=MANY.findings[:30]))
    errors = [each for each in found if each.level == "error"]
    assert len(errors) == 10
    assert errors[-1].message.startswith("… and 21 more")
    exactly = GithubReport(GithubOptions(per_level=3)).render_all(
        [replace(MANY, findings=MANY.findings[:3])]
    )
    assert "more;" not in "".join(each.message for each in read(exactly) if each.level == "error")


def test_the_last_line_counts_the_verdicts_in_our_words_alone() -> None:
    text = render_all([result for case, result in CASES.items() if "10000" not in case], "github")
    assert text.splitlines()[-1] == (
        "reproaudit: 16 audits, 2 reproducible, 4 not reproducible, 1 within tolerance, "
        "2 not audited, 2 equal, 3 differ, 1 as expected, 1 not as expected"
    )
