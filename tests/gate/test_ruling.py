"""The gate: what several audits come to, and how the baseline shrinks. Audits are stand-ins; one
test runs programs."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.cli import ci
from reproaudit.cli.main import main
from reproaudit.config.project import Subject
from reproaudit.errors import ReproauditError, SubjectError
from reproaudit.gate.baseline import BaselineEntry, from_text, list_entries
from reproaudit.gate.ruling import Ruling, SubjectAudit, audit_all, rule, update_baseline
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import AuditResult, Finding
from reproaudit.model.verdict import Verdict
from reproaudit.report.json_report import from_json
from tests.auditing import PROGRAMS, reproaudit

EQUAL = AuditResult(Verdict.REPRODUCIBLE, "2 runs are bitwise equal", "a.py", (), (), 1)
ONE, TWO = (
    Finding(
        f"RA{number}",
        Cause.KERNEL,
        "adds in any order",
        Phase.BACKWARD,
        0,
        f"aten::op{number}",
        "",
        Location("a.py", 3),
    )
    for number in (401, 402)
)
DIFFERS = replace(
    EQUAL, verdict=Verdict.NOT_REPRODUCIBLE, headline="2 runs, 2 distinct", findings=(ONE, TWO)
)
WITHIN = replace(DIFFERS, verdict=Verdict.WITHIN_TOLERANCE)
FAILED = replace(EQUAL, verdict=Verdict.NOT_AUDITED, headline="it failed")
KNOWN = list_entries(DIFFERS)


def ruling(
    *results: AuditResult,
    accepted: tuple[BaselineEntry, ...] | None = None,
    configured: str = "a.py b.py",
) -> Ruling:
    return rule([SubjectAudit(result) for result in results], accepted, configured.split())


@pytest.mark.parametrize(
    ("results", "accepted", "code"),
    [
        ([EQUAL], None, 0),
        ([EQUAL, WITHIN], None, 0),
        ([DIFFERS], None, 1),
        ([DIFFERS], KNOWN[:1], 1),
        ([DIFFERS], KNOWN, 0),
        ([DIFFERS, replace(DIFFERS, subject="b.py")], KNOWN, 1),
        ([EQUAL], KNOWN, 0),
        ([FAILED, EQUAL], KNOWN, 2),
        ([FAILED, DIFFERS], KNOWN, 2),
        ([FAILED, DIFFERS], None, 1),
        ([], None, 2),
    ],
)
def test_the_exit_code_is_1_for_what_is_not_accepted_else_2_for_what_was_not_audited_else_0(
    results: list[AuditResult], accepted: tuple[BaselineEntry, ...] | None, code: int
) -> None:
    assert ruling(*results, accepted=accepted).exit_code == code


@pytest.mark.parametrize(
    ("result", "is_gone"),
    [
        (EQUAL, True),
        (replace(DIFFERS, findings=(ONE,), is_complete=True), True),
        (
            replace(DIFFERS, findings=(ONE,), is_complete=False),
            False,
        ),  # what it hides may be the other one
        (replace(DIFFERS, findings=(ONE,)), False),
        (replace(DIFFERS, findings=()), False),  # nobody looked for sources
        (replace(WITHIN, findings=()), False),
        (FAILED, False),
        (replace(EQUAL, subject="b.py"), False),  # it was left out with --only
    ],
)
def test_an_accepted_finding_is_gone_only_if_the_audit_shows_that_it_is(
    result: AuditResult, is_gone: bool
) -> None:
    found = ruling(result, accepted=KNOWN[1:])
    assert (found.gone, found.unseen) == ((KNOWN[1:], ()) if is_gone else ((), KNOWN[1:]))


def test_what_a_subject_that_is_no_longer_configured_had_is_gone() -> None:
    assert ruling(replace(EQUAL, subject="b.py"), accepted=KNOWN, configured="b.py").gone == KNOWN


def test_a_first_baseline_holds_all_that_is_new() -> None:
    assert update_baseline(None, ruling(DIFFERS)) == KNOWN
    assert update_baseline(None, ruling(EQUAL, WITHIN)) == ()


def test_a_baseline_that_is_there_only_shrinks() -> None:
    reason = (replace(KNOWN[0], reason="waits for the next release"),)
    assert update_baseline(reason, ruling(DIFFERS, accepted=reason)) == reason
    assert (
        update_baseline(
            KNOWN, ruling(replace(DIFFERS, findings=(ONE,), is_complete=True), accepted=KNOWN)
        )
        == KNOWN[:1]
    )
    assert update_baseline((), ruling(DIFFERS, accepted=())) == ()


def test_no_first_baseline_is_made_of_audits_that_are_not_all_there() -> None:
    with pytest.raises(ReproauditError) as caught:
        update_baseline(None, ruling(FAILED, replace(DIFFERS, subject="b.py")))
    assert caught.value.code == "baseline-incomplete"


def subjects(folder: Path, *names: str) -> list[Subject]:
    return [Subject(name, (name,), folder) for name in names]


def test_a_subject_that_fails_leaves_its_error_and_the_others_are_audited(tmp_path: Path) -> None:
    def audit(subject: Subject) -> AuditResult:
        if subject.name == "b.py":
            raise SubjectError(
                f"{tmp_path / 'b.py'} failed", code="subject-failed", hint="run it alone"
            )
        return EQUAL

    done: list[SubjectAudit] = []
    audited = audit_all(subjects(tmp_path, "a.py", "b.py", "c.py"), audit, done.append)
    assert [one.result.subject for one in audited] == ["a.py", "b.py", "c.py"]
    assert [one.result.verdict for one in audited] == [
        Verdict.REPRODUCIBLE,
        Verdict.NOT_AUDITED,
        Verdict.REPRODUCIBLE,
    ]
    assert audited[1].result.headline == "b.py failed [subject-failed]"
    assert done == list(audited)


def test_after_an_interrupt_no_further_subject_is_started_and_none_is_lost(tmp_path: Path) -> None:
    started: list[str] = []

    def audit(subject: Subject) -> AuditResult:
        started.append(subject.name)
        raise SubjectError("the audit was interrupted", code="interrupted")

    audited = audit_all(subjects(tmp_path, "a.py", "b.py"), audit)
    assert started == ["a.py"]
    assert [one.error.code for one in audited if one.error] == ["interrupted", "interrupted"]


def test_a_fault_of_our_own_is_not_taken_for_a_subject_s(tmp_path: Path) -> None:
    def audit(subject: Subject) -> AuditResult:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        audit_all(subjects(tmp_path, "a.py"), audit)


def test_a_result_is_called_by_its_configured_name_and_its_folder_is_from_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (one,) = audit_all(
        [Subject("net", ("net/a.py",), tmp_path / "models")],
        lambda subject: replace(DIFFERS, folder="net"),
    )
    assert (one.result.subject, one.result.folder) == ("net", "models/net")


# -- the command


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command in a project of a.py and b.py, whose audits end as `results` say."""
    (tmp_path / "pyproject.toml").write_text('[tool.reproaudit]\nsubjects = ["a.py", "b.py"]\n')
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("raise SystemExit('must not run')\n")
    monkeypatch.chdir(tmp_path)

    def run(words: str, a: AuditResult = EQUAL, b: AuditResult = EQUAL) -> int:
        results = {"a.py": a, "b.py": b}
        monkeypatch.setattr(
            "reproaudit.experiment.audit.audit",
            lambda options, progress: results[options.subject.path],
        )
        return main(words.split())

    return run


