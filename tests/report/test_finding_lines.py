"""A finding in full on a screen: what stands on which line, and beside which label."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.result import Evidence, Fix
from reproaudit.report.finding_lines import describe_finding, has_answers, show_answer
from reproaudit.report.terminal import lay_out
from tests.report.cases import INDEX_PUT

PLAIN = replace(INDEX_PUT, evidence=Evidence(), difference=None, fix=None)


def test_a_finding_says_where_what_when_and_why() -> None:
    assert lay_out(describe_finding(PLAIN), 100) == [
        "line        train.py:41 in forward",
        "op          aten::index_put_ (12 times)",
        "when        backward pass of step 0",
        "module      layers.1",
        "cause       kernel (RA401): the operator returns different results for equal inputs",
    ]


def test_without_an_operator_the_line_says_how_often() -> None:
    lines = lay_out(describe_finding(replace(PLAIN, op=None, module="")), 100)
    assert lines[0] == "line        train.py:41 in forward (12 times)"
    assert lines[1].startswith("when")


def test_a_call_that_an_operator_got_its_numbers_from_stands_beside_it() -> None:
    lines = lay_out(describe_finding(replace(PLAIN, call="random.randint")), 100)
    assert lines[1:3] == [
        "op          aten::index_put_ (12 times)",
        "call        random.randint",
    ]


def test_the_kinds_of_evidence_stand_in_columns_under_one_label() -> None:
    evidence = Evidence(observed=True, replayed=False, notes=("a note",))
    lines = lay_out(describe_finding(replace(PLAIN, evidence=evidence)), 100)
    assert lines[5:] == [
        "evidence    observed  yes  differs between runs on equal inputs",
        "            replayed  no   equal each time that the same call is repeated",
        "            declared  -    not looked at",
        "            switched  -    not looked at",
        "            a note",
    ]


def test_kinds_that_nobody_looked_for_are_not_listed() -> None:
    evidence = Evidence(notes=("a note",))
    assert not has_answers(evidence)
    assert show_answer(evidence, "observed") == "-"
    lines = lay_out(describe_finding(replace(PLAIN, evidence=evidence)), 100)
    assert lines[5:] == ["evidence    a note"]


def test_code_keeps_its_indentation_and_is_not_wrapped() -> None:
    code = "    torch.use_deterministic_algorithms(" + "x" * 100 + ")"
    fix = Fix(settings=("kernels.deterministic",), patch=("if here:", code))
    lines = lay_out(describe_finding(replace(PLAIN, fix=fix)), 60)
    assert lines[-2:] == ["in code     if here:", "            " + code]


def test_a_fix_without_advice_still_has_its_label() -> None:
    fix = Fix(settings=("kernels.deterministic",))
    lines = lay_out(describe_finding(replace(PLAIN, fix=fix)), 100)
    assert lines[-1] == "fix         kernels.deterministic: not verified"


DIFF = ("--- train.py", "+++ train.py", "@@ -1 +1,2 @@", " if x:", "+\tseed()\r")


@pytest.mark.parametrize(
    ("fix", "state"),
    [
        (
            Fix(patch=DIFF, patch_verified=True, patch_runs=2),
            "verified: 2 runs of the patched copy were equal",
        ),
        (Fix(patch=DIFF, patch_note="not run: why"), "not run: why"),
        (Fix(patch=DIFF), "not run"),
    ],
)
def test_a_patch_says_whether_it_was_run_and_can_be_copied(fix: Fix, state: str) -> None:
    lines = lay_out(describe_finding(replace(INDEX_PUT, fix=fix)), 100)
    assert lines[-6] == f"patch       {state}"
    rows = ["--- train.py", "+++ train.py", "@@ -1 +1,2 @@", " if x:", "+\tseed()"]
    assert [line[12:] for line in lines[-5:]] == rows


def test_a_dropped_patch_is_told_beside_what_to_write_by_hand() -> None:
    fix = Fix(patch=("by hand",), patch_note="a patch was dropped: it differed")
    lines = lay_out(describe_finding(replace(INDEX_PUT, fix=fix)), 100)
    assert lines[-2:] == ["patch       a patch was dropped: it differed", "in code     by hand"]
