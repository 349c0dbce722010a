"""Auditing a program within this process, where a test would otherwise pay for the start of a dozen
processes."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.repeat import RepeatOptions, repeat
from reproaudit.model.result import AuditResult
from reproaudit.pytest_plugin.recording import repetitions_from_here
from reproaudit.runs.budget import Budget
from reproaudit.runs.in_process import InProcessLab
from reproaudit.runs.request import RunMaker
from tests.auditing import PROGRAMS


def audit_here(program: str, *argv: str, runs: int = 4) -> AuditResult:
    """Repeat a program of tests/programs and diagnose what differs. Each repetition starts from the
    same seeds."""
    subject = SubjectSpec(SubjectKind.ATTRIBUTE, PROGRAMS, path=program, attribute="<module>")

    def make(folder: Path) -> RunMaker:
        def body(current: object) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.argv", [program, *argv])
                runpy.run_path(str(PROGRAMS / program))

        return InProcessLab(
            body,
            subject,
            folder,
            record=repetitions_from_here(seed=0),
            budget=Budget(runs=40, seconds=60.0),
        )

    return repeat(RepeatOptions(program, subject, runs), make, "inprocess")
