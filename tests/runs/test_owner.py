"""Folders of audits that were killed go with the next one, and no others."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproaudit.errors import UsageError
from reproaudit.runs.owner import clear_abandoned, give_away, make_temporary_folder


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def change_owner(folder: Path, **changes: object) -> None:
    file = folder / "owner.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_folder_whose_owner_was_killed_goes_with_the_next_audit() -> None:
    code = "from reproaudit.runs.owner import *; import os; print(make_temporary_folder()); "
    made = subprocess.run(
        [sys.executable, "-c", f"{code}os.kill(os.getpid(), 9)"],
        check=False,
        env={**os.environ, "TMPDIR": str(Path(make_temporary_folder()).parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    # What was printed is lost with the process, but not the folder.
    assert made.returncode == -9
    parent = make_temporary_folder().parent
    owners = {json.loads(file.read_text())["pid"] for file in parent.glob("*/owner.json")}
    assert owners == {os.getpid()}


def test_a_folder_goes_if_its_owners_number_is_another_process_now() -> None:
    folder = make_temporary_folder()
    if not json.loads((folder / "owner.json").read_text())["start"]:
        pytest.skip("this system does not tell when a process started")
    change_owner(folder, start="1")
    clear_abandoned(folder.parent)
    assert not folder.exists()


@pytest.mark.parametrize(
    "owner", ["alive", "elsewhere", "given away", "unreadable", "no number", "linked"]
)
def test_a_folder_stays_unless_its_owner_is_known_to_be_gone(owner: str, tmp_path: Path) -> None:
    folder = make_temporary_folder()
    if owner == "elsewhere":
        change_owner(folder, where=["another machine"], pid=2**22 + 1)
    elif owner == "given away":
        give_away(folder)
    elif owner == "unreadable":
        (folder / "owner.json").write_text("[" * 5000)
    elif owner == "no number":
        change_owner(folder, pid=10**30)
    elif owner == "linked":
        change_owner(folder, pid=2**22 + 1)
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "moved")
    clear_abandoned(folder.parent)
    assert folder.is_dir()


def test_no_room_for_a_folder_is_an_error_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/dev/null")
    with pytest.raises(UsageError, match="TMPDIR"):
        make_temporary_folder()


def test_a_folder_that_cannot_say_whose_it_is_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(UsageError, match="No space left"):
        make_temporary_folder()
    assert os.listdir(tmp_path) == []
