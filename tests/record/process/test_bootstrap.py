"""An audited program ends as it would have ended, with its own exit code and traceback."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan, to_json
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import OutcomeKind
from reproaudit.trace.failure import read_failure
from reproaudit.trace.reader import Trace
from reproaudit.trace.words import EXIT_USAGE
from tests import warm


def run_program(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(source, encoding="utf-8")
    subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="program.py")
    plan = folder / "plan.json"
    plan.write_text(to_json(RunPlan(folder / "trace", subject)), encoding="utf-8")
    return warm.run(plan, folder, os.environ)


@pytest.mark.parametrize(
    ("ending", "code", "kind"),
    [
        ("pass", 0, OutcomeKind.COMPLETED),
        ("raise SystemExit(3)", 3, OutcomeKind.EXITED),
        ("raise SystemExit('no data')", 1, OutcomeKind.EXITED),
        ("raise SystemExit(True)", 1, OutcomeKind.EXITED),
        ("raise SystemExit(False)", 0, OutcomeKind.COMPLETED),
        ("raise SystemExit(['no', 'data'])", 1, OutcomeKind.EXITED),
        ("import os; os._exit(4)", 4, OutcomeKind.EXITED),
        ("raise ValueError('of the program')", 1, OutcomeKind.RAISED),
    ],
)
def test_the_exit_code_is_the_programs_own_and_the_trace_has_it(
    tmp_path: Path, ending: str, code: int, kind: OutcomeKind
) -> None:
    ended = run_program(tmp_path, f"import torch\n{ending}\n")
    assert ended.returncode == code, ended.stderr
    outcome = Trace.open(tmp_path / "trace").outcome
    assert (outcome.kind, outcome.code) == (kind, code)


def test_a_traceback_shows_no_frame_of_the_recorder(tmp_path: Path) -> None:
    ended = run_program(tmp_path, "import torch\nraise ValueError('of the program')\n")
    assert "ValueError: of the program" in ended.stderr
    assert "program.py" in ended.stderr
    assert "reproaudit" not in ended.stderr


def test_a_plan_that_cannot_be_read_is_a_failure_of_the_recorder(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"level": "none"}), encoding="utf-8")
    ended = warm.run(plan, tmp_path, os.environ)
    assert ended.returncode == EXIT_USAGE
    failure = read_failure(plan)
    assert failure is not None
    assert failure.code == "plan-invalid"
