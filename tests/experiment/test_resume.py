"""A resumed run against uninterrupted ones, end to end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import PROGRAMS, audit

TRAIN = PROGRAMS / "resume" / "train.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(TRAIN, tmp_path)
    return tmp_path


def resume(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    return audit(folder, *words, question="resume")


def test_a_program_that_restores_all_it_needs_is_equal_and_its_folder_stays_as_it_was(
    folder: Path,
) -> None:
    code, result = resume(folder, "--at", "6", "train.py")
    assert (code, result["verdict"]) == (0, "reproducible")
    assert [run["condition"] for run in result["run_details"]] == [
        "uninterrupted",
        "uninterrupted",
        "stopped",
        "resumed",
    ]
    assert [run["steps"] for run in result["run_details"]] == [9, 9, 6, 3]
    assert (result["first_step"], result["steps"], result["classes"]) == (6, 3, [[0, 1, 3]])
    assert result["resumption"]["stopped_by"] == "checkpoint"
    assert sorted(path.name for path in folder.iterdir()) == ["result.json", "tmp", "train.py"]


@pytest.mark.parametrize(
    ("forgotten", "kind", "step"),
    [
        ("scheduler", "parameter", 8),
        ("scaler", "output", 6),
        ("average", "saved", 9),
        ("sampler", "batch", 6),
        ("numpy", "batch", 6),
    ],
)
def test_state_that_is_not_restored_is_a_difference_where_it_first_shows(
    folder: Path, forgotten: str, kind: str, step: int
) -> None:
    words = ("--at", "6", "--no-diagnosis", "train.py", "--forget", forgotten)
    code, result = resume(folder, *words)
    assert (code, result["verdict"]) == (1, "not-reproducible")
    assert result["classes"] == [[0, 1], [3]]
    first = result["divergences"][0]
    assert (first["kind"], first["step"], first["runs"]) == (kind, step, [0, 3])
