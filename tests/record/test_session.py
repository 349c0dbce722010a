"""The recorder's own account: threads, steps, what is remembered of each, forked children."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.model.events import Level, OutcomeKind
from reproaudit.record import session, thread_state
from reproaudit.record.hooks.callsite import CallSites
from reproaudit.record.session import AuditComplete, Recorder
from reproaudit.record.thread_state import ThreadState
from reproaudit.trace import writer as writer_module
from reproaudit.trace.reader import Trace
from reproaudit.trace.writer import TraceWriter
from tests.record.recording import differing_events, record

MakeRecorder = Callable[[int | None], Recorder]


@pytest.fixture
def make_recorder(tmp_path: Path) -> MakeRecorder:
    """Make a recorder of so many steps that has no hooks: the test calls it in their place."""

    def make(steps: int | None) -> Recorder:
        subject = SubjectSpec(SubjectKind.SCRIPT, tmp_path, path="program.py")
        plan = RunPlan(trace_dir=tmp_path / "trace", subject=subject, steps=steps)
        writer = TraceWriter(
            tmp_path / "trace",
            level="boundary",
            subject="s",
            command=[],
            settings={},
            environment={},
            version="0",
            values_budget=0,
        )
        return Recorder(plan, writer, CallSites(writer, str(tmp_path), str(tmp_path)))

    return make


def test_what_is_remembered_of_forward_ops_stays_bounded_and_names_graphs_of_earlier_steps() -> (
    None
):
    state = ThreadState()
    for number in range(250):
        state.origins.setdefault(number, (0, number))
        if number % 10 == 9:  # a step ends
            state.turn(100)
            state.origins.setdefault(
                number, (0, -1)
            )  # an op without a node, which sees the last number again
    assert len(state.origins) + len(state.older_origins) <= 202
    assert [state.origin(number) for number in (120, 199, 249)] == [(0, 120), (0, 199), (0, 249)]
    assert state.origin(50) is None


def test_the_step_that_was_asked_for_ends_the_program_and_the_trace_says_so(
    make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    recorder = make_recorder(2)
    recorder.end_optimizer_step()
    assert recorder.active
    with pytest.raises(AuditComplete):
        recorder.end_optimizer_step()
    assert not recorder.active
    outcome = Trace.open(tmp_path / "trace").outcome
    assert outcome.kind is OutcomeKind.STOPPED
    assert outcome.detail == "stopped after 2 steps"


def test_a_program_with_an_optimizer_that_never_steps_counts_backward_passes_in_the_end(
    make_recorder: MakeRecorder,
) -> None:
    recorder = make_recorder(None)
    recorder.has_optimizer = True
    for _ in range(64):
        recorder.end_backward()
    assert recorder.step == 0
    recorder.end_backward()
    assert recorder.step == 1


def test_threads_are_numbered_as_they_are_started_whichever_asks_first(
    make_recorder: MakeRecorder,
) -> None:
    recorder = make_recorder(None)
    found: dict[str, int] = {}

    def ask(name: str) -> None:
        found[name] = recorder.thread()

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        recorder.expect_thread(thread)
    for thread in reversed(threads):
        thread.start()
        thread.join()
    assert recorder.thread() == 0
    assert found == {"first": 1, "second": 2}


def test_a_forked_child_is_silent_and_listens_until_it_trains(
    make_recorder: MakeRecorder,
) -> None:
    recorder = make_recorder(None)
    recorder.after_fork_in_child()
    assert recorder.listens()
    assert not recorder.active
    assert recorder.awake()
    assert recorder.active


def test_what_a_program_does_after_its_last_step_is_not_recorded(tmp_path: Path) -> None:
    def program() -> None:
        weight = torch.ones(1, requires_grad=True)
        for _ in range(2):
            (weight * 2).backward()

    trace, _ = record(tmp_path, program, Level.OPERATION, steps=1)
    assert {op.step for op in trace.operations()} == {0}


class Clock:
    """Stands in for os.times."""

    elapsed = 0.0

    def __call__(self) -> Clock:
        return self


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(session, "_times", made)
    return made


def train_and_evaluate(clock: Clock, steps: int) -> None:
    """Train for a second a step; evaluate for as long."""
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        clock.elapsed += 1
    for _ in range(steps):
        model(torch.zeros(1, 2))
        clock.elapsed += 1


@pytest.mark.seeded
def test_a_program_that_is_over_in_time_is_recorded_to_its_end(
    tmp_path: Path, clock: Clock
) -> None:
    program = functools.partial(train_and_evaluate, clock, 3)
    trace, _ = record(tmp_path, program, Level.BOUNDARY, steps=2, goes_on_s=60)
    assert (trace.header["steps"], trace.outcome.kind) == (3, OutcomeKind.COMPLETED)
    outputs = [tensor for tensor in trace.tensors() if tensor.name == "Linear.output"]
    assert len(outputs) == 6


@pytest.mark.seeded
@pytest.mark.parametrize(("goes_on_s", "steps"), [(0.5, 2), (2.5, 3), (7.5, 6), (10, 6)])
def test_a_program_that_takes_longer_is_recorded_up_to_a_step_s_end(
    tmp_path: Path, clock: Clock, goes_on_s: float, steps: int
) -> None:
    program = functools.partial(train_and_evaluate, clock, 6)
    trace, _ = record(tmp_path, program, Level.BOUNDARY, steps=2, goes_on_s=goes_on_s)
    assert (trace.header["steps"], trace.outcome.kind) == (steps, OutcomeKind.STOPPED)
    again, _ = record(tmp_path, program, Level.BOUNDARY, steps=steps)
    assert len(trace.events) == len(again.events)
    assert differing_events(trace, again) == []


@pytest.mark.seeded
def test_what_was_flushed_since_the_last_step_is_dropped_too(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "FLUSH_BYTES", 1)
    program = functools.partial(train_and_evaluate, clock, 2)
    trace, _ = record(tmp_path, program, Level.BOUNDARY, steps=1, goes_on_s=2.5)
    again, _ = record(tmp_path, program, Level.BOUNDARY, steps=2)
    assert len(trace.events) == len(again.events)


def test_children_stop_where_the_plan_says_so_for_them(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(None)
    recorder.plan = replace(recorder.plan, steps_of_children=4)
    recorder.after_fork_in_child()
    assert recorder.most_steps == 4


def test_what_a_spawned_child_asks_for_is_kept_though_the_child_is_killed(
    make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    recorder = make_recorder(None)
    recorder.is_spawned = True
    recorder.emit_entropy("random.random", digest=(1, 0), before=(2, 0), shown="0.5", site=0)
    # Nobody finishes its trace.
    (call,) = Trace.open(tmp_path / "trace").entropy_calls()
    assert call.call == "random.random"


def test_code_that_runs_while_a_thread_s_state_is_made_is_not_recorded(
    make_recorder: MakeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = make_recorder(None)
    listened: list[bool] = []

    def make_state() -> ThreadState:
        # As a finalizer does that the collector runs there.
        listened.append(recorder.listens())
        return ThreadState()

    monkeypatch.setattr(thread_state, "ThreadState", make_state)
    thread = threading.Thread(target=lambda: listened.append(recorder.listens()))
    thread.start()
    thread.join()
    assert listened == [False, True]
