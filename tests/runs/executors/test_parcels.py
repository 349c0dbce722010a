"""Files travel as they are, and what comes back does not leave its folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from reproaudit.errors import SubjectError
from reproaudit.runs.executors import parcels
from reproaudit.runs.executors.parcels import pack, unpack


def test_files_and_folders_arrive_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a" / "run-0").mkdir(parents=True)
    (tmp_path / "a" / "run-0" / "events.bin").write_bytes(b"\0\1")
    (tmp_path / "a" / "run-0.log").write_text("said")
    (tmp_path / "a" / "other").touch()
    parcel = pack(tmp_path / "a", ["run-0", "run-0.log", "missing"])
    unpack(parcel, tmp_path / "b")
    found = sorted(str(path.relative_to(tmp_path / "b")) for path in tmp_path.glob("b/**/*"))
    assert found == ["run-0", "run-0.log", "run-0/events.bin"]
    assert (tmp_path / "b" / "run-0" / "events.bin").read_bytes() == b"\0\1"


def test_links_of_our_own_stay_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "data").symlink_to(tmp_path)
    unpack(pack(tmp_path / "a", ["data"]), tmp_path / "b", is_ours=True)
    assert (tmp_path / "b" / "data").readlink() == tmp_path


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_a_parcel_that_writes_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        member = tarfile.TarInfo(f"{tmp_path}{name}" if name.startswith("/") else name)
        archive.addfile(member, io.BytesIO())
    if name.startswith("/"):
        # The leading slash is taken off: it stays within.
        unpack(held.getvalue(), tmp_path / "b")
    else:
        with pytest.raises(tarfile.FilterError):
            unpack(held.getvalue(), tmp_path / "b")
    assert not (tmp_path / "outside").exists()


def test_more_than_fits_is_an_error_that_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "MOST_BYTES", 10)
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(SubjectError) as caught:
        pack(tmp_path, ["large"])
    assert caught.value.code == "files-too-large"
    assert "--out" in caught.value.hint
