"""Which lines of the program's source a result has, and which files are never read."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.config.tolerance import Tolerances
from reproaudit.experiment.excerpts import (
    LINES_AROUND,
    MOST_COLUMNS,
    MOST_PLACES,
    SourceFolder,
    read_excerpts,
)
from reproaudit.experiment.offline import compare_traces
from reproaudit.model.events import Change, EventKind, Location, ProgramWarning
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.result import AuditResult
from reproaudit.trace.schema import RUN_FILE
from tests.comparison.traces import Row, make_run
from tests.notebooks import write_notebook
from tests.report.cases import EMPTY, ONE_DIVERGENCE


def naming(*locations: Location) -> AuditResult:
    """Return a result with a warning at each place."""
    warnings = tuple(ProgramWarning("", location=location) for location in locations)
    return replace(EMPTY, warnings=warnings)


def excerpts(folder: Path, *places: tuple[str, int]) -> tuple[Excerpt, ...]:
    locations = (Location(path, line) for path, line in places)
    return read_excerpts(naming(*locations), SourceFolder(folder))


def write_lines(folder: Path, count: int = 100, name: str = "train.py") -> None:
    text = "".join(f"line {number}\n" for number in range(1, count + 1))
    (folder / name).write_text(text)


def test_lines_around_a_place_are_taken_and_places_close_by_share_them(tmp_path: Path) -> None:
    write_lines(tmp_path)
    first, second = excerpts(tmp_path, ("train.py", 60), ("train.py", 30), ("train.py", 20))
    assert first.first_line == 20 - LINES_AROUND
    assert first.lines[LINES_AROUND] == "line 20"
    assert len(first.lines) == 10 + 2 * LINES_AROUND + 1
    assert (second.first_line, second.lines[-1]) == (60 - LINES_AROUND, f"line {60 + LINES_AROUND}")


def test_a_file_s_beginning_and_end_bound_what_is_taken(tmp_path: Path) -> None:
    write_lines(tmp_path, 3)
    (one,) = excerpts(tmp_path, ("train.py", 1), ("train.py", 3), ("train.py", 90))
    assert one == Excerpt("train.py", 1, ("line 1", "line 2", "line 3", ""))


def test_every_place_that_reports_name_has_its_lines(tmp_path: Path) -> None:
    (finding, *_) = ONE_DIVERGENCE.findings
    names = ["alert.py", "warning.py", "other.py", "change.py", "finding.py"]
    for name in names:
        write_lines(tmp_path, 1, name)
    alert, warning, other, change, found = (Location(name, 1) for name in names)
    result = replace(
        EMPTY,
        findings=(replace(finding, location=found),),
        alerts=(replace(ONE_DIVERGENCE.alerts[0], location=alert),),
        warnings=(ProgramWarning("", location=warning, others=(other,)),),
        changes=(Change("", "", "", change), Change("", "", "")),
    )
    paths = [one.path for one in read_excerpts(result, SourceFolder(tmp_path))]
    assert paths == ["finding.py", "alert.py", "warning.py", "other.py", "change.py"]


def test_long_lines_are_cut_and_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_bytes(b"x" * 5000 + b"\r\ny = '\xff'\rz = 1\n")
    (one,) = excerpts(tmp_path, ("train.py", 1))
    assert one.lines == ("x" * MOST_COLUMNS + "…", "y = '\ufffd'", "z = 1", "")


def test_a_file_is_read_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("# coding: latin-1\nx = 'é'".encode("latin-1"))
    (tmp_path / "b.py").write_bytes("# coding: none-such\nx = 'é'".encode())
    first, second = excerpts(tmp_path, ("a.py", 1), ("b.py", 1))
    assert first.lines[1] == second.lines[1] == "x = 'é'"


def test_a_notebook_s_lines_are_those_of_the_cell(tmp_path: Path) -> None:
    write_notebook(tmp_path / "a.ipynb", "x = 1\ny = 2", "z = 3")
    result = naming(Location("a.ipynb", 1, cell=2), Location("a.ipynb", 1, cell=7))
    (one,) = read_excerpts(result, SourceFolder(tmp_path))
    assert one == Excerpt("a.ipynb", 1, ("z = 3",), cell=2)


def test_what_is_no_source_of_the_program_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir()
    write_lines(tmp_path, name="site-packages/torch.py")
    (tmp_path / "binary.so").write_bytes(b"\x7fELF\0")
    (tmp_path / "huge.py").write_bytes(b"x\n" * (3 << 20))
    os.mkfifo(tmp_path / "pipe.py")
    places = [
        "site-packages/torch.py",
        "binary.so",
        "huge.py",
        "pipe.py",
        "absent.py",
        "<string>",
        "null\0.py",
        ".",
        "",
    ]
    assert excerpts(tmp_path, *((path, 1) for path in places)) == ()
    (tmp_path / "broken.ipynb").write_text("{}")
    result = naming(Location("broken.ipynb", 1, cell=1), Location("train.py", 1, cell=1))
    assert read_excerpts(result, SourceFolder(tmp_path)) == ()


def test_of_many_places_the_first_ones_are_taken(tmp_path: Path) -> None:
    write_lines(tmp_path, 10_000)
    found = excerpts(tmp_path, *(("train.py", 100 * n) for n in range(1, 100)))
    assert [one.first_line + LINES_AROUND for one in found] == [
        100 * n for n in range(1, MOST_PLACES + 1)
    ]


# -- of traces


def compare(folder: Path, path: str = "train.py", *, shows_source: bool = True) -> AuditResult:
    def rows(content: int) -> list[Row]:
        return [
            Row("aten::mm", content, 3, line=7, path=path),
            Row("loss", content, kind=EventKind.OUTPUT),
        ]

    traces = [make_run(folder / "traces", n, rows(n)).main.directory for n in (1, 2)]
    return compare_traces(traces, Tolerances(), shows_source=shows_source)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose program is older than any trace."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_lines(folder)
    os.utime(folder / "train.py", (0, 0))
    return folder


def test_traces_show_the_lines_of_a_program_that_is_as_it_was(here: Path) -> None:
    (one,) = compare(here).excerpts
    assert (one.path, one.first_line, one.lines[6]) == ("train.py", 1, "line 7")
    assert compare(here.parent, shows_source=False).excerpts == ()


def test_a_program_that_was_changed_since_is_not_shown(here: Path) -> None:
    assert len(compare(here).excerpts) == 1
    newer = (here / "traces" / "run-1" / RUN_FILE).stat().st_mtime_ns + 1
    os.utime(here / "train.py", ns=(newer, newer))
    traces = [here / "traces" / f"run-{n}" for n in (1, 2)]
    assert compare_traces(traces, Tolerances()).excerpts == ()


@pytest.mark.parametrize("path", ["../secret.py", "link.py", "ABSOLUTE"])
def test_a_stranger_s_trace_shows_no_file_from_elsewhere(here: Path, path: str) -> None:
    secret = here.parent / "secret.py"
    write_lines(here.parent, name="secret.py")
    os.utime(secret, (0, 0))
    (here / "link.py").symlink_to(secret)
    result = compare(here, str(secret) if path == "ABSOLUTE" else path)
    assert len(result.findings) == 1
    assert result.excerpts == ()
