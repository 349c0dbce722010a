from __future__ import annotations

import os
from pathlib import Path

import pytest

from reproaudit.record.process.places import Place, shorten_name, take_place
from reproaudit.startup import PLACE_VARIABLE

WORDS = ["/usr/bin/python3", "train.py"]


def test_the_place_that_the_parent_gives_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLACE_VARIABLE, f"{os.getppid()}:spawned-2:1")
    assert take_place(str(tmp_path), WORDS) == Place("spawned-2", "1")


def test_a_place_that_another_process_gave_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLACE_VARIABLE, f"{os.getppid() + 1}:spawned-2:1")
    assert take_place(str(tmp_path), WORDS) == Place("python3-1", "1")


def test_a_place_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PLACE_VARIABLE, raising=False)
    found = [take_place(str(tmp_path), WORDS) for _ in range(3)]
    assert [place.label for place in found if place is not None] == [
        "python3-1",
        "python3-2",
        "python3-3",
    ]


def test_without_a_folder_there_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert take_place(str(tmp_path / "file"), WORDS) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b/python3.11", "python3.11"),
        ("my tool!", "my_tool"),
        ("...", "process"),
        ("", "process"),
    ],
)
def test_a_name_can_be_part_of_a_folder(path: str, name: str) -> None:
    assert shorten_name(path) == name
