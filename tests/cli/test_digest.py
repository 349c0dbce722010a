"""`reproaudit digest`: runs are compared by what is sent in place of their traces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproaudit.cli.main import main
from reproaudit.model.events import EventKind
from reproaudit.trace.records import EVENT
from reproaudit.trace.schema import EVENTS_FILE
from tests.comparison.traces import Row, make_run, make_run_of_ranks

Captured = pytest.CaptureFixture[str]
GRADIENT = EventKind.GRADIENT


def rows_of(*contents: int) -> list[Row]:
    """Two gradients in each step, of which the second has this content."""
    rows = []
    for step, content in enumerate(contents):
        rows.append(Row("weight", 7, kind=GRADIENT, step=step))
        rows.append(Row("weight", content, kind=GRADIENT, step=step))
    return rows


def write(folder: Path, index: int, rows: list[Row]) -> str:
    return str(make_run(folder, index, rows).main.directory)


def compare(folder: Path, first: list[Row], second: list[Row]) -> int:
    """Compare the second run with the digests of the first one."""
    digests = str(folder / "a.digests")
    assert main(["digest", write(folder, 0, first), "--out", digests]) == 0
    return main(["digest", write(folder, 1, second), "--against", digests])


def test_the_digests_of_the_steps_are_printed_as_json(tmp_path: Path, capsys: Captured) -> None:
    left = Row("weight", 3, kind=EventKind.FINAL)
    outlines = []
    for index, contents in enumerate(((5, 6), (5, 8))):
        assert main(["digest", write(tmp_path, index, [*rows_of(*contents), left])]) == 0
        outlines.append(json.loads(capsys.readouterr().out))
    first, second = outlines
    assert [(row["step"], row["tensors"]) for row in first["steps"]] == [(0, 2), (1, 2), (None, 1)]
    pairs = zip(first["steps"], second["steps"], strict=True)
    assert [one["digest"] == other["digest"] for one, other in pairs] == [True, False, True]
    assert first["root"] != second["root"]


def test_a_run_without_tensors_has_no_steps(tmp_path: Path, capsys: Captured) -> None:
    assert main(["digest", write(tmp_path, 0, [Row("aten::mm", 1)])]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == []


def test_equal_runs_are_said_to_be_equal(tmp_path: Path, capsys: Captured) -> None:
    assert compare(tmp_path, rows_of(5, 6), rows_of(5, 6)) == 0
    said = f"equal to {tmp_path / 'a.digests'}: 4 tensors, step by step\n"
    assert capsys.readouterr().out.endswith(said)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (rows_of(5, 6, 7), rows_of(5, 8, 9), "first in step 1: gradient weight, occurrence 2\n"),
        (rows_of(5, 6), rows_of(5), "first in step 1: only the other run has tensors there\n"),
        (rows_of(5), rows_of(5, 6), "first in step 1: only this run has tensors there\n"),
        (
            [*rows_of(5), Row("z", 1, kind=GRADIENT)],
            rows_of(5),
            "first in step 0: the other run has more than the 2 tensors of this one\n",
        ),
        (
            [*rows_of(5), Row("w", 1, kind=EventKind.FINAL)],
            [*rows_of(5), Row("w", 2, kind=EventKind.FINAL)],
            "first after the last step: final w\n",
        ),
    ],
)
def test_the_first_difference_is_named(
    first: list[Row], second: list[Row], said: str, tmp_path: Path, capsys: Captured
) -> None:
    assert compare(tmp_path, first, second) == 1
    assert capsys.readouterr().out.endswith(said)


def test_the_process_of_a_rank_is_named(tmp_path: Path, capsys: Captured) -> None:
    digests = str(tmp_path / "a.digests")
    folders = []
    for index in range(2):
        row = Row("w", 5, kind=GRADIENT)
        ranks = make_run_of_ranks(tmp_path, index, [[row], [Row("w", index + 1, kind=GRADIENT)]])
        assert ranks.launcher is not None
        folders.append(str(ranks.launcher.directory))
    assert main(["digest", folders[0], "--out", digests]) == 0
    assert main(["digest", folders[1], "--against", digests]) == 1
    assert "first in step 0: gradient w, process rank-1\n" in capsys.readouterr().out


def test_two_runs_without_tensors_are_not_equal(tmp_path: Path, capsys: Captured) -> None:
    nothing = [Row("aten::mm", 1)]
    assert compare(tmp_path, nothing, nothing) == 2
    assert "nothing was compared" in capsys.readouterr().err


def test_of_a_damaged_trace_only_what_is_there_is_covered_and_that_is_said(
    tmp_path: Path, capsys: Captured
) -> None:
    folder = write(tmp_path, 0, rows_of(5, 6))
    events = Path(folder) / EVENTS_FILE
    events.write_bytes(events.read_bytes()[: 2 * EVENT.itemsize])
    assert main(["digest", folder]) == 0
    out, error = capsys.readouterr()
    assert [row["step"] for row in json.loads(out)["steps"]] == [0]
    assert "only what is there has digests: events.bin ends after 2 events of 4" in error


@pytest.mark.parametrize(("content", "code"), [(5, 2), (9, 1)])
def test_what_a_damaged_trace_lacks_is_no_difference(
    content: int, code: int, tmp_path: Path, capsys: Captured
) -> None:
    digests = str(tmp_path / "a.digests")
    assert main(["digest", write(tmp_path, 0, rows_of(5, 6, 7)), "--out", digests]) == 0
    folder = write(tmp_path, 1, rows_of(content, 6, 7))
    events = Path(folder) / EVENTS_FILE
    events.write_bytes(events.read_bytes()[: 3 * EVENT.itemsize])
    assert main(["digest", folder, "--against", digests]) == code
    assert ("do not differ, and the trace lacks events" in capsys.readouterr().err) == (code == 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"", "it does not begin as digests of a run"),
        (b"reproaudit-tree\x01\x01\x00\x00\x00", "it is cut off"),
        (b"reproaudit-tree\x02", "another version of reproaudit made it"),
    ],
)
def test_a_file_without_digests_gets_one_error(
    content: bytes | None, said: str, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "a.digests"
    if content is not None:
        path.write_bytes(content)
    folder = write(tmp_path, 0, rows_of(5))
    assert main(["digest", folder, "--against", str(path)]) == 2
    error = capsys.readouterr().err
    assert f"cannot read {str(path)!r}: {said}" in error
    assert "[digests-unreadable]" in error


def test_digests_that_cannot_be_written_get_one_error(tmp_path: Path, capsys: Captured) -> None:
    folder = write(tmp_path, 0, rows_of(5))
    assert main(["digest", folder, "--out", str(tmp_path)]) == 2
    assert "[trace-unwritable]" in capsys.readouterr().err


def test_no_digests_are_written_of_a_damaged_trace(tmp_path: Path, capsys: Captured) -> None:
    folder = write(tmp_path, 0, rows_of(5, 6))
    events = Path(folder) / EVENTS_FILE
    events.write_bytes(events.read_bytes()[: 2 * EVENT.itemsize])
    digests = tmp_path / "a.digests"
    assert main(["digest", folder, "--out", str(digests)]) == 2
    out, error = capsys.readouterr()
    assert "events.bin ends after 2 events of 4 [trace-incomplete]" in error
    assert not out
    assert not digests.exists()
