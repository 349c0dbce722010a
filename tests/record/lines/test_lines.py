"""What the program's own lines change, as it is recorded; that following them changes nothing of
the program."""

from __future__ import annotations

import functools
import math
import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from reproaudit.compare.interning import Interned
from reproaudit.compare.lines import LineDifference, differing_lines, first_entry
from reproaudit.compare.localise import localise
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import parse_subject
from reproaudit.model.events import EventFlag, EventKind, Level, OutcomeKind
from reproaudit.record.lines import scope
from reproaudit.record.lines.statements import Body, logical_lines
from reproaudit.runs.process import run
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, open_run
from tests.record.recording import record

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"
HERE = Path(__file__).name


def follow(folder: Path, program: Callable[[], Any]) -> Trace:
    return record(folder, program, lines=True)[0]


def told(trace: Trace, function: Callable[..., Any] | str) -> list[tuple[int, str]]:
    """Return line, from the function's first one on, and name of each event in a function of this
    file."""
    name = function if isinstance(function, str) else function.__name__
    first = 0 if isinstance(function, str) else function.__code__.co_firstlineno
    places = [
        (trace.locations[row["location"]], trace.strings[row["name"]]) for row in lines(trace)
    ]
    return [
        (place.line - first, what)
        for place, what in places
        if (place.path, place.function) == (HERE, name)
    ]


def lines(trace: Trace) -> Any:
    return trace.events[trace.events["kind"] == EventKind.LINE]


def outputs(trace: Trace, name: str) -> list[tuple[int, ...]]:
    return [
        tuple(row["outputs"].tolist()) for row in lines(trace) if trace.strings[row["name"]] == name
    ]


# -- what is told
# ----------------------------------------------------------------------------------------------------


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


def test_a_statement_of_several_lines_is_told_once_at_its_first(tmp_path: Path) -> None:
    def program() -> None:
        total = max(
            1,
            abs(
                -3,
            ),
        )
        for number in (
            1,
            2,
        ):
            total += number

    rows = [row for row in told(follow(tmp_path, program), program) if row[1] == ""]
    assert rows == [(1, ""), (7, ""), (11, ""), (7, ""), (11, ""), (7, "")]


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
    one_items, other_items = ([*dict.fromkeys(outputs(trace, "item"))] for trace in (one, other))
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


def test_what_a_statement_read_is_told_with_what_it_made(tmp_path: Path) -> None:
    def program(start: int, other: int) -> tuple[int, int]:
        first = start * 0
        second = other
        return first, second

    def inputs(start: int) -> dict[str, tuple[int, ...]]:
        trace = follow(tmp_path, lambda: program(start, 1))
        rows = [
            row for row in lines(trace) if trace.locations[row["location"]].function == "program"
        ]
        return {
            trace.strings[row["name"]]: tuple(row["inputs"].tolist())
            for row in rows
            if row["outputs"].any()
        }

    one, again, other = inputs(1), inputs(1), inputs(2)
    assert one == again
    assert {name for name in one if one[name] != other[name]} == {"first"}


def test_a_draw_is_told_once_at_the_innermost_line_of_the_program(tmp_path: Path) -> None:
    def draw() -> float:
        return random.random() + torch.rand(1).item()

    def program() -> float:
        before = 1
        drawn = draw() + before
        random.shuffle([1, 2, 3])
        return drawn

    python, numpy_and_torch = random.getstate(), torch.get_rng_state()
    trace = follow(tmp_path, program)
    random.setstate(python)
    torch.set_rng_state(numpy_and_torch)
    assert [row for row in told(trace, draw) if row[1].startswith("stream:")] == [
        (1, "stream:python"),
        (1, "stream:torch"),
    ]
    assert [row for row in told(trace, program) if row[1].startswith("stream:")] == [
        (3, "stream:python")
    ]


def test_what_numpy_leaves_undefined_is_marked(tmp_path: Path) -> None:
    import numpy as np

    def program() -> None:
        buffer = np.empty(3)
        buffer = np.zeros(3)  # noqa: F841 - the assignment is what is looked at

    trace = follow(tmp_path, program)
    rows = [row for row in lines(trace) if trace.strings[row["name"]] == "buffer"]
    assert [bool(row["flags"] & EventFlag.UNDEFINED) for row in rows] == [True, False]


