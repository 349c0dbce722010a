"""What comparing traces that exist already finds, and what it says it could not look for."""

from __future__ import annotations

import gc
import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.config.tolerance import Tolerances
from reproaudit.errors import TraceError
from reproaudit.experiment.offline import compare_traces
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventKind, Phase, Unchecked
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.report.terminal import TerminalReport
from reproaudit.trace import reader
from reproaudit.trace.records import EVENT
from reproaudit.trace.schema import EVENTS_FILE, RUN_FILE
from tests.auditing import PROGRAMS, reproaudit
from tests.comparison.traces import Row, make_run, make_run_of_ranks

MM = "aten::mm.default"
_DESCRIPTORS = 30  # that a comparison of any number of runs may use


def rows_of(content: int) -> list[Row]:
    """An op whose inputs are always alike, and the loss that follows from it."""
    return [Row(MM, content, 3, line=7), Row("loss", content, kind=EventKind.OUTPUT)]


def compare(folder: Path, *contents: int, level: str = "operation") -> AuditResult:
    paths = [
        make_run(folder, index, rows_of(content), level=level).main.directory
        for index, content in enumerate(contents)
    ]
    return compare_traces(paths, Tolerances())


def list_codes(result: AuditResult) -> list[Unchecked]:
    return [note.code for note in result.not_checked]


def test_equal_traces_are_reproducible_and_suggest_nothing(tmp_path: Path) -> None:
    result = compare(tmp_path, 5, 5)
    assert (result.verdict, result.findings) == (Verdict.REPRODUCIBLE, ())
    assert result.next_commands == ()
    assert list_codes(result) == [Unchecked.REFUSALS_NOT_LOOKED_FOR]


def test_the_op_is_named_where_traces_first_differ(tmp_path: Path) -> None:
    result = compare(tmp_path, 5, 6)
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    (finding,) = result.findings
    assert finding.op == "aten::mm"
    assert finding.location is not None
    assert finding.location.line == 7


def test_traces_without_operators_name_no_op_and_say_how_to_record_them(tmp_path: Path) -> None:
    result = compare(tmp_path, 5, 6, level="boundary")
    assert (result.verdict, result.findings) == (Verdict.NOT_REPRODUCIBLE, ())
    assert Unchecked.OPERATOR_NOT_LOCATED in list_codes(result)
    assert result.next_commands == ("reproaudit record --level operation SUBJECT",)


def test_what_differs_between_environments_is_said_with_both_values(tmp_path: Path) -> None:
    environments = [
        {"torch": "2.13.0", "threads": "4"},
        {"torch": "2.13.0", "threads": "8"},
        {"torch": "2.13.0", "threads": "4", "gpu": "none"},
    ]
    paths = [
        make_run(tmp_path, index, rows_of(5), environment=environment).main.directory
        for index, environment in enumerate(environments)
    ]
    notes = compare_traces(paths, Tolerances()).not_checked
    said = [(note.what, note.why) for note in notes if note.code is Unchecked.ENVIRONMENT_DIFFERS]
    assert said == [
        ("environment: threads", "4 in trace 0, 8 in trace 1"),
        ("environment: gpu", "unset in trace 0, none in trace 2"),
    ]


def test_a_trace_that_ends_inside_an_event_is_compared_so_far_and_that_is_said(
    tmp_path: Path,
) -> None:
    paths = [make_run(tmp_path, index, rows_of(5)).main.directory for index in (0, 1)]
    with (paths[1] / EVENTS_FILE).open("ab") as file:
        file.write(b"half of an event")
    result = compare_traces(paths, Tolerances())
    assert result.verdict is Verdict.REPRODUCIBLE
    (note,) = [note for note in result.not_checked if note.code is Unchecked.TRACE_DAMAGED]
    assert note.what == "the end of trace 1"


@pytest.mark.parametrize("contents", [(5, 5), (5, 5, 5)])
def test_what_a_damaged_trace_lacks_is_no_divergence(
    tmp_path: Path, contents: tuple[int, ...]
) -> None:
    paths = [
        make_run(tmp_path, index, rows_of(content)).main.directory
        for index, content in enumerate(contents)
    ]
    cut_events(paths[1], 1)
    result = compare_traces(paths, Tolerances())
    assert (result.verdict, result.findings, result.classes) == (Verdict.NOT_AUDITED, (), ())
    assert result.headline.startswith(
        f"{len(contents)} runs are equal as far as all traces go; "
        "the end of trace 1 was not compared: events.bin ends after "
    )


@pytest.mark.parametrize("contents", [(5, 6), (5, 5, 6)])
def test_a_difference_before_the_damage_or_beside_it_is_one(
    tmp_path: Path, contents: tuple[int, ...]
) -> None:
    paths = [
        make_run(tmp_path, index, [*rows_of(content), *rows_of(5)]).main.directory
        for index, content in enumerate(contents)
    ]
    cut_events(paths[1], 2)
    assert compare_traces(paths, Tolerances()).verdict is Verdict.NOT_REPRODUCIBLE


def test_a_child_whose_trace_cannot_be_read_is_no_divergence(tmp_path: Path) -> None:
    paths = [make_run(tmp_path, index, rows_of(5)).main.directory for index in (0, 1)]
    for path in paths:
        make_run(path, 0, rows_of(7)).main.directory.rename(path / "child-0")
    assert compare_traces(paths, Tolerances()).verdict is Verdict.REPRODUCIBLE
    (paths[1] / "child-0" / RUN_FILE).write_text("{")
    result = compare_traces(paths, Tolerances())
    assert result.verdict is Verdict.NOT_AUDITED
    assert Unchecked.TRACE_DAMAGED in list_codes(result)


