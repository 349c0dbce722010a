"""Markdown: what it says, and that what it quotes is shown and not obeyed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reproaudit.model.events import Location, NotChecked, Unchecked
from reproaudit.model.identity import fingerprints
from reproaudit.model.result import Evidence, Fix
from reproaudit.report import render, render_all
from reproaudit.report.markdown import MarkdownOptions, MarkdownReport
from reproaudit.report.markdown_text import code, text
from tests.report.cases import (
    INDEX_PUT,
    MANY,
    NOT_AUDITED,
    ONE_DIVERGENCE,
    REPRODUCIBLE,
    STRUCTURE,
    UNICODE,
)

CELL = re.compile(r"(?<!\\)\|")


def rows(report: str) -> list[list[str]]:
    lines = [line for line in report.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in CELL.split(line)[1:-1]] for line in lines]


def test_the_table_answers_for_each_subject_in_one_row() -> None:
    found = rows(render_all([ONE_DIVERGENCE, REPRODUCIBLE, NOT_AUDITED], "markdown"))
    assert found[0] == ["subject", "verdict", "first difference", "cause", "fix"]
    assert [row[0] for row in found[2:]] == [
        "`train.py [seed 0, threads 2]`",
        "`train.py (1)`",
        "`train.py (2)`",
    ]
    assert [row[1] for row in found[2:]] == ["not reproducible", "reproducible", "not audited"]
    assert found[2][2:] == [
        "`aten::index_put_`, `examples/net/train.py:41 in forward`",
        "kernel",
        "`kernels.deterministic` verified",
    ]


def test_the_title_counts_the_verdicts() -> None:
    report = render_all([ONE_DIVERGENCE, REPRODUCIBLE, NOT_AUDITED, REPRODUCIBLE], "markdown")
    assert (
        report.splitlines()[0] == "## reproaudit: 2 reproducible, 1 not reproducible, 1 not audited"
    )


def test_a_patch_stands_in_a_fence_of_its_own() -> None:
    lines = render(ONE_DIVERGENCE, "markdown").splitlines()
    start = lines.index("```diff")
    assert lines[start + 1 : start + 4] == [
        "import torch",
        "torch.use_deterministic_algorithms(True)",
        "```",
    ]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"),
        ("a &lt; b", "a &amp;lt; b"),
        ("*bold* _it_ ~~no~~ `code`", r"\*bold\* \_it\_ \~\~no\~\~ \`code\`"),
        ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
        ("![x](y)", r"\!\[x\](y)"),
        ("https://example.org www.example.org", "https&#58;//example.org www&#46;example.org"),
        ("a | b", r"a \| b"),
        (r"a \| b", r"a \\\| b"),
        ("one\n\n# two", r"one \# two"),
        ("$x$ @someone", r"\$x\$ &#64;someone"),
    ],
)
def test_markup_in_a_sentence_is_shown_as_text(words: str, shown: str) -> None:
    assert text(words) == shown


@pytest.mark.parametrize(
    ("name", "in_table", "shown"),
    [
        ("aten::index_put_", True, "`aten::index_put_`"),
        ("a|b", True, r"`a\|b`"),
        ("a|b", False, "`a|b`"),
        ("a`b", False, "``a`b``"),
        ("``", False, "``` `` ```"),
        ("<dictcomp>", False, "`<dictcomp>`"),
        ("", False, ""),
    ],
)
def test_a_name_stays_in_its_code_span(name: str, in_table: bool, shown: str) -> None:
    assert code(name, in_table=in_table) == shown


def test_a_name_with_pipes_and_backticks_adds_no_cell_to_the_table() -> None:
    hostile = "a`|b``|<b>|\n|c|"
    finding = replace(
        INDEX_PUT, op=hostile, location=Location(hostile, 1, hostile), fix=Fix((hostile,))
    )
    found = rows(render(replace(ONE_DIVERGENCE, subject=hostile, findings=(finding,)), "markdown"))
    assert {len(row) for row in found} == {5}
    assert len(found) == 3


def test_a_patch_cannot_leave_its_fence() -> None:
    patch = ("+x", "```", "<script>", "````", "# title")
    report = render(
        replace(ONE_DIVERGENCE, findings=(replace(INDEX_PUT, fix=Fix(patch=patch)),)), "markdown"
    )
    assert "\n`````diff\n+x\n```\n<script>\n````\n# title\n`````\n" in report


def test_accepted_findings_are_listed_apart_with_their_fingerprints() -> None:
    (mark,) = fingerprints("train.py", [INDEX_PUT])
    report = render_all([ONE_DIVERGENCE], "markdown", frozenset({mark}))
    assert rows(report)[2][1] == "not reproducible, accepted in the baseline"
    assert f"#### Accepted in the baseline\n\n- `{mark}`: Runs differ in" in report
    assert "#### 1." not in report


def test_every_finding_and_everything_that_was_not_checked_is_told() -> None:
    report = render(UNICODE, "markdown")
    assert re.findall(r"^#### (\d+)\.", report, re.MULTILINE) == ["1", "2"]
    assert "- steps after the 10th: the audit stopped there" in report
    assert "- no source was located" in render(STRUCTURE, "markdown")


def test_a_report_that_would_be_too_large_leaves_out_whole_sections_and_counts_them() -> None:
    options = MarkdownOptions(max_bytes=20_000)
    small = replace(MANY, findings=MANY.findings[:100])
    report = MarkdownReport(options).render_all([small, REPRODUCIBLE])
    assert len(report.encode()) <= options.max_bytes
    shown = len(re.findall(r"^#### \d+\.", report, re.MULTILINE))
    cut = re.search(
        r"_(\d+) sections left out: the report would be larger than 20,000 bytes", report
    )
    assert cut is not None
    assert 0 < shown < 100
    assert report.count("```diff") == shown
    whole = MarkdownReport().render_all([small, REPRODUCIBLE])
    assert int(cut[1]) == whole.count("\n### ") + whole.count("\n#### ") - report.count(
        "\n### "
    ) - report.count("\n#### ")


def test_a_long_list_is_capped_and_says_how_much_is_missing() -> None:
    notes = tuple(
        NotChecked(Unchecked.NO_BYTES, f"part {number}", "no time") for number in range(130)
    )
    report = render(replace(REPRODUCIBLE, not_checked=notes), "markdown")
    assert report.count("no time") == 100
    assert "- … and 30 more" in report


def test_one_patch_and_one_note_of_several_findings_are_said_once() -> None:
    patch = ("--- train.py", "+++ train.py", "@@ -1 +1,2 @@", " import torch", "+seed()")
    fix = Fix(("seed.torch",), verified=True, runs=3, patch=patch)
    verified = replace(fix, patch_verified=True, patch_runs=2)
    evidence = Evidence(notes=("the stream starts elsewhere",))
    first = replace(INDEX_PUT, op=None, call="random.randint", evidence=evidence, fix=verified)
    second = replace(first, location=None)
    report = render(replace(ONE_DIVERGENCE, findings=(first, second)), "markdown")
    assert report.count("- patch: verified: 2 runs of the patched copy were equal") == 1
    assert report.count("```diff") == 1
    assert "- patch: that of 1, which repairs this too" in report
    assert report.count("the stream starts elsewhere") == 1
    assert "#### 2. `random.randint`" in report


def test_the_commands_to_type_next_stand_at_the_end_to_be_copied() -> None:
    text = render(ONE_DIVERGENCE, "markdown")
    (command,) = ONE_DIVERGENCE.next_commands
    assert text.endswith(f"#### Next\n\n```console\n{command}\n```\n")
