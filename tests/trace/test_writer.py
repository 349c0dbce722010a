from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from reproaudit import files
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    Level,
    Location,
    NotChecked,
    Outcome,
    OutcomeKind,
    Phase,
    Unchecked,
)
from reproaudit.trace import tables, writer
from reproaudit.trace.ending import finalise_outcome
from reproaudit.trace.event_calls import Moment, pack_digest, pack_op
from reproaudit.trace.reader import Trace
from reproaudit.trace.records import EVENT
from reproaudit.trace.views import OpEvent
from tests.trace.sample import DONE, FLOATS, new_writer, op


def fill_disk(monkeypatch: pytest.MonkeyPatch, after_writes: int = 0) -> None:
    """Let a few writes through, then half of one, then none."""
    real, count = files.pwrite, 0

    def write(descriptor: int, data: Any, offset: int) -> int:
        nonlocal count
        count += 1
        if count > after_writes + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(
            descriptor, data[: len(data) // 2] if count == after_writes + 1 else data, offset
        )

    monkeypatch.setattr(files, "pwrite", write)


def test_what_was_recorded_is_read_back_field_by_field(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t", values_budget=100)
    name, module = live.string("aten::mm"), live.string("layers.1")
    place = live.location("train.py", 41, "forward")
    thread = live.thread("thread-1")
    where = (3, name, module, place, thread)
    digests = (pack_digest((1, 2)), pack_digest((3, 2**64 - 4)))
    kind = (EventKind.OP, Phase.BACKWARD, EventFlag.RANDOM)
    event = live.add_record(pack_op(*kind, *where, 2, 2**64 - 1, *digests))
    live.change("torch.manual_seed", "0", "1", place)
    live.note(Unchecked.NO_BYTES, "the loss", "it is sparse")
    live.close(Outcome(OutcomeKind.EXITED, 3, "sys.exit"), 4)

    trace = Trace.open(tmp_path / "t")
    assert trace.op(event) == OpEvent(
        number=event,
        kind=EventKind.OP,
        phase=Phase.BACKWARD,
        flags=EventFlag.RANDOM,
        step=3,
        name="aten::mm",
        thread=thread,
        location=Location("train.py", 41, "forward"),
        module="layers.1",
        inputs=(1, 2),
        outputs=(3, 2**64 - 4),
        outputs_count=2,
        drew_from=2**64 - 1,
        allocated_by=None,
        made_by=None,
    )
    assert trace.threads[thread] == "thread-1"
    assert trace.locations == (Location("", 0), Location("train.py", 41, "forward"))
    assert trace.outcome == Outcome(OutcomeKind.EXITED, 3, "sys.exit")
    assert [(change.what, change.location) for change in trace.changes] == [
        ("torch.manual_seed", trace.locations[1])
    ]
    assert trace.notes == (NotChecked(Unchecked.NO_BYTES, "the loss", "it is sparse"),)
    assert (trace.level, trace.settings["seed"], trace.header["steps"], trace.damage) == (
        Level.OPERATION,
        1,
        4,
        "",
    )


def test_ids_are_the_same_for_the_same_entry_and_zero_is_reserved(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t")
    assert (live.string(""), live.location("", 0, ""), live.thread("MainThread")) == (0, 0, 0)
    assert live.string("a") == live.string("a") == 1
    assert live.location("a.py", 1, "f") == live.location("a.py", 1, "f") == 1
    assert live.location_of(1) == ("a.py", 1, "f", 0)
    assert [live.thread(name) for name in ("x", "y", "x")] == [1, 2, 1]


def test_a_flushed_trace_is_readable_while_the_program_still_runs(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t")
    assert len(Trace.open(tmp_path / "t").events) == 0
    op(live)
    assert len(Trace.open(tmp_path / "t").events) == 0
    live.flush(1)
    trace = Trace.open(tmp_path / "t")
    assert (len(trace.events), trace.outcome.kind, trace.header["steps"]) == (
        1,
        OutcomeKind.RUNNING,
        1,
    )
    assert (tmp_path / "t" / "progress").read_text() == "1"


def test_a_killed_process_leaves_what_it_flushed(tmp_path: Path) -> None:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        live = new_writer(tmp_path / "t")
        for number in range(10):
            op(live, f"op{number}", number)
            live.keep(number, 0, "float32", (2, 3), FLOATS)
        live.flush(1)
        op(live, "never flushed")
        os.write(tell, b"x")
        signal.pause()
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)
    finalise_outcome(tmp_path / "t", Outcome(OutcomeKind.KILLED, -9, "SIGKILL"))
    trace = Trace.open(tmp_path / "t")
    assert [event.name for event in trace.all_events()] == [f"op{number}" for number in range(10)]
    assert (trace.outcome, trace.damage) == (Outcome(OutcomeKind.KILLED, -9, "SIGKILL"), "")
    assert trace.values(9)[0].shape == (2, 3)


def test_a_full_buffer_is_flushed_unless_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FLUSH_BYTES", 4 * EVENT.itemsize)
    live = new_writer(tmp_path / "t")
    live.hold = True
    for number in range(5):
        op(live, "held", number)
    assert len(Trace.open(tmp_path / "t").events) == 0
    live.hold = False
    assert op(live, "new name", 5) == 5
    trace = Trace.open(tmp_path / "t")
    assert [op_event.inputs[0] for op_event in trace.operations()] == list(range(6))
    assert (trace.event(5).name, trace.damage) == ("new name", "")


def test_digests_and_flags_reach_a_buffered_event_and_no_flushed_one(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t")
    first = op(live)
    live.flush(1)
    second, third = op(live, number=2), op(live, number=3)
    live.patch(third, outputs=(10, 2**64 - 1))
    live.patch(second, inputs=(20, 21))
    assert live.mark(third, EventFlag.BIRTH)
    assert not live.mark(first, EventFlag.BIRTH)
    for event in (first, third + 1, -1):
        with pytest.raises(ValueError, match="the first in the buffer"):
            live.patch(event, inputs=(1, 1))
    live.close(DONE, 1)
    events = list(Trace.open(tmp_path / "t").operations())
    assert [event.inputs for event in events] == [(0, 1), (20, 21), (3, 1)]
    assert [event.outputs for event in events] == [(0, 2), (2, 2), (10, 2**64 - 1)]
    assert [event.flags for event in events] == [
        EventFlag.RANDOM,
        EventFlag.RANDOM,
        EventFlag.RANDOM | EventFlag.BIRTH,
    ]


def test_events_of_several_threads_are_neither_lost_nor_numbered_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FLUSH_BYTES", 7 * EVENT.itemsize)
    live = new_writer(tmp_path / "t")
    numbers: list[list[int]] = [[], [], [], []]

    def record(mine: list[int], start: int) -> None:
        mine += [op(live, f"op{start + i}", start + i) for i in range(200)]

    threads = [
        threading.Thread(target=record, args=(mine, 200 * i)) for i, mine in enumerate(numbers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live.close(DONE, 1)
    trace = Trace.open(tmp_path / "t")
    assert sorted(itertools.chain.from_iterable(numbers)) == list(range(800))
    for i, mine in enumerate(numbers):
        assert [trace.event(event).name for event in mine] == [
            f"op{200 * i + n}" for n in range(200)
        ]


def test_only_the_first_close_counts_and_later_events_are_dropped(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t")
    live.close(DONE, 1)
    op(live)
    live.flush(2)
    assert not live.keep(0, 0, "uint8", (1,), b"x")
    live.close(Outcome(OutcomeKind.RAISED, 1), 9)
    trace = Trace.open(tmp_path / "t")
    assert (trace.outcome, trace.header["steps"], len(trace.events)) == (DONE, 1, 0)


@pytest.mark.parametrize("after_writes", range(9))
def test_a_full_disk_ends_the_trace_and_not_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_writes: int
) -> None:
    live = new_writer(tmp_path / "t")
    for number in range(3):
        op(live, f"op{number}", number)
    live.flush(1)
    fill_disk(monkeypatch, after_writes)
    for number in range(3, 9):
        live.keep(op(live, f"op{number}", number), 0, "float32", (2, 3), FLOATS)
        live.flush(number)
    live.close(DONE, 9)
    assert live.failed == "No space left on device"
    assert not live.keep(8, 1, "uint8", (1,), b"x")
    trace = Trace.open(tmp_path / "t")
    assert 3 <= len(trace.events) < 9
    assert [event.name for event in trace.all_events()] == [
        f"op{number}" for number in range(len(trace.events))
    ]
    assert trace.outcome.kind is OutcomeKind.RUNNING


def test_a_trace_that_lost_its_end_to_a_full_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = new_writer(tmp_path / "t")
    op(live)
    with monkeypatch.context() as patch:
        fill_disk(patch)
        live.flush(1)
    live.close(DONE, 1)
    trace = Trace.open(tmp_path / "t")
    assert trace.damage == "events.bin ends after 0 events of 1"
    assert "No space left on device" in trace.notes[0].why


def test_a_folder_that_cannot_be_made_does_not_stop_the_program(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    live = new_writer(tmp_path / "file" / "t")
    assert live.failed
    op(live)
    live.close(DONE, 1)


def test_a_flush_that_was_interrupted_is_made_good_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = new_writer(tmp_path / "t")
    for number in range(4):
        op(live, f"op{number}", number)
    real = files.pwrite

    def interrupted(descriptor: int, data: Any, offset: int) -> int:
        real(descriptor, data[: len(data) // 2], offset)
        raise KeyboardInterrupt

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(files, "pwrite", interrupted)
            with pytest.raises(KeyboardInterrupt):
                live.flush(1)
    live.close(DONE, 1)
    trace = Trace.open(tmp_path / "t")
    assert [event.name for event in trace.all_events()] == ["op0", "op1", "op2", "op3"]
    assert trace.damage == ""


def test_the_program_may_replace_the_standard_library_and_change_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    live = new_writer(Path("t"))

    def broken(*args: object, **kwargs: object) -> None:
        raise AssertionError("the writer used what the program replaced")

    with monkeypatch.context() as patch:
        for name in ("open", "write", "pwrite", "replace", "close", "makedirs", "getpid", "getcwd"):
            patch.setattr(os, name, broken)
        patch.setattr("builtins.open", broken)
        patch.setattr(json, "dumps", broken)
        patch.setattr(threading, "RLock", broken)
        live.keep(op(live), 0, "float32", (2, 3), FLOATS)
        live.location("b.py", 1, "g")
        live.close(DONE, 1)
    monkeypatch.chdir("/")
    assert live.failed == ""
    assert len(Trace.open(tmp_path / "t").events) == 1


def test_no_descriptor_stays_open_between_flushes(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    live = new_writer(tmp_path / "t")
    live.keep(op(live), 0, "float32", (2, 3), FLOATS)
    live.flush(1)
    assert os.listdir("/proc/self/fd") == before


def in_forked_child(work: Any) -> None:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_a_forked_child_writes_nothing_into_its_parents_trace(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t")
    op(live, "parent")

    def work() -> None:
        live.keep(op(live, "child"), 0, "uint8", (1,), b"x")
        live.flush(5)
        live.close(Outcome(OutcomeKind.RAISED, 1), 5)

    in_forked_child(work)
    assert sorted(file.name for file in (tmp_path / "t").iterdir()) == [
        "events.bin",
        "progress",
        "run.json",
    ]
    live.close(DONE, 1)
    trace = Trace.open(tmp_path / "t")
    assert ([event.name for event in trace.all_events()], trace.outcome) == (["parent"], DONE)


def test_a_rehomed_child_has_its_own_trace_in_which_old_ids_stay_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = new_writer(tmp_path / "t")
    known = live.string("known before the fork")
    op(live, "parent")
    live.note(Unchecked.NO_BYTES, "of the parent", "not of the child")

    real, is_writing, may_write = files.pwrite, threading.Event(), threading.Event()

    def write_later(descriptor: int, data: Any, offset: int) -> int:
        is_writing.set()
        assert may_write.wait(60)
        return real(descriptor, data, offset)

    def work() -> None:
        files.pwrite = real
        child = live.rehome("child-1")
        child.append(EventKind.OP, at=Moment(Phase.DATA, 0), name=known)
        op(child, "new in the child")
        child.close(Outcome(OutcomeKind.EXITED, 2), 3)

    monkeypatch.setattr(files, "pwrite", write_later)
    other = threading.Thread(target=live.flush, args=(1,))
    other.start()
    assert is_writing.wait(60)
    in_forked_child(work)  # while the other thread holds the writer's lock
    may_write.set()
    other.join()
    live.close(DONE, 1)
    child = Trace.open(tmp_path / "t" / "child-1")
    assert [event.name for event in child.all_events()] == [
        "known before the fork",
        "new in the child",
    ]
    assert (child.outcome.code, child.header["steps"], child.notes, child.damage) == (2, 3, (), "")
    assert len(Trace.open(tmp_path / "t").events) == 1


def test_notes_are_kept_once_and_cut_where_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_NOTES", 3)
    live = new_writer(tmp_path / "t")
    for what in "abacdbe":
        live.note(Unchecked.NO_BYTES, what, "why")
    live.close(DONE, 1)
    assert [note.what for note in Trace.open(tmp_path / "t").notes] == [
        "a",
        "b",
        "c",
        "more than can be listed",
    ]


def test_names_beyond_the_tables_room_become_the_empty_name_and_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", 200)
    live = new_writer(tmp_path / "t")
    ids = [live.string(f"name {number}") for number in range(100)]
    assert ids[0] == 1
    assert ids[-1] == live.location("b.py", 1, "f") == 0
    live.close(DONE, 1)
    assert Trace.open(tmp_path / "t").notes[0].what == "some names and lines of code"


def test_more_threads_than_can_be_numbered_share_the_last_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_MAX_THREADS", 3)
    live = new_writer(tmp_path / "t")
    assert [live.thread(str(number)) for number in range(5)] == [1, 2, 2, 2, 2]
    live.close(DONE, 1)
    assert Trace.open(tmp_path / "t").threads == ("MainThread", "0", "1")


def test_what_is_learnt_while_the_program_runs_joins_the_environment(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t", values_budget=0)
    live.flush(0)
    before = Trace.open(tmp_path / "t").header["environment"]
    live.learn("gpu", "a device")
    live.close(DONE, 1)
    assert Trace.open(tmp_path / "t").header["environment"] == {**before, "gpu": "a device"}
