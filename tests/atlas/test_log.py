"""The log of a sweep: what survives an interruption, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.atlas.cells import Request
from reproaudit.atlas.log import Log
from reproaudit.errors import ReproauditError

ENVIRONMENT = {"torch": "2.13.0", "cpu cores": "2"}
CELL = "cpu/gather/float32/large/t2/backward"


def begun(path: Path) -> Log:
    log = Log(path)
    log.begin(ENVIRONMENT, Request().to_json())
    return log


def test_a_sweep_goes_on_with_the_cells_that_it_had(tmp_path: Path) -> None:
    log = begun(tmp_path / "log")
    log.add({"cell": CELL, "status": "differs"})
    log.add({"cell": CELL, "confirm": {"again": True}})
    log.close()
    again = begun(tmp_path / "log")
    again.close()
    assert again.cells == {CELL: {"cell": CELL, "status": "differs", "confirm": {"again": True}}}
    assert again.head["environment"] == ENVIRONMENT


def test_a_last_line_that_was_not_finished_is_dropped_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = begun(path)
    log.add({"cell": CELL, "status": "stable"})
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"cell": "cpu/half')
    again = begun(path)
    again.add({"cell": "other", "status": "stable"})
    again.close()
    assert set(again.cells) == {CELL, "other"}
    assert path.read_bytes().startswith(whole + b'{"cell": "other"')


def test_an_error_with_line_ends_of_its_own_stays_one_record(tmp_path: Path) -> None:
    record = {"cell": CELL, "status": "crashed", "refusal": "one\u2028two\u2029three\x85four\n"}
    log = begun(tmp_path / "log")
    log.add(record)
    log.close()
    again = begun(tmp_path / "log")
    again.close()
    assert again.cells == {CELL: record}


def test_a_broken_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    begun(path).close()
    path.write_bytes(path.read_bytes() + b"nonsense\n" + b'{"cell": "a", "status": "stable"}\n')
    with pytest.raises(ReproauditError, match=r"line 2 .*\[atlas-log\]"):
        Log(path)


def test_cells_of_another_torch_do_not_join_the_table(tmp_path: Path) -> None:
    path = tmp_path / "log"
    begun(path).close()
    log = Log(path)
    with pytest.raises(
        ReproauditError, match=r"torch 2.13.0 then, 2.14.0 now \[atlas-environment\]"
    ):
        log.begin({**ENVIRONMENT, "torch": "2.14.0"}, Request().to_json())
    log.close()


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"atlas": 99, "environment": {}, "request": {}}\n')
    with pytest.raises(ReproauditError, match="format 99"):
        Log(path)


def test_a_link_in_the_place_of_the_log_leads_nowhere(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("no line end")
    (tmp_path / "log").symlink_to(other)
    with pytest.raises(ReproauditError, match="symbolic link"):
        Log(tmp_path / "log")
    assert other.read_text() == "no line end"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_a_sweep_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(tmp_path / "log")
    log.close()
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(log, "_file", full)
        with pytest.raises(ReproauditError, match="No space left on device"):
            log.begin(ENVIRONMENT, Request().to_json())
        log.close()
