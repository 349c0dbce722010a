"""What becomes of the folder with the traces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproaudit.errors import SubjectError
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.trace.schema import EVENTS_FILE


def record(folder: Path, name: str, ending: str, content: bytes = b"x") -> None:
    run = folder / name
    run.mkdir(parents=True)
    (run / EVENTS_FILE).write_bytes(content)
    outcome = {"kind": ending, "code": 0, "detail": ""}
    (run / "run.json").write_text(json.dumps({"outcome": outcome}))
    (folder / f"{name}.log").touch()


def end(folder: Path, error: BaseException) -> SubjectError:
    with (
        pytest.raises(SubjectError) as caught,
        keep_what_was_recorded(folder, is_temporary=True),
    ):
        raise error
    return caught.value


def test_a_temporary_folder_goes_unless_something_was_recorded_in_it(tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("recorded", b"x")):
        record(tmp_path / name, "run-0", "completed", content)
        error = end(tmp_path / name, SubjectError("it failed", code="subject-failed"))
        assert (str(tmp_path / name) in error.hint) == (name == "recorded")
    assert [path.name for path in tmp_path.iterdir()] == ["recorded"]


def test_what_the_processes_of_a_command_recorded_is_kept(tmp_path: Path) -> None:
    record(tmp_path / "audit", "run-0", "killed", b"")
    record(tmp_path / "audit" / "run-0", "child-python-1", "running")
    error = end(tmp_path / "audit", KeyboardInterrupt())
    assert error.hint == f"recorded so far: {tmp_path / 'audit'}"


def test_a_log_that_an_error_points_to_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "audit" / "run-0.log"
    log.parent.mkdir()
    log.touch()
    end(log.parent, SubjectError("it failed", code="x", hint=f"its output is in {log}"))
    assert log.exists()


def test_an_interrupted_audit_names_the_very_command_that_compares_its_whole_runs(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "an audit"
    for number in (10, 9):
        record(folder, f"run-{number}", "completed")
    record(folder, "run-11", "killed")
    hint = end(folder, KeyboardInterrupt()).hint
    assert hint.endswith(f"reproaudit compare '{folder}/run-9' '{folder}/run-10'")


def test_an_audit_that_was_interrupted_in_its_first_run_suggests_no_comparison(
    tmp_path: Path,
) -> None:
    record(tmp_path / "begun", "run-0", "killed")
    assert end(tmp_path / "begun", KeyboardInterrupt()).hint.endswith(str(tmp_path / "begun"))
    (tmp_path / "nothing").mkdir()
    assert end(tmp_path / "nothing", KeyboardInterrupt()).hint == ""
    assert not (tmp_path / "nothing").exists()
