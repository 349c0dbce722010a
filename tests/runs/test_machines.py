"""Runs of different hardware are not compared by mistake, and what was made again is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import parse_subject
from reproaudit.errors import SubjectError
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.runs.executors.protocol import Job, JobEnd
from reproaudit.runs.machines import Machines

COMPLETED = Outcome(OutcomeKind.COMPLETED)


def make_job(hardware: str = "") -> Job:
    plan = RunPlan(trace_dir=Path("run-0"), subject=parse_subject("echo"))
    return Job(plan=plan, log=Path("run-0.log"), folder=Path(), python="python", hardware=hardware)


def test_where_a_run_was_made_is_known_by_its_name() -> None:
    machines = Machines()
    machines.learn("run-0", make_job(), JobEnd(outcome=COMPLETED, hardware="EPYC"))
    assert machines.hardware_of("run-0") == "EPYC"
    assert machines.hardware_of("run-1") == ""
    assert machines.notes == ()


def test_a_run_that_was_made_again_is_noted_with_the_reason() -> None:
    machines = Machines()
    machines.learn("run-0", make_job(), JobEnd(outcome=COMPLETED, remade="its node is gone"))
    [note] = machines.notes
    assert note.code is Unchecked.RUN_REMADE
    assert note.what.startswith("run-0")
    assert "its node is gone" in note.why


def test_a_run_of_other_hardware_than_is_wanted_is_an_error() -> None:
    machines = Machines(wanted="EPYC")
    machines.learn("run-0", make_job("EPYC"), JobEnd(outcome=COMPLETED, hardware="EPYC"))
    with pytest.raises(SubjectError, match="made on Xeon") as caught:
        machines.learn("run-1", make_job("EPYC"), JobEnd(outcome=COMPLETED, hardware="Xeon"))
    assert caught.value.code == "other-hardware"
