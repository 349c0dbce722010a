"""What is done around the run of a variation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.experiment.surroundings import change_command, surround
from reproaudit.knowledge.wanted import Wanted

COMMAND = SubjectSpec(
    SubjectKind.COMMAND, Path(), program="torchrun", argv=("--nproc-per-node=2", "program.py")
)


def list_children() -> set[str]:
    own = f"/proc/self/task/{os.getpid()}/children"
    if not os.path.exists(own):
        pytest.skip("the system does not list the children of a process")
    return set(Path(own).read_text(encoding="ascii").split())


def test_load_keeps_busy_processes_while_a_run_goes_on_and_no_longer() -> None:
    before = list_children()
    with surround(Wanted(name="load", value="busy")):
        assert list_children() - before
    assert not list_children() - before


def test_other_variations_have_nothing_beside_them() -> None:
    before = list_children()
    for name in ("threads", "env.MINE"):
        with surround(Wanted(name=name, value="1")):
            assert not list_children() - before


def test_another_number_of_ranks_is_another_command() -> None:
    changed = change_command(Wanted(name="world_size", value="3"), COMMAND)
    assert changed is not None
    assert changed.argv == ("--nproc-per-node=3", "program.py")
    assert change_command(Wanted(name="threads", value="3"), COMMAND) is None
