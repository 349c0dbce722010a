"""What becomes of the folder with the traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.errors import SubjectError
from reproaudit.runs.recordings import keep_what_was_recorded
from reproaudit.trace.schema import EVENTS_FILE


def test_a_temporary_folder_goes_unless_something_was_recorded_in_it(tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("recorded", b"x")):
        run = tmp_path / name / "run-0"
        run.mkdir(parents=True)
        (run / EVENTS_FILE).write_bytes(content)
        with (
            pytest.raises(SubjectError) as caught,
            keep_what_was_recorded(tmp_path / name, is_temporary=True),
        ):
            raise SubjectError("it failed", code="subject-failed")
        assert (str(tmp_path / name) in caught.value.hint) == (name == "recorded")
    assert [path.name for path in tmp_path.iterdir()] == ["recorded"]
