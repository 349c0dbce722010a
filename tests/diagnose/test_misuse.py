"""Programs that use random streams wrongly, and their clean twins, recorded as a run that decides
is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reproaudit.config.plan import RunPlan
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.misuse import find_misuse
from reproaudit.model.events import Level
from reproaudit.report.wording import word_warning
from reproaudit.runs.log import tail
from reproaudit.runs.process import run
from reproaudit.trace.runs import open_run

pytestmark = [pytest.mark.slow]

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
Warn = Callable[..., tuple[str, ...]]


@pytest.fixture
def warn(tmp_path: Path) -> Warn:
    def warn(program: str, how: str, *, level: Level = Level.BOUNDARY) -> tuple[str, ...]:
        subject = SubjectSpec(SubjectKind.SCRIPT, PROGRAMS, path=program, argv=(how,))
        plan = RunPlan(tmp_path / "run", subject, level=level)
        record = run(plan, log=tmp_path / "log", timeout_s=300)
        assert record.outcome.is_success, tail(record.log)
        found = find_misuse(open_run(record.trace_dir, 0))
        assert all(warning.location is not None for warning in found)
        return tuple(map(word_warning, found))

    return warn


def line(program: str, mark: str) -> str:
    rows = (PROGRAMS / program).read_text(encoding="utf-8").splitlines()
    (number,) = (number for number, row in enumerate(rows, 1) if row.endswith(f"# {mark}"))
    return f"{program}:{number}"


@pytest.mark.parametrize(("how", "stream"), [("shared", "dataset.rng"), ("alike", "numpy")])
def test_workers_that_draw_from_one_state_are_told_and_so_are_epochs_that_fork_them_again(
    warn: Warn, how: str, stream: str
) -> None:
    loop = line("misuse_workers.py", "loop")
    same = f"draw the same random numbers: each starts {stream} from the same state"
    assert warn("misuse_workers.py", how) == (
        f"RA501: the workers of the DataLoader iterated at {loop} {same}",
        f"RA502: epochs of the DataLoader iterated at {loop} {same}",
    )


@pytest.mark.parametrize("how", ["own", "own-numpy"])
def test_workers_with_seeds_of_their_own_are_not_warned_of(warn: Warn, how: str) -> None:
    assert warn("misuse_workers.py", how) == ()


def test_workers_that_shuffle_alike_to_take_shares_are_not_warned_of(warn: Warn) -> None:
    assert warn("misuse_workers.py", "sharded") == ()


def test_a_seed_inside_the_loop_over_epochs_is_told_by_the_line_that_iterates(warn: Warn) -> None:
    loop = line("misuse_epochs.py", "loop")
    (found,) = warn("misuse_epochs.py", "alike")
    assert found.startswith(
        f"RA502: epochs of the DataLoader iterated at {loop} draw the same random numbers"
    )
    assert "torch.cpu" in found


def test_epochs_that_shuffle_anew_and_evaluations_that_repeat_are_not_warned_of(warn: Warn) -> None:
    assert warn("misuse_epochs.py", "anew") == ()


@pytest.mark.parametrize("level", [Level.BOUNDARY, Level.OPERATION])
def test_a_seed_after_draws_is_told_with_the_line_of_the_first_draw_if_ops_were_recorded(
    warn: Warn, level: Level
) -> None:
    torch_line, numpy_line, drawn = (
        line("misuse_late_seed.py", mark) for mark in ("torch", "numpy", "drawn")
    )
    after, why = (
        "comes after numbers were drawn from that stream",
        ": those do not follow from the seed",
    )
    where = f" at {drawn}" if level is Level.OPERATION else ""
    assert warn("misuse_late_seed.py", "late", level=level) == (
        f"RA503: torch.manual_seed at {torch_line} {after}{where}{why}",
        f"RA503: numpy.random.seed at {numpy_line} {after}{why}",
    )


def test_a_seed_that_is_set_again_after_draws_is_not_warned_of(warn: Warn) -> None:
    assert warn("misuse_late_seed.py", "early") == ()