def test_the_baseline_is_made_once_then_lets_pass_then_shrinks(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "reproaudit-baseline.json"
    assert command("ci --quiet", DIFFERS) == 1
    assert "no baseline" in capsys.readouterr().out
    assert command("ci --quiet --update-baseline", DIFFERS) == 0
    assert capsys.readouterr().out.count("accepted: a.py: RA40") == 2
    assert from_text(path.read_text(), "b") == KNOWN
    assert command("ci --quiet", DIFFERS) == 0

    repaired = replace(DIFFERS, findings=(ONE,), is_complete=True)
    before = path.read_bytes()
    assert command("ci --quiet", repaired) == 0
    assert (
        "fixed: a.py: RA402 aten::op402 a.py; remove it with --update-baseline"
        in capsys.readouterr().out
    )
    assert path.read_bytes() == before
    assert command("ci --quiet --update-baseline", repaired) == 0
    assert "removed: a.py: RA402" in capsys.readouterr().out
    assert from_text(path.read_text(), "b") == KNOWN[:1]

    assert command("ci --quiet --update-baseline", DIFFERS) == 1
    assert "new: RA402" in capsys.readouterr().out
    assert from_text(path.read_text(), "b") == KNOWN[:1]


def test_no_word_at_all_is_the_gate_where_subjects_are_configured_and_a_mistake_where_none_are(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("", EQUAL, DIFFERS) == 1
    assert "2 subjects, 2 divergences not accepted: failed" in capsys.readouterr().out
    (tmp_path / "pyproject.toml").write_text("[tool.reproaudit]\nruns = 3\n")
    assert command("") == 2
    assert "no subject was named" in capsys.readouterr().err


def test_reports_are_written_over_all_subjects_also_when_no_baseline_can_be_made(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "ci --quiet --update-baseline --report terminal=all.txt --out results"
    (tmp_path / "b.py").unlink()
    assert command(words, DIFFERS) == 2
    out, error = capsys.readouterr()
    assert "b.py" in (tmp_path / "all.txt").read_text()
    assert "not audited       b.py" in out
    assert "[baseline-incomplete]" in error
    assert not (tmp_path / "reproaudit-baseline.json").exists()
    kept = {path.name: from_json(path.read_text()) for path in (tmp_path / "results").iterdir()}
    assert {name: result.verdict for name, result in kept.items()} == {
        "result-a.py.json": Verdict.NOT_REPRODUCIBLE,
        "result-b.py.json": Verdict.NOT_AUDITED,
    }
    assert str(tmp_path) not in "".join(
        path.read_text() for path in (tmp_path / "results").iterdir()
    )


def test_a_report_on_stdout_is_all_that_stands_there(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("ci --quiet --only a.py --report json=-", DIFFERS) == 1
    assert json.loads(capsys.readouterr().out)["subject"] == "a.py"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ci --only c.py", "[subject-unknown]"),
        ("ci --report json=x.json", "[report-one-result]"),
        ("ci --report pdf=x", "[report-format]"),
        ("ci --update-baseline --only a.py", "[baseline-incomplete]"),
        ("ci --baseline broken.json", "[baseline-corrupt]"),
        ("ci train.py", "train.py"),
    ],
)
def test_a_mistake_is_told_before_anything_is_audited(
    words: str,
    said: str,
    command: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "broken.json").write_text("{}")
    monkeypatch.setattr(ci, "audit_all", lambda *words: pytest.fail("an audit was started"))
    assert main(words.split()) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert said in error


def test_the_gate_without_subjects_says_how_to_configure_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.reproaudit]\n")
    monkeypatch.chdir(tmp_path)
    assert main(["ci"]) == 2
    assert "[no-subjects]" in capsys.readouterr().err


def test_what_is_chosen_reaches_the_audit_of_each_subject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.reproaudit]\n"
        "subjects = ['a.py --lr 1', {subject = 'a.py', name = 'b', runs = 4, seed = 3}]\n"
        "runs = 3\nsteps = 7\n"
        "ignore = {'*.bias' = 'unused'}\ntolerances = {'output:*' = {ulp = 1}}\n"
    )
    (tmp_path / "a.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPROAUDIT_TIMEOUT", "9")
    seen = []
    monkeypatch.setattr(
        "reproaudit.experiment.audit.audit",
        lambda options, progress: (seen.append(options), EQUAL)[1],
    )
    assert main(["ci", "--quiet", "--steps", "2"]) == 0
    assert [
        (one.runs, one.steps, one.timeout_s, one.settings.seed, one.subject.argv) for one in seen
    ] == [
        (3, 2, 9.0, None, ("--lr", "1")),
        (4, 2, 9.0, 3, ()),
    ]
    assert all(
        one.ignored[0].reason == "unused" and one.tolerances.by_tensor[0][1].ulp == 1
        for one in seen
    )
    assert "passed" in capsys.readouterr().out


