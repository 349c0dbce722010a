"""The host says what is not checked, and ends a run that cannot be recorded as asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.record.process import host as host_module
from reproaudit.record.process.host import Host
from reproaudit.trace.failure import read_failure
from reproaudit.trace.reader import Trace
from reproaudit.trace.words import EXIT_SOFTWARE


@pytest.fixture
def host(tmp_path: Path) -> Host:
    subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="program.py")
    return Host(RunPlan(tmp_path / "trace", subject))


def test_a_program_that_never_imports_torch_has_a_trace_that_says_so(host: Host) -> None:
    host.outcome = Outcome(OutcomeKind.EXITED, 3, "sys.exit")
    host.close()
    trace = Trace.open(host.plan.trace_dir)
    assert trace.outcome.code == 3
    assert [note.code for note in trace.notes] == [Unchecked.TORCH_NEVER_IMPORTED]


def test_a_run_that_ended_as_it_was_asked_to_is_not_ended_again(host: Host) -> None:
    recorder: Any = SimpleNamespace(is_complete=True, finish=pytest.fail)
    host.recorder = recorder
    host.close()


def test_a_failure_while_installing_ends_the_process(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(host_module, "end_process", codes.append)

    def fail() -> None:
        raise RuntimeError("half of it")

    host.when_imported("sys", fail)
    assert codes == [EXIT_SOFTWARE]
    assert "half of it" in capsys.readouterr().err
    failure = read_failure(host.plan.trace_dir)
    assert failure is not None
    assert failure.message == "the recorder could not be installed"


def test_a_package_that_an_environment_lacks_is_named(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(host_module, "end_process", lambda code: None)

    def fail() -> None:
        raise ModuleNotFoundError("No module named 'xxhash'", name="xxhash")

    host.when_imported("sys", fail)
    failure = read_failure(host.plan.trace_dir)
    assert failure is not None
    assert "it needs xxhash, which is not there for" in failure.message
    assert "pip install reproaudit" in failure.hint


# As in a fork of a notebook's kernel, in which a cell has failed before.
ENDS_BY_OS_EXIT = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.record.process.host import Host
from reproaudit.record.process.places import Place
folder = Path(sys.argv[1])
subject = SubjectSpec(SubjectKind.SCRIPT, folder, path="program.py")
host = Host(RunPlan(folder / "trace", subject))
host.start_in_child(Place("child-a", ""))
tell = lambda outcome: print(outcome.kind.value, outcome.code, flush=True)
host.recorder = SimpleNamespace(is_complete=False, finish=tell)
sys.last_value = ValueError("of a cell")
os._exit(status=int(sys.argv[2]))
"""


@pytest.mark.parametrize(("code", "said"), [(0, "completed 0"), (3, "exited 3")])
def test_a_child_that_ends_by_os_exit_has_not_ended_by_an_error_printed_before(
    tmp_path: Path, code: int, said: str
) -> None:
    words = [sys.executable, "-c", ENDS_BY_OS_EXIT, str(tmp_path), str(code)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == (said, code)
