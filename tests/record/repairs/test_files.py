"""Whether the program sees folders in one order and files of one age, and Python itself sees the
truth."""

from __future__ import annotations

import filecmp
import glob
import os
import pathlib
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reproaudit.record.hooks.callsite import FrameKinds
from reproaudit.record.hooks.patching import Patches
from reproaudit.record.repairs import Reach, files
from tests.record.repairs.running import is_reproducible

REAL_STAT, REAL_LISTDIR, REAL_SCANDIR = os.stat, os.listdir, os.scandir
NAMES = [f"{number:02}" for number in range(12)]
TRAINING = """
import glob, os, tempfile
import torch

folder = tempfile.mkdtemp()
for second, value in enumerate(torch.randperm(16)):
    path = os.path.join(folder, str(int(value)))
    open(path, "w").close()
    os.utime(path, (second, second))  # files that are made at once may be of one age
torch.manual_seed(0)
model = torch.nn.Linear(1, 1)
from plain_sgd import SGD
optimizer = SGD(model.parameters(), lr=0.1)
for path in sorted(glob.glob(folder + '/*'), key=os.path.getmtime):
    optimizer.zero_grad()
    model(torch.full((1, 1), float(os.path.basename(path)))).sum().backward()
    optimizer.step()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run the test as a program under the repair, on a file system that lists names in an order of
    its own."""
    names = NAMES.copy()
    random.Random(1).shuffle(names)
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        os.utime(tmp_path / name / "file", (1000 + int(name), 2000 + int(name)))
    monkeypatch.setattr(os, "listdir", lambda path=None: shuffled(REAL_LISTDIR(path)))
    monkeypatch.setattr(os, "scandir", lambda path=None: Shuffled(path))
    patches = Patches()
    files.install(
        Reach(patches, FrameKinds().is_program, lambda name, action: None, lambda action: None)
    )
    yield tmp_path
    patches.undo()


def shuffled(items: list[str]) -> list[str]:
    return random.Random(2).sample(sorted(items), len(items))


class Shuffled:
    def __init__(self, path: object) -> None:
        with REAL_SCANDIR(path) as entries:  # type: ignore[call-overload]
            self._entries = sorted(entries, key=lambda entry: entry.name[::-1])

    def __enter__(self) -> Iterator[object]:
        return iter(self._entries)

    def __exit__(self, *raised: object) -> None:
        pass


LISTINGS: dict[str, Callable[[Path], list[str]]] = {
    "os.listdir": lambda folder: [
        *os.listdir(folder)
    ],  # looked up when it is called, as all of these
    "os.listdir of bytes": lambda folder: [
        name.decode() for name in os.listdir(os.fsencode(folder))
    ],
    "os.scandir": lambda folder: [entry.name for entry in os.scandir(str(folder))],
    "os.scandir of bytes": lambda folder: [
        entry.name.decode() for entry in os.scandir(os.fsencode(folder))
    ],
    "os.walk": lambda folder: next(os.walk(folder))[1],
    "os.fwalk": lambda folder: next(os.fwalk(folder))[1],
    "glob.glob": lambda folder: [os.path.basename(path) for path in glob.glob(f"{folder}/*")],
    "glob.iglob": lambda folder: [
        path.split("/")[-2] for path in glob.iglob(f"{folder}/**/file", recursive=True)
    ],
    "Path.iterdir": lambda folder: [path.name for path in folder.iterdir()],
    "Path.glob": lambda folder: [path.name for path in folder.glob("*")],
    "Path.rglob": lambda folder: [path.parent.name for path in folder.rglob("file")],
}
AGES: dict[str, Callable[[Path], object]] = {
    "os.stat": lambda path: os.stat(path).st_mtime,
    "os.stat in ns": lambda path: os.stat(path).st_mtime_ns,
    "os.stat as a tuple": lambda path: os.stat(path)[stat.ST_MTIME],
    "os.lstat": lambda path: os.lstat(path).st_atime,
    "os.path.getmtime": lambda path: (os.path.getmtime(path),),
    "os.path.getatime": lambda path: (os.path.getatime(path),),
    "Path.stat": lambda path: path.stat().st_mtime,
    "Path.lstat": lambda path: path.lstat().st_mtime,
    "DirEntry.stat": lambda path: next(
        e.stat().st_mtime for e in os.scandir(path.parent) if e.name == path.name
    ),
}


@pytest.mark.parametrize("listing", LISTINGS)
def test_entries_are_sorted_by_name(folder: Path, listing: str) -> None:
    assert LISTINGS[listing](folder) == NAMES


@pytest.mark.parametrize("age", AGES)
def test_all_files_are_of_one_age(folder: Path, age: str) -> None:
    assert len({AGES[age](folder / name / "file") for name in NAMES}) == 1


def test_all_but_the_times_is_told_as_it_is(folder: Path) -> None:
    seen, real = os.stat(folder), REAL_STAT(folder)
    assert (seen.st_mode, seen.st_ino, seen.st_size, seen.st_uid) == (
        real.st_mode,
        real.st_ino,
        real.st_size,
        real.st_uid,
    )
    assert (seen.st_blksize, seen.st_blocks) == (real.st_blksize, real.st_blocks)
    assert seen.st_mtime_ns == seen.st_mtime * 1_000_000_000 == seen[stat.ST_MTIME] * 1_000_000_000
    assert type(seen.st_mtime) is float


def test_a_file_that_is_not_there_has_no_age(folder: Path) -> None:
    for look in (os.stat, os.path.getmtime, pathlib.Path.stat):
        with pytest.raises(FileNotFoundError):
            look(folder / "nothing")  # type: ignore[operator]


def test_copies_and_comparisons_by_the_standard_library_see_real_times(folder: Path) -> None:
    shutil.copytree(folder, folder / "copy", symlinks=True)
    assert REAL_STAT(folder / "copy" / "05" / "file").st_mtime == 2005
    assert filecmp.cmp(folder / "05" / "file", folder / "copy" / "05" / "file")
    (folder / "link").symlink_to(folder / "05" / "file")
    shutil.copy2(folder / "link", folder / "linked", follow_symlinks=False)
    assert (folder / "linked").is_symlink()
    shutil.rmtree(folder / "copy")
    assert "copy" not in os.listdir(folder)


def test_a_scan_ends_when_it_is_closed(folder: Path) -> None:
    with os.scandir(folder) as entries:
        assert isinstance(next(entries), os.DirEntry)
    assert list(entries) == []
    with pytest.raises(FileNotFoundError):
        os.scandir(folder / "nothing")


def test_what_the_functions_of_os_support_is_told_of_those_in_their_place(folder: Path) -> None:
    assert os.stat in os.supports_dir_fd
    assert os.stat in os.supports_follow_symlinks


@pytest.mark.slow
def test_an_audit_of_a_program_that_reads_files_by_age_is_reproducible(tmp_path: Path) -> None:
    assert not is_reproducible(tmp_path, TRAINING)
    assert is_reproducible(tmp_path, TRAINING, "files.sorted")
