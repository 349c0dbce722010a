"""Auditing a program within this process, where a test would otherwise pay for the start of a dozen
processes."""

from __future__ import annotations

import itertools
import runpy
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.repeat import RepeatOptions, repeat
from reproaudit.model.result import AuditResult
from reproaudit.pytest_plugin.recording import repetitions_from_here
from reproaudit.record.process.repetition import Repetition
from reproaudit.runs.budget import Budget
from reproaudit.runs.in_process import InProcessLab
from reproaudit.runs.request import RunMaker
from tests.auditing import PROGRAMS
from tests.claims import check_claims


def audit_here(program: str, *argv: str, runs: int = 4) -> AuditResult:
    """Repeat a program of tests/programs and diagnose what differs. Each repetition starts from the
    same seeds."""
    subject = SubjectSpec(SubjectKind.ATTRIBUTE, PROGRAMS, path=program, attribute="<module>")

    def make(folder: Path) -> RunMaker:
        repetitions = itertools.count(1)
        start = repetitions_from_here(seed=0)

        def record(plan: RunPlan) -> AbstractContextManager[Repetition]:
            # Before: what stains the memory differs, and is no part of the program.
            stain_free_memory(next(repetitions), device=argv[0] if argv else "cuda")
            return start(plan)

        def body(current: object) -> None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.argv", [program, *argv])
                runpy.run_path(str(PROGRAMS / program))

        return InProcessLab(
            body,
            subject,
            folder,
            record=record,
            budget=Budget(runs=40, seconds=60.0),
        )

    return check_claims(repeat(RepeatOptions(program, subject, runs), make, "inprocess"))


def stain_free_memory(number: int, *, device: str) -> None:
    """Leave other numbers in the memory that the next tensors are made of.

    What new memory holds is otherwise a matter of luck: repetitions of one process often find the
    same, or numbers so small that no result follows them. No random number is drawn.
    """
    held = [torch.full((128, 16), number / 64, device=device) for _ in range(256)]
    del held
