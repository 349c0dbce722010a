"""A run's directory: its own trace and those of its children."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.trace.facts import NO_RANK_YET, ProcessFacts
from reproaudit.trace.runs import MAIN_PROCESS, open_run
from reproaudit.trace.schema import RUN_FILE
from tests.trace.sample import DONE, new_writer, op, write_sample


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


def _write(folder: Path, process: ProcessFacts = NO_RANK_YET, events: int = 1) -> None:
    writer = new_writer(folder, process=process)
    for number in range(events):
        op(writer, number=number)
    writer.close(DONE, 1)


def _labels(folder: Path) -> list[str]:
    return [label for label, _ in open_run(folder, 0).traces]


def test_ranks_are_named_by_their_number_wherever_they_were_started(tmp_path: Path) -> None:
    _write(tmp_path / "r", ProcessFacts(is_launcher=True), events=0)
    for place, rank in (("a", 2), ("b", 0), ("c", 1)):
        _write(tmp_path / "r" / f"child-{place}", ProcessFacts(rank=rank, world=3))
    run = open_run(tmp_path / "r", 0)
    assert [label for label, _ in run.traces] == [MAIN_PROCESS, "rank-2", "rank-1"]
    assert [trace.process.rank for _, trace in run.ranks] == [0, 1, 2]
    assert run.main.process.rank == 0
    assert run.world == 3
    assert run.launcher is not None


def test_ranks_that_were_started_anew_are_told_from_their_first_start(tmp_path: Path) -> None:
    _write(tmp_path / "r", ProcessFacts(is_launcher=True), events=0)
    for restart in (0, 1):
        for rank in (0, 1):
            place = f"child-{restart}-{rank}"
            _write(tmp_path / "r" / place, ProcessFacts(rank=rank, world=2, restart=restart))
    assert _labels(tmp_path / "r") == [MAIN_PROCESS, "rank-0.start-1", "rank-1.start-1", "rank-1"]
    run = open_run(tmp_path / "r", 0)
    assert [trace.process.restart for _, trace in run.ranks] == [1, 1]


def test_of_a_command_without_ranks_the_process_that_trained_is_the_main_one(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "r", ProcessFacts(is_launcher=True), events=0)
    _write(tmp_path / "r" / "child-python-1")
    assert _labels(tmp_path / "r") == [MAIN_PROCESS]


def test_a_command_of_which_nothing_was_recorded_has_the_launcher_alone(tmp_path: Path) -> None:
    _write(tmp_path / "r", ProcessFacts(is_launcher=True), events=0)
    run = open_run(tmp_path / "r", 0)
    assert run.main.process.is_launcher
    assert not run.ranks


@pytest.mark.parametrize("is_silent", [True, False])
def test_how_far_a_rank_came_that_a_failing_command_ended_is_chance(
    tmp_path: Path, is_silent: bool
) -> None:
    launcher = ProcessFacts(is_launcher=True)
    failed = Outcome(OutcomeKind.EXITED, 1)
    new_writer(tmp_path, process=launcher).close(failed, 0)
    writer = new_writer(tmp_path / "child-a", process=ProcessFacts(0, 2))
    op(writer)
    if is_silent:
        writer.flush(1)
    else:
        writer.close(failed, 1)
    assert open_run(tmp_path, 0).lacks_events is is_silent


def test_a_child_that_could_not_be_written_is_there_to_say_so(tmp_path: Path) -> None:
    write_sample(tmp_path)
    for number in range(2):
        writer = new_writer(tmp_path / f"child-{number}")
        if number:
            writer.note(Unchecked.TRACE_NOT_WRITTEN, "what came after", "File too large")
        writer.close(DONE, 4)
    assert [label for label, _ in open_run(tmp_path, 0).traces] == [MAIN_PROCESS, "child-1"]
