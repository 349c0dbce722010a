"""Programs of several ranks, recorded once, and what comparing their ranks says."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.ranks import find_drift, show_parts
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    Level,
    Location,
    Outcome,
    OutcomeKind,
    Phase,
)
from reproaudit.report.wording import word_warning
from reproaudit.runs.log import tail
from reproaudit.runs.process import run
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.facts import ProcessFacts
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, open_run
from tests.trace.sample import new_writer

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
PROGRAM = "ranks.py"


def record(folder: Path, how: str, world: int, *, alerts: bool = False) -> Run:
    """Record the program once; with `alerts` as an audit does that looks for refused ops."""
    level = Level.OPERATION if alerts else Level.BOUNDARY
    subject = SubjectSpec(SubjectKind.SCRIPT, PROGRAMS, path=PROGRAM, argv=(how, str(world)))
    plan = RunPlan(folder / "run", subject, level=level, alerts=alerts, digests=not alerts)
    record = run(plan, log=folder / "log", timeout_s=600)
    assert record.outcome.is_success, tail(record.log)
    return open_run(record.trace_dir, 0)


def line(mark: str) -> str:
    rows = (PROGRAMS / PROGRAM).read_text(encoding="utf-8").splitlines()
    (number,) = (number for number, row in enumerate(rows, 1) if row.endswith(f"# {mark}"))
    return f"{PROGRAM}:{number}"


@pytest.mark.slow
def test_a_gradient_that_one_rank_changes_is_told_with_the_step_and_the_rank(
    tmp_path: Path,
) -> None:
    (warning,) = find_drift(record(tmp_path, "spoilt", 3), Interned())
    assert word_warning(warning) == (
        "RA506: the copies of the model part at step 1: when the optimizer steps at "
        f"{line('step')}, the gradient of module.2.weight is another on rank 2 than on ranks 0 "
        "and 1; no reduction over the ranks came after what changed it"
    )


def write_rank(folder: Path, rank: int, line: int, drawn: int) -> Trace:
    """Write the trace of a rank that makes one weight by an op, and then steps."""
    writer = new_writer(folder / f"rank-{rank}", level="operation")
    writer.identify(ProcessFacts(rank, 2))
    place = writer.location("train.py", line, "main")
    at = Moment(Phase.DATA, 0, place)
    name = writer.string("aten::uniform_.default")
    content = (40 + drawn, 0)
    writer.append(
        EventKind.OP, at=at, name=name, flags=EventFlag.RANDOM, aux=drawn, outputs=content
    )
    writer.add_replica(at=at, name="Net", ranks="0,1", has_equal_buffers=True)
    for kind in (EventKind.STATE, EventKind.PARAMETER):
        writer.add_tensor(
            kind,
            at=Moment(Phase.OPTIMIZER, 0),
            name="w",
            tensor="float32[1]",
            digest=content,
            ranks="0,1",
        )
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), 1)
    return Trace.open(folder / f"rank-{rank}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (3, "aten::uniform_ at train.py:3 drew it, from another random state"),
        (8, "there aten::uniform_ at train.py:8 wrote it last"),
    ],
)
def test_the_op_that_made_the_copies_differ_is_named_where_ops_are_recorded(
    tmp_path: Path, line: int, said: str
) -> None:
    traces = [write_rank(tmp_path, 0, 3, 1), write_rank(tmp_path, 1, line, 2)]
    run = Run(0, tuple((f"rank-{rank}", trace) for rank, trace in enumerate(traces)))
    (warning,) = find_drift(run, Interned())
    assert warning.message.endswith(f"w is another on rank 1 than on rank 0; {said}")
    assert warning.location == Location("train.py", line, "main")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dropout", "every-other", "shards"])
def test_ranks_that_are_right_to_differ_are_not_accused(tmp_path: Path, how: str) -> None:
    assert find_drift(record(tmp_path, how, 2), Interned()) == ()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([(0,), (1,)], "is another on rank 1 than on rank 0"),
        ([(0,), (1, 2)], "is another on rank 0 than on ranks 1 and 2"),
        ([(0, 2, 3), (1,)], "is another on rank 1 than on ranks 0, 2 and 3"),
        ([(0,), (1,), (2,)], "differs on all 3 ranks"),
        ([(0,), (1, 3), (2,)], "differs between rank 0 | ranks 1 and 3 | rank 2"),
    ],
)
def test_the_fewer_ranks_are_said_to_differ_from_the_more(
    parts: list[tuple[int, ...]], said: str
) -> None:
    assert show_parts(parts) == said
