"""Programs of several ranks, recorded once, and what comparing their ranks says."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.compare.interning import Interned
from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.ranks import find_drift, show_parts
from reproaudit.model.events import Level
from reproaudit.report.wording import word_warning
from reproaudit.runs.log import tail
from reproaudit.runs.process import run
from reproaudit.trace.runs import Run, open_run

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


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dropout", "every-other"])
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
