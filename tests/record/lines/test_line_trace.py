"""What the program's own lines change, as it is recorded; that following them changes nothing."""

from __future__ import annotations

import functools
import math
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.lines import LineDifference, differing_lines, first_entry
from reproaudit.comparison.localise import localise
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import parse_subject
from reproaudit.model.events import EventFlag, Level, OutcomeKind
from reproaudit.record.lines import scope
from reproaudit.runs.process import run
from reproaudit.trace.runs import Run, open_run
from tests.auditing import PROGRAMS
from tests.record.lines.following import events_of, follow, told
from tests.record.recording import record


def test_each_change_is_told_at_the_line_that_made_it(tmp_path: Path) -> None:
    def program() -> list[int]:
        first = [1]
        second = 2
        first.append(second)
        if second > 1:
            second = 3
        return first

    assert told(follow(tmp_path, program), program) == [
        (1, ""),
        (1, "first"),
        (2, ""),
        (2, "second"),
        (3, ""),
        (3, "first"),
        (4, ""),
        (5, ""),
        (5, "second"),
        (6, ""),
        (6, "return"),
    ]


def test_the_items_of_a_set_are_told_in_the_order_in_which_they_come(tmp_path: Path) -> None:
    class Item:
        def __init__(self, number: int, hashed: int) -> None:
            self.number, self.hashed = number, hashed

        def __hash__(self) -> int:
            return self.hashed

    def numbered(hashes: tuple[int, ...]) -> dict[int, int]:
        items = {Item(number, hashed) for number, hashed in enumerate(hashes)}
        return {item.number: place for place, item in enumerate(items)}

    one, other = (
        follow(tmp_path, lambda h=hashes: numbered(h)) for hashes in ((0, 1, 2), (2, 1, 0))
    )  # type: ignore[misc]
    one_items, other_items = (
        [*dict.fromkeys(event.outputs for event in events_of(trace, "item"))]
        for trace in (one, other)
    )
    assert len(one_items) == 3
    assert one_items != other_items


def test_what_a_function_is_given_is_told_at_the_line_that_calls_it(tmp_path: Path) -> None:
    def called(given: int, *more: int, **named: int) -> int:
        return given

    def program() -> None:
        value = 4
        called(value, 5, named=6)
        list(map(called, [7]))

    rows = told(follow(tmp_path, program), program)
    assert [row for row in rows if row[1] in ("given", "more", "named")] == [
        (2, "given"),
        (2, "more"),
        (2, "named"),
        (3, "given"),
        (3, "more"),
        (3, "named"),
    ]


def test_what_numpy_leaves_undefined_is_marked(tmp_path: Path) -> None:
    import numpy as np

    def program() -> None:
        buffer = np.empty(3)
        buffer = np.zeros(3)  # noqa: F841 - the assignment is what is looked at

    trace = follow(tmp_path, program)
    flags = [event.flags for event in events_of(trace, "buffer")]
    assert [EventFlag.UNDEFINED in found for found in flags] == [True, False]


def test_a_line_that_writes_an_array_in_place_is_marked(tmp_path: Path) -> None:
    import numpy as np

    def program() -> None:
        buffer = np.zeros(3)
        view = buffer[1:]
        buffer *= 2
        buffer += 1
        view[0] = 7
        buffer = buffer * 3
        numbers = [1]
        numbers.append(2)

    trace = follow(tmp_path, program)
    first = program.__code__.co_firstlineno
    marked = [(e.name, e.location.line - first) for e in trace.lines() if e.is_array_write]
    assert marked == [("buffer", 4), ("view", 5)]


def test_a_thread_has_its_own_number(tmp_path: Path) -> None:
    def work() -> None:
        inside = 1  # noqa: F841 - the assignment is what is looked at

    def program() -> None:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
            thread.join()

    trace = follow(tmp_path, program)
    threads = [trace.threads[event.thread] for event in events_of(trace, "inside")]
    assert threads == ["thread-1", "thread-2"]


def test_a_thread_that_runs_no_line_of_the_program_is_not_disturbed(tmp_path: Path) -> None:
    def program() -> list[float]:
        results = torch.zeros(3)
        for index in range(3):  # what the first one meets is known by the second
            add = functools.partial(torch.add, torch.ones(()), 1, out=results[index])
            thread = threading.Thread(target=add)
            thread.start()
            thread.join()
        return [float(result) for result in results]

    failed: list[Any] = []
    hook, threading.excepthook = threading.excepthook, failed.append
    try:
        assert record(tmp_path, program, lines=True)[1] == [2.0] * 3
    finally:
        threading.excepthook = hook
    assert failed == []


