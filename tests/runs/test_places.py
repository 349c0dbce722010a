"""What is in the way of the files of runs is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.errors import UsageError
from reproaudit.runs.places import make_folder_of_runs, require_place


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError) as caught:
        make_folder_of_runs(tmp_path / "file" / "below")
    assert caught.value.code == "trace-unwritable"
    assert str(tmp_path / "file" / "below") in caught.value.message


def test_a_link_in_the_place_of_a_run_is_refused_and_one_above_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    require_place(tmp_path / "link" / "run-0")
    with pytest.raises(UsageError, match="symbolic link"):
        require_place(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no folder"):
        require_place(tmp_path / "file")