def cut_events(trace: Path, count: int) -> None:
    """Keep so many events of a trace."""
    path = trace / EVENTS_FILE
    path.write_bytes(path.read_bytes()[: count * EVENT.itemsize])


def test_a_folder_without_a_trace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TraceError):
        compare_traces([tmp_path], Tolerances())


@pytest.mark.slow
def test_recorded_traces_are_compared_without_the_program(tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = reproaudit(
            tmp_path, "record", "--level", "operation", "--out", name, str(PROGRAMS / "kernel.py")
        )
        assert done.returncode == 0, done.stderr
    done = reproaudit(tmp_path, "compare", "a", "b", "--report", "json=-")
    assert done.returncode == 1
    (finding, *_) = json.loads(done.stdout)["findings"]
    assert finding["op"] == "aten::index_put"


def test_a_resumed_trace_is_compared_from_its_step_on_and_the_report_says_so(
    tmp_path: Path,
) -> None:
    def rows_of_steps(*contents: int) -> list[Row]:
        rows = []
        for step, content in enumerate(contents):
            rows.append(Row("loss", content, kind=EventKind.OUTPUT, step=step))
            rows.append(Row("aten::add_", content + 1, content, step=step, phase=Phase.OPTIMIZER))
            rows.append(Row("w", content + 1, kind=EventKind.PARAMETER, step=step))
        return rows

    straight = make_run(tmp_path, 0, rows_of_steps(10, 20, 30), steps=3)
    other = rows_of_steps(20, 30)
    # Another learning rate is another input.
    other[4] = replace(other[4], inputs=98, outputs=99)
    other[5] = replace(other[5], outputs=99)
    resumed = make_run(tmp_path, 1, other, steps=2)
    paths = [straight.main.directory, resumed.main.directory]
    result = compare_traces(paths, Tolerances())
    (warning,) = result.warnings
    assert "its step 0 has the contents of step 1 of trace 0" in warning.message
    (finding,) = result.findings
    assert (finding.phase, finding.step) == (Phase.OPTIMIZER, 2)
    assert "learning rate" in finding.evidence.notes[-1]
    assert (finding.cause, finding.title) == (
        Cause.CARRIED_STATE,
        "the resumed run lacks state of the model, the optimizer or what steers them",
    )
    assert finding.fix is not None
    assert "schedulers" in finding.fix.advice
    assert (result.first_step, result.steps) == (1, 2)
    said = TerminalReport().render(result)
    assert "over 2 steps, from step 1 on" in said
    back = compare_traces(paths[::-1], Tolerances())
    assert "trace 0 was resumed: its step 0" in back.warnings[0].message
    assert (back.first_step, back.steps) == (0, 2)


@pytest.mark.parametrize(("other", "verdict"), [(5, "not-audited"), (6, "not-reproducible")])
def test_of_64_ranks_one_that_is_missing_leaves_what_the_others_show(
    tmp_path: Path, other: int, verdict: str
) -> None:
    ranks = [rows_of(5) for _ in range(64)]
    make_run_of_ranks(tmp_path, 0, ranks)
    make_run_of_ranks(tmp_path, 1, [rows_of(other), *ranks[1:-1]], world=64)
    result = compare_traces([tmp_path / "run-0", tmp_path / "run-1"], Tolerances())
    assert result.verdict.value == verdict
    told = [note.what for note in result.not_checked if note.code is Unchecked.TRACE_DAMAGED]
    assert told == ["process rank-63 of trace 1"]


def test_traces_of_another_number_of_ranks_are_refused(tmp_path: Path) -> None:
    for index, count in enumerate((2, 3)):
        make_run_of_ranks(tmp_path, index, [rows_of(5)] * count)
    with pytest.raises(TraceError) as caught:
        compare_traces([tmp_path / "run-0", tmp_path / "run-1"], Tolerances())
    assert caught.value.code == "world-changed"


def test_more_runs_than_are_held_in_memory_are_put_into_their_classes(tmp_path: Path) -> None:
    result = compare(tmp_path, *(number % 3 for number in range(24)))
    assert result.classes == tuple(tuple(range(first, 24, 3)) for first in range(3))
    assert [run.events for run in result.runs] == [2] * 24
    (finding,) = result.findings
    assert finding.op == "aten::mm"


def test_a_resumed_run_among_many_is_compared_from_its_step_on(tmp_path: Path) -> None:
    def parameter(content: int, step: int) -> Row:
        return Row("w", content, kind=EventKind.PARAMETER, step=step)

    whole = [parameter(10 + step, step) for step in range(4)]
    resumed = [parameter(12 + step, step) for step in range(2)]
    paths = [
        make_run(tmp_path, index, resumed if index == 11 else whole, steps=4).main.directory
        for index in range(20)
    ]
    result = compare_traces(paths, Tolerances())
    assert any("trace 11 was resumed" in warning.message for warning in result.warnings)
    assert not any("trace 12 was resumed" in warning.message for warning in result.warnings)


def test_mapped_traces_need_no_descriptor_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_MAPPED_FROM_BYTES", 1)
    paths = [
        make_run(tmp_path, index, rows_of(5)).main.directory for index in range(_DESCRIPTORS + 10)
    ]
    gc.collect()  # maps of other tests' traces
    in_use = len(os.listdir("/proc/self/fd"))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + _DESCRIPTORS, before[1]))
    try:
        result = compare_traces(paths, Tolerances())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert result.verdict is Verdict.REPRODUCIBLE
