"""What runs that were made anyway say of the program as it is. No program is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.plain_runs import PlainRuns
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.model.events import EventKind
from reproaudit.runs.request import RunMaker
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

INTERNED = Interned()


def gradient_run(folder: Path, index: int, content: int, level: str = "boundary") -> Run:
    rows = [Row("weight", content, kind=EventKind.GRADIENT)]
    return make_run(folder / level / str(content), index, rows, level=level)


def know(
    folder: Path, deciding: Sequence[int], recorded: Sequence[int] = (), level: str = "boundary"
) -> PlainRuns:
    """Return what is known where the first run took 4 s, and each later one 2 s."""
    runs = [gradient_run(folder, index, content, level) for index, content in enumerate(deciding)]
    seconds = {f"run-{index}": 2.0 for index in range(len(runs))} | {"run-0": 4.0}
    lab = cast(RunMaker, SimpleNamespace(seconds=seconds))
    sizes = [deciding.count(content) for content in dict.fromkeys(deciding)]
    plain = PlainRuns(lab, runs, sizes, interned=INTERNED)
    if recorded:
        a, b = (
            gradient_run(folder, index, content, "operation")
            for index, content in enumerate(recorded)
        )
        plain.add_pair(RunPair(a, b, localise(a, b, INTERNED)))
    return plain


def test_two_runs_that_differ_and_two_more_that_do_need_three_equal_ones(tmp_path: Path) -> None:
    assert know(tmp_path, [1, 2], [3, 4]).wanted == 3


def test_a_result_that_comes_again_needs_more_equal_runs(tmp_path: Path) -> None:
    assert know(tmp_path, [1, 2], [1, 2]).wanted == 5


def test_recorded_runs_that_differ_stand_for_plain_ones(tmp_path: Path) -> None:
    plain = know(tmp_path, [1, 2], [3, 4])
    assert plain.still_differ(gradient_run(tmp_path, 0, 7))


def test_a_trial_that_gives_what_the_program_gave_needs_plain_runs_beside_it(
    tmp_path: Path,
) -> None:
    plain = know(tmp_path, [1, 2], [3, 4])
    assert not plain.still_differ(gradient_run(tmp_path, 0, 4))
    assert not plain.still_differ(gradient_run(tmp_path, 0, 1))


def test_without_a_recorded_pair_plain_runs_are_needed(tmp_path: Path) -> None:
    assert not know(tmp_path, [1, 2]).still_differ(gradient_run(tmp_path, 0, 7))


def test_the_cost_of_a_fix_is_told_from_the_runs_that_decided(tmp_path: Path) -> None:
    plain = know(tmp_path, [1, 2, 3])
    assert plain.measure_slowdown([3.0, 5.0, 3.0]) == 1.5
    assert plain.measure_spread() == 2.0
    plain.time()
    assert plain.made == []


@pytest.mark.parametrize("level", ["operation", "values"])
def test_runs_that_recorded_more_say_nothing_of_the_cost(tmp_path: Path, level: str) -> None:
    assert know(tmp_path, [1, 2, 3], level=level).measure_slowdown([3.0]) is None
