"""How a command ended, by what its processes say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs.command_ending import settle_command
from reproaudit.trace.facts import NO_RANK_YET, ProcessFacts
from reproaudit.trace.schema import RUN_FILE
from reproaudit.trace.words import PROCESSES_FOLDER
from tests.trace.sample import new_writer

COMPLETED = Outcome(OutcomeKind.COMPLETED, 0)
STOPPED = Outcome(OutcomeKind.STOPPED, 0, "stopped after 3 steps")


def write_child(
    folder: Path,
    label: str,
    outcome: Outcome | None,
    *,
    process: ProcessFacts = NO_RANK_YET,
    written_s: int = 0,
) -> None:
    """Write the trace of a process; without an outcome it was killed after a step."""
    writer = new_writer(folder / f"child-{label}", process=process)
    if outcome is None:
        writer.flush(1)
    else:
        writer.close(outcome, 1)
    os.utime(folder / f"child-{label}" / RUN_FILE, (written_s, written_s))


def write_rank(
    folder: Path, rank: int, outcome: Outcome | None, *, restart: int = 0, written_s: int = 0
) -> None:
    process = ProcessFacts(rank, 2, restart)
    label = f"{restart}-{rank}"
    write_child(folder, label, outcome, process=process, written_s=written_s)


def fail(message: str) -> Outcome:
    return Outcome(OutcomeKind.RAISED, 1, message)


@pytest.mark.parametrize("code", [0, 1])
def test_what_the_audit_stopped_did_not_fail(tmp_path: Path, code: int) -> None:
    write_child(tmp_path, "a", STOPPED)
    write_child(tmp_path, "b", Outcome(OutcomeKind.KILLED, 15))
    assert settle_command(tmp_path, code) == STOPPED


def test_a_process_that_raised_is_named(tmp_path: Path) -> None:
    write_child(tmp_path, "a", COMPLETED)
    write_child(tmp_path, "b", fail("ValueError: no"))
    found = settle_command(tmp_path, 1)
    assert found == Outcome(OutcomeKind.EXITED, 1, "b: ValueError: no")


def test_the_rank_that_failed_first_is_named_first(tmp_path: Path) -> None:
    write_rank(tmp_path, 0, fail("RuntimeError: Connection closed by peer"), written_s=20)
    write_rank(tmp_path, 1, fail("ValueError: no"), written_s=10)
    said = settle_command(tmp_path, 1).detail
    assert said == "rank 1: ValueError: no; rank 0: RuntimeError: Connection closed by peer"


def test_a_rank_that_was_killed_is_named_beside_the_one_that_waited_for_it(tmp_path: Path) -> None:
    write_rank(tmp_path, 0, fail("RuntimeError: Connection closed by peer"))
    write_rank(tmp_path, 1, None)
    said = settle_command(tmp_path, 1).detail
    assert said.endswith("rank 1 ended without a word")


def test_a_rank_that_is_left_behind_has_not_done_its_work(tmp_path: Path) -> None:
    write_rank(tmp_path, 0, COMPLETED)
    write_rank(tmp_path, 1, None)
    found = settle_command(tmp_path, 0)
    assert found == Outcome(OutcomeKind.KILLED, None, "rank 1 did not end by itself")


def test_a_worker_that_was_ended_by_whoever_started_it_is_no_failure(tmp_path: Path) -> None:
    write_child(tmp_path, "python-1", COMPLETED)
    write_child(tmp_path, "python-1-spawned-1", None)
    assert settle_command(tmp_path, 0) == COMPLETED


def test_a_rank_that_raised_has_failed_though_its_script_says_otherwise(tmp_path: Path) -> None:
    write_rank(tmp_path, 0, COMPLETED)
    write_rank(tmp_path, 1, fail("ValueError: no"))
    found = settle_command(tmp_path, 0)
    assert found == Outcome(OutcomeKind.RAISED, None, "rank 1: ValueError: no")


def test_what_failed_before_a_launcher_started_the_ranks_anew_is_forgotten(tmp_path: Path) -> None:
    write_rank(tmp_path, 0, None)
    write_rank(tmp_path, 1, fail("ValueError: no"))
    for rank in range(2):
        write_rank(tmp_path, rank, COMPLETED, restart=1)
    assert settle_command(tmp_path, 0) == COMPLETED


def test_a_rank_that_was_not_yet_there_when_its_second_start_failed_has_not_failed_again(
    tmp_path: Path,
) -> None:
    write_rank(tmp_path, 1, fail("ValueError: no luck in the first start"), written_s=10)
    write_rank(tmp_path, 0, fail("RuntimeError: connect"), restart=1, written_s=20)
    assert settle_command(tmp_path, 1).detail == "rank 0: RuntimeError: connect"


def test_of_many_ranks_a_few_are_named(tmp_path: Path) -> None:
    for rank in range(20):
        write_rank(tmp_path, rank, None)
    said = settle_command(tmp_path, 1).detail
    assert said == "rank 0, rank 1, rank 10 and 17 more ended without a word"


def test_ranks_that_recorded_nothing_are_named_all_the_same(tmp_path: Path) -> None:
    assert settle_command(tmp_path, 3).detail == "exit code 3"
    folder = tmp_path / PROCESSES_FOLDER
    folder.mkdir()
    for name, rank in (("launcher", ""), ("b", "1"), ("a", "0"), ("of-a", "0")):
        (folder / f"{name}.json").write_text(json.dumps({"rank": rank}))
    (folder / "cut.json").write_text("{")
    said = settle_command(tmp_path, 3).detail
    assert said == "exit code 3, before rank 0, rank 1 had recorded anything"


def test_a_rank_that_had_ended_when_another_failed_is_named_beside_it(tmp_path: Path) -> None:
    write_rank(tmp_path, 0, fail("RuntimeError: Connection closed by peer"), written_s=20)
    write_rank(tmp_path, 1, COMPLETED, written_s=10)
    said = settle_command(tmp_path, 1).detail
    assert said == (
        "rank 0: RuntimeError: Connection closed by peer; rank 1 had ended before, after 1 step"
    )


def test_a_rank_that_ended_later_is_not_told_to_have_ended_before(tmp_path: Path) -> None:
    write_rank(tmp_path, 0, fail("ValueError: no"), written_s=10)
    write_rank(tmp_path, 1, COMPLETED, written_s=20)
    assert settle_command(tmp_path, 1).detail == "rank 0: ValueError: no"


def test_a_command_that_fails_after_its_ranks_is_not_told_to_have_failed_before(
    tmp_path: Path,
) -> None:
    folder = tmp_path / PROCESSES_FOLDER
    folder.mkdir()
    for rank in range(2):
        write_rank(tmp_path, rank, COMPLETED)
        (folder / f"{rank}.json").write_text(json.dumps({"rank": str(rank)}))
    said = settle_command(tmp_path, 3).detail
    assert said == "exit code 3, and nothing that was recorded had failed"


def test_a_rank_that_recorded_nothing_is_named_beside_the_one_that_waited_for_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / PROCESSES_FOLDER
    folder.mkdir()
    for rank in range(2):
        (folder / f"{rank}.json").write_text(json.dumps({"rank": str(rank)}))
    write_rank(tmp_path, 0, fail("RuntimeError: Connection reset by peer"))
    said = settle_command(tmp_path, 1).detail
    assert said == "rank 0: RuntimeError: Connection reset by peer; rank 1 had recorded nothing"