def test_an_op_s_line_and_the_statement_s_are_one_location(tmp_path: Path) -> None:
    def program() -> torch.Tensor:
        return torch.ones(2) + 1

    trace = follow(tmp_path, program)
    *_, op = trace.operations()
    assert op.location in [event.location for event in events_of(trace, "return")]


def test_the_trace_function_is_gone_afterwards_and_one_of_the_program_s_own_stays(
    tmp_path: Path,
) -> None:
    def own(*_: Any) -> None:
        return None

    def program() -> None:
        sys.settrace(own)
        after = 1  # noqa: F841 - it must not be told

    before = sys.gettrace()
    try:
        trace, _ = record(tmp_path, program, lines=True)
        assert sys.gettrace() is own
    finally:
        sys.settrace(before)
    assert "after" not in [what for _, what in told(trace, program)]
    assert any("trace function" in note.why for note in trace.notes)
    record(tmp_path, lambda: None, lines=True)
    assert sys.gettrace() is before


def test_where_a_debugger_is_at_work_nothing_is_followed(tmp_path: Path) -> None:
    def debugger(*_: Any) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(debugger)
    try:
        trace = follow(tmp_path, lambda: None)
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)
    assert list(trace.lines()) == []
    assert any("debugger" in note.why for note in trace.notes)


def test_a_failure_of_the_recorder_ends_the_following_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}
    exec("def broken(value): raise KeyError('lost')", made)

    def program() -> int:
        monkeypatch.setattr(scope, "value_digest", made["broken"])
        value = 1
        return value + 1

    trace, result = record(tmp_path, program, lines=True)
    assert result == 2
    assert any("KeyError: 'lost'" in note.why for note in trace.notes)


def test_an_exception_of_the_program_s_signal_handler_reaches_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Alarm(Exception):
        pass

    def handler(value: object) -> None:  # stands for one that runs in the middle of our work
        raise Alarm

    def program() -> str:
        try:
            monkeypatch.setattr(scope, "value_digest", handler)
            value = 1
            value += 1
        except Alarm:
            return "alarm"
        return "lost"

    assert record(tmp_path, program, lines=True)[1] == "alarm"


def recorded(folder: Path, name: str, index: int, *, lines: bool = True) -> tuple[Run, str]:
    plan = RunPlan(
        folder / f"run-{index}", parse_subject(name, cwd=PROGRAMS), Level.OPERATION, 3, lines=lines
    )
    log = folder / f"run-{index}.log"
    done = run(plan, log=log, timeout_s=300)
    assert done.outcome.kind in (OutcomeKind.COMPLETED, OutcomeKind.STOPPED), log.read_text()
    return open_run(done.trace_dir, index), log.read_text()


def entry_of(folder: Path, name: str) -> LineDifference | None:
    (a, _), (b, _) = (recorded(folder, name, index) for index in range(2))
    interned = Interned()
    before = min((source.order for source in localise(a, b, interned).sources), default=math.inf)
    assert before < math.inf
    return first_entry(differing_lines(a, b, interned), before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lines_hash_order.py", "lines_sqlite.py", "lines_library.py"])
def test_the_line_where_a_difference_comes_in_is_found(tmp_path: Path, name: str) -> None:
    rows = (PROGRAMS / name).read_text().splitlines()
    (source,) = (number for number, row in enumerate(rows, 1) if row.endswith("# source"))
    found = entry_of(tmp_path, name)
    assert found is not None
    assert (found.location.path, found.location.line) == (name, source)


@pytest.mark.slow
def test_a_program_does_the_same_whether_its_lines_are_followed_or_not(tmp_path: Path) -> None:
    runs = [recorded(tmp_path, "lines_same.py", index, lines=index > 0) for index in range(3)]
    assert len({output for _, output in runs}) == 1
    (plain, _), (followed, _), (again, _) = runs
    ops, ops_followed = (
        [
            (op.name, op.phase, op.flags, op.step, op.inputs, op.outputs)
            for op in run.main.operations()
        ]
        for run in (plain, followed)
    )
    assert len(ops) > 50
    assert ops == ops_followed
    assert differing_lines(followed, again, Interned()) == []
    assert len(list(followed.main.lines())) > 100