def test_every_option_of_the_gate_has_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    lines = ci.make_ci_parser().format_help().splitlines()
    options = [
        (line, after) for line, after in itertools.pairwise([*lines, ""]) if line.startswith("  -")
    ]
    assert len(options) > 5
    # The help stands beside the option, or below it where the option is long.
    assert [
        line for line, after in options if "  " not in line[2:] and not after.startswith(" " * 8)
    ] == []


def test_files_of_results_are_all_different_whatever_the_subjects_are_called(
    tmp_path: Path,
) -> None:
    names = ci.name_result_files(subjects(tmp_path, "a b", "a/b", "A?B", "..", "a b-2")).values()
    assert len({name.lower() for name in names}) == 5
    assert all(name.startswith("result-") and "/" not in name for name in names)


@pytest.mark.slow
def test_a_project_goes_from_failing_to_accepted_to_repaired(tmp_path: Path) -> None:
    """The whole of it, as a user does it: two programs, one of which draws without a seed."""
    clean = (PROGRAMS / "clean.py").read_text()
    (tmp_path / "clean.py").write_text(clean)
    (tmp_path / "noisy.py").write_text((PROGRAMS / "unseeded.py").read_text())
    shutil.copy(PROGRAMS / "plain_sgd.py", tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        "[tool.reproaudit]\nruns = 2\nsteps = 1\n"
        'subjects = ["clean.py", {subject = "noisy.py", name = "noisy"}]\n'
    )
    words = ("ci", "--quiet", "--no-diagnosis", "--no-alerts")
    noisy = (*words, "--only", "noisy")  # the clean program is run once: each run imports torch
    assert reproaudit(tmp_path, *noisy).returncode == 1
    created = reproaudit(tmp_path, *words, "--update-baseline")
    assert created.returncode == 0, created.stderr
    assert "reproducible      clean.py" in created.stdout
    assert reproaudit(tmp_path, *noisy).returncode == 0
    (tmp_path / "noisy.py").write_text(clean)
    repaired = reproaudit(tmp_path, *noisy, "--update-baseline")
    assert (repaired.returncode, repaired.stdout.count("removed: noisy")) == (0, 1), repaired.stdout
    assert from_text((tmp_path / "reproaudit-baseline.json").read_text(), "b") == ()
