"""How the end of a run is written into its trace, and read from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproaudit.errors import TraceError
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.trace.ending import finalise_outcome, read_outcome
from reproaudit.trace.reader import Trace
from tests.trace.sample import DONE, new_writer, write_sample


def test_a_finalised_outcome_changes_nothing_else(tmp_path: Path) -> None:
    expected = write_sample(tmp_path / "t")
    before = json.loads((tmp_path / "t" / "run.json").read_text())
    finalise_outcome(tmp_path / "t", Outcome(OutcomeKind.TIMED_OUT, None, "after 3 s"))
    after = json.loads((tmp_path / "t" / "run.json").read_text())
    assert after == before | {"outcome": {"kind": "timed-out", "code": None, "detail": "after 3 s"}}
    assert (Trace.open(tmp_path / "t").events == expected).all()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "trace-missing"),
        (b"", "trace-corrupt"),
        (b"[]", "trace-corrupt"),
        (b"{}", "trace-corrupt"),
    ],
)
def test_an_outcome_cannot_be_written_where_there_is_no_trace(
    tmp_path: Path, content: bytes | None, code: str
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(TraceError) as caught:
        finalise_outcome(tmp_path, DONE)
    assert caught.value.code == code
    assert content is None or (tmp_path / "run.json").read_bytes() == content


def test_the_end_that_was_written_is_read_back(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t")
    live.flush(1)
    running = read_outcome(tmp_path / "t")
    assert running is not None
    assert running.kind is OutcomeKind.RUNNING
    killed = Outcome(OutcomeKind.KILLED, -9, "SIGKILL")
    finalise_outcome(tmp_path / "t", killed)
    assert read_outcome(tmp_path / "t") == killed


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{}", b'{"outcome": {"kind": "vanished"}}', b"\xff"]
)
def test_an_end_that_cannot_be_read_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content)
    assert read_outcome(tmp_path) is None
