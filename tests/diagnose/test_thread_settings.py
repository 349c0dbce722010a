"""Where a program sets another number of threads in one run than in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.diagnose.thread_settings import find_other_setting, word_setting
from reproaudit.model.events import Change, Location
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run


def run_with(folder: Path, index: int, numbers: Sequence[int]) -> Run:
    """Return a run that sets these numbers of threads, each at a line of its own."""
    run = make_run(folder, index, [Row("aten::dot")])
    changes = [Change("cudnn.enabled", "True", "False")]
    for line, number in enumerate(numbers, start=1):
        changes.append(Change("threads", "0", str(number), Location("train.py", line, "main")))
    ((label, trace),) = run.traces
    return replace(run, traces=((label, replace(trace, changes=tuple(changes))),))


@pytest.mark.parametrize(
    ("first", "second", "said", "line"),
    [
        ([2, 3, 5], [2, 3, 4], "from there on one run has 5 threads and the other 4", 3),
        ([2, 3], [2, 3, 2], "from there on one run has 3 threads and the other 2", 3),
        ([], [2, 3], "only one run sets the number of threads, to 2", 1),
    ],
    ids=["another number", "one more", "none"],
)
def test_the_first_setting_that_runs_do_not_share_is_found(
    tmp_path: Path, first: list[int], second: list[int], said: str, line: int
) -> None:
    found = find_other_setting(run_with(tmp_path, 0, first), run_with(tmp_path, 1, second))
    assert found is not None
    assert word_setting(found) == said
    assert found.line == Location("train.py", line, "main")


def test_equal_settings_are_none(tmp_path: Path) -> None:
    runs = run_with(tmp_path, 0, [2, 3]), run_with(tmp_path, 1, [2, 3])
    assert find_other_setting(*runs) is None