def test_a_generator_is_followed_across_its_yields(tmp_path: Path) -> None:
    def generate() -> Iterator[int]:
        for number in (5, 6):  # noqa: UP028 - the loop is what is looked at
            yield number

    def program() -> int:
        return sum(generate())

    rows = [row for row in told(follow(tmp_path, program), generate) if row[1]]
    assert rows == [(1, "number"), (2, "return"), (1, "number"), (2, "return"), (1, "number")]


def test_a_line_is_told_sixty_four_times_and_those_after_the_loop_all_the_same(
    tmp_path: Path,
) -> None:
    def program() -> int:
        total = 0
        for number in range(1000):
            total += number
        return total + 1

    rows = told(follow(tmp_path, program), program)
    assert rows.count((3, "total")) == 64
    assert rows[-2:] == [(4, ""), (4, "return")]


def test_a_thread_has_its_own_number(tmp_path: Path) -> None:
    def work() -> None:
        inside = 1  # noqa: F841 - the assignment is what is looked at

    def program() -> None:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
            thread.join()

    trace = follow(tmp_path, program)
    inside = [row["thread"] for row in lines(trace) if trace.strings[row["name"]] == "inside"]
    assert [trace.threads[number] for number in inside] == ["thread-1", "thread-2"]


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
    op = trace.events[trace.events["kind"] == EventKind.OP][-1]
    assert op["location"] in {
        row["location"] for row in lines(trace) if trace.strings[row["name"]] == "return"
    }


# -- the program stays what it is
# ------------------------------------------------------------------------------------


def test_an_object_dies_when_the_program_lets_it_go(tmp_path: Path) -> None:
    class Thing:
        pass

    def program() -> bool:
        thing = Thing()
        seen = weakref.ref(thing)
        del thing
        return seen() is None  # with the next line it would go anyhow

    assert record(tmp_path, program, lines=True)[1] is True


def test_a_dictionary_of_locals_does_not_change_behind_the_program_s_back(tmp_path: Path) -> None:
    def program(given: int = 1) -> dict[str, int]:
        kept = locals()
        later = given  # a debugger would put it into the dictionary
        return dict(kept)

    assert record(tmp_path, program, lines=True)[1] == {"given": 1}


def test_a_closure_s_variable_keeps_what_is_put_into_it(tmp_path: Path) -> None:
    def program() -> int:
        count = 0

        def add() -> None:
            nonlocal count
            count += 1

        add()
        add()
        return count

    assert record(tmp_path, program, lines=True)[1] == 2


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
    assert len(lines(trace)) == 0
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


# -- code
# ------------------------------------------------------------------------------------------------------------


def test_reads_and_writes_of_a_statement_are_those_of_all_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text(
        "total = sum(\n    first,\n    # why\n    second['x'].y,\n)\n\nfor item in total: last = item\n"
    )
    body = Body(compile(path.read_text(), str(path), "exec"), "code.py", logical_lines(str(path)))
    assert [*body.statement(4).reads] == ["sum", "first", "second"]
    assert [*body.statement(1).writes] == ["total"]
    assert body.statement(2).place == ("code.py", 1, "<module>")
    assert {*body.statement(7).writes} == {"item", "last"}


@pytest.mark.parametrize(
    "source", ["x = (1,\n", "'''never closed\n", "if x:\n  y\n z\n", "\x00", "x = '\xff'"]
)
def test_a_file_that_is_no_longer_what_was_compiled_has_no_logical_lines(
    tmp_path: Path, source: str
) -> None:
    path = tmp_path / "code.py"
    path.write_bytes(source.encode("latin-1"))
    assert logical_lines(str(path)) == {}
    assert logical_lines(str(tmp_path / "gone.py")) == {}


# -- whole programs
# --------------------------------------------------------------------------------------------------


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
    columns = ["kind", "phase", "flags", "step", "aux", "inputs", "outputs"]
    ops = [
        run.main.events[run.main.events["kind"] == EventKind.OP][columns]
        for run in (plain, followed)
    ]
    assert len(ops[0]) > 50
    assert all((ops[0][name] == ops[1][name]).all() for name in columns if name != "aux")
    assert differing_lines(followed, again, Interned()) == []
    assert len(lines(followed.main)) > 100
