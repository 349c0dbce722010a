"""A run's directory: its own trace and those of its children."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.trace.runs import MAIN_PROCESS, open_run
from reproaudit.trace.schema import RUN_FILE
from tests.trace.sample import write_sample


def test_children_and_their_children_follow_the_process_that_started_them(tmp_path: Path) -> None:
    for folder in ("run", "run/child-2", "run/child-1", "run/child-1/child-1"):
        write_sample(tmp_path / folder)
    run = open_run(tmp_path / "run", 3)
    labels = [label for label, _ in run.traces]
    assert labels == [MAIN_PROCESS, "child-1", "child-1/child-1", "child-2"]
    assert run.index == 3
    assert run.events == 4 * len(run.main.events)
    assert run.trace_of("child-2") is run.traces[3][1]
    with pytest.raises(KeyError):
        run.trace_of("child-9")


def test_a_broken_child_is_left_out_and_its_own_children_with_it(tmp_path: Path) -> None:
    for folder in ("run", "run/child-1", "run/child-1/child-1", "run/child-2"):
        write_sample(tmp_path / folder)
    (tmp_path / "run" / "child-1" / RUN_FILE).write_text("{")
    run = open_run(tmp_path / "run", 0)
    assert [label for label, _ in run.traces] == [MAIN_PROCESS, "child-2"]


def test_a_link_to_another_folder_is_not_followed(tmp_path: Path) -> None:
    write_sample(tmp_path / "run")
    write_sample(tmp_path / "elsewhere")
    (tmp_path / "run" / "child-1").symlink_to(tmp_path / "elsewhere")
    assert [label for label, _ in open_run(tmp_path / "run", 0).traces] == [MAIN_PROCESS]
