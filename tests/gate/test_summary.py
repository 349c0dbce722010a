"""What the gate says on stdout of each subject, of the baseline, and in the end."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.errors import ReproauditError
from reproaudit.gate.baseline import list_entries
from reproaudit.gate.ruling import Ruling, SubjectAudit, rule
from reproaudit.gate.summary import render_summary
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase, ProgramWarning
from reproaudit.model.result import AuditResult, Finding, Fix
from reproaudit.model.verdict import Verdict

FINDING = Finding(
    rule="RA401",
    cause=Cause.KERNEL,
    title="adds in any order",
    phase=Phase.BACKWARD,
    step=0,
    op="aten::index_put_",
    location=Location("b.py", 3),
    fix=Fix(settings=("kernels.deterministic",), advice="switch it"),
)
EQUAL = AuditResult(
    verdict=Verdict.REPRODUCIBLE,
    headline="2 runs are bitwise equal",
    subject="a.py",
    runs=(),
    classes=(),
    steps=1,
)
DIFFERS = replace(
    EQUAL,
    verdict=Verdict.NOT_REPRODUCIBLE,
    headline="2 runs, 2 distinct",
    subject="b.py",
    findings=(FINDING,),
)
(ENTRY,) = list_entries(DIFFERS)


def show(ruling: Ruling) -> list[str]:
    return render_summary(ruling, "", None, is_first=False).splitlines()


def test_what_is_new_stands_beside_its_verdict_with_its_repair_and_the_next_command() -> None:
    ruling = rule([SubjectAudit(EQUAL), SubjectAudit(DIFFERS)], None, ["a.py", "b.py"])
    assert show(ruling) == [
        "reproducible      a.py",
        "not reproducible  b.py",
        "                  2 runs, 2 distinct",
        f"                  new: RA401 aten::index_put_ b.py  [{ENTRY.fingerprint}]",
        "                    kernel: adds in any order, b.py:3",
        "                    fix: switch it, kernels.deterministic, not verified",
        "                    next: reproaudit explain RA401",
        "",
        "no baseline: nothing is accepted; --update-baseline makes one of what differs now",
        "",
        "2 subjects, 1 divergence not accepted: failed",
    ]


def test_what_is_accepted_is_named_in_one_line() -> None:
    text = render_summary(
        rule([SubjectAudit(DIFFERS)], (ENTRY,), ["b.py"]), "known.json", None, is_first=False
    )
    assert f"accepted: RA401 aten::index_put_ b.py  [{ENTRY.fingerprint}]" in text
    assert "fix:" not in text
    assert "baseline known.json: 1 accepted and present" in text
    assert text.endswith("1 subject: passed\n")


def test_the_hint_of_an_audit_that_failed_is_shown_line_by_line() -> None:
    error = ReproauditError("it failed", code="subject-failed", hint="see\nhere")
    failed = replace(EQUAL, verdict=Verdict.NOT_AUDITED)
    lines = show(rule([SubjectAudit(failed, error)], None, ["a.py"]))
    told = lines[1 : lines.index("")]
    assert told == [f"{' ' * 18}{line}" for line in str(error).splitlines()]
    assert len(told) > 1
    assert lines[-1] == "1 subject, 1 not audited: could not be decided"


def test_a_warning_stands_here_only_if_every_subject_has_it() -> None:
    common = ProgramWarning("the pattern 'x' matches no tensor")
    own = ProgramWarning("a seed is set twice")
    first = replace(EQUAL, warnings=(own, common))
    second = replace(EQUAL, subject="b.py", warnings=(common,))
    lines = show(rule([SubjectAudit(first), SubjectAudit(second)], None, ["a.py", "b.py"]))
    warnings = [line for line in lines if line.startswith("warning:")]
    assert warnings == ["warning: the pattern 'x' matches no tensor"]


def test_a_baseline_that_loses_nothing_says_so() -> None:
    ruling = rule([SubjectAudit(DIFFERS)], (ENTRY,), ["b.py"])
    assert "  nothing to remove\n" in render_summary(ruling, "known.json", (), is_first=False)
    assert "  nothing differs: it is empty\n" in render_summary(
        ruling, "known.json", (), is_first=True
    )
