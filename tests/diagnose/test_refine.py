"""What runs under a proven fix show of a finding. No program is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.refine import Refiner, add_line, find_draw_at
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import with_cause
from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.model.result import Finding
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

FIX = ("memory.fill",)
UNDEFINED = Finding(
    rule="RA403",
    cause=Cause.UNINITIALIZED_MEMORY,
    title="",
    phase=Phase.FORWARD,
    step=0,
    op="aten::empty.memory_format",
    location=Location("train.py", 3, "main"),
)


class FakeLab:
    """Gives runs with the gradient that `content` makes of the request."""

    steps: int | None = None

    def __init__(self, folder: Path, content: Callable[[RunRequest], int]) -> None:
        self.folder = folder
        self.content = content
        self.made: list[RunRequest] = []

    def run(self, request: RunRequest) -> Run:
        self.made.append(request)
        rows = [Row("weight", self.content(request), kind=EventKind.GRADIENT)]
        return make_run(self.folder / request.name, request.index, rows)


def make_refiner(lab: FakeLab, fix: tuple[str, ...] = FIX) -> Refiner:
    interned = Interned()
    runs = [
        make_run(lab.folder / "plain", index, [Row("weight", index, kind=EventKind.GRADIENT)])
        for index in range(2)
    ]
    judged = judge(runs, compare_boundaries(runs, interned), {})
    maker = cast(RunMaker, lab)
    locator = Locator(maker, judged, (), interned=interned)
    return Refiner(maker, locator, fix, interned=interned)


def read_fill(request: RunRequest) -> int:
    fill = dict(request.variables)["REPROAUDIT_FILL"]
    return int(fill) + 1


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (read_fill, "the results follow what new memory is filled with (zeros, and 0x5a)"),
        (
            lambda request: 7,
            "the results do not depend on what new memory is filled with (zeros, and 0x5a)",
        ),
    ],
)
def test_two_patterns_show_whether_the_results_follow_new_memory(
    tmp_path: Path, content: Callable[[RunRequest], int], note: str
) -> None:
    lab = FakeLab(tmp_path, content)
    finding = make_refiner(lab).add_fill_evidence(UNDEFINED)
    assert finding.evidence.notes == (note,)
    assert [request.interventions for request in lab.made] == [FIX, FIX]


def test_without_a_fix_nothing_is_filled(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, read_fill)
    assert make_refiner(lab, ()).add_fill_evidence(UNDEFINED) is UNDEFINED
    assert lab.made == []


def test_lines_are_followed_with_all_else_held_still_and_then_as_they_are(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda request: 7)
    assert make_refiner(lab, ("hash.seed",)).run_with_lines() is None
    holding = {name for name, entry in INTERVENTIONS.items() if entry.holds_still}
    tried = [set(request.interventions) for request in lab.made]
    assert all(request.lines for request in lab.made)
    assert tried[0] == holding - {"hash.seed"}
    assert tried[-1] == set()


def rows_of(words: int, batch: int) -> Sequence[Row]:
    """A line that makes `words`, a draw at that line, and a batch that enters PyTorch later."""
    return [
        Row("", inputs=1, kind=EventKind.LINE, line=2),
        Row("words", words, 1, kind=EventKind.LINE, line=2),
        Row("aten::rand.default", 5, flags=EventFlag.RANDOM, aux=5, line=2),
        Row("aten::lift_fresh.default", batch, flags=EventFlag.BIRTH, line=9),
        Row("weight", batch, kind=EventKind.GRADIENT),
    ]


def test_the_first_line_whose_value_differs_is_named_with_what_it_draws(tmp_path: Path) -> None:
    a = make_run(tmp_path / "pair", 0, rows_of(10, 30))
    b = make_run(tmp_path / "pair", 1, rows_of(20, 40))
    pair = RunPair(a, b, localise(a, b, Interned()))
    finding = add_line(UNDEFINED, pair, Interned())
    assert finding.location == Location("train.py", 2, "main")
    assert finding.op == "aten::rand"
    assert finding.evidence.notes == (
        "the first Python value that differs is 'words' at train.py:2",
    )


@pytest.mark.parametrize(
    ("line", "op"), [(2, "aten::rand"), (9, None), (7, None)], ids=["drawn", "not drawn", "none"]
)
def test_what_a_line_draws_is_found_in_whatever_function_of_the_line(
    tmp_path: Path, line: int, op: str | None
) -> None:
    run = make_run(tmp_path, 0, rows_of(10, 30))
    # A comprehension on that line is a function of its own up to Python 3.11.
    assert find_draw_at(run, Location("train.py", line, "<dictcomp>")) == op


def test_a_value_that_is_plain_is_shown_as_it_was_in_both_runs(tmp_path: Path) -> None:
    runs = []
    for index, word in enumerate(("'cat'", "'dog'")):
        rows = [
            Row("", inputs=1, kind=EventKind.LINE, line=2),
            Row("c", index + 10, 1, kind=EventKind.LINE, line=2, shown=word),
            Row("aten::lift_fresh.default", index + 20, flags=EventFlag.BIRTH, line=9),
            Row("weight", index + 20, kind=EventKind.GRADIENT),
        ]
        runs.append(make_run(tmp_path / "pair", index, rows))
    pair = RunPair(runs[0], runs[1], localise(*runs, Interned()))
    finding = add_line(UNDEFINED, pair, Interned())
    assert finding.evidence.notes == (
        "the first Python value that differs is 'c' at train.py:2: 'cat' in one run, 'dog' in "
        "another",
    )


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("self", "the first Python value that differs is made there"),
        ("return", "what is returned there is the first Python value that differs"),
        ("stream:python", "the random stream of python is the first thing that differs, there"),
    ],
)
def test_a_name_that_tells_nothing_is_not_named(tmp_path: Path, name: str, note: str) -> None:
    def rows(content: int) -> list[Row]:
        return [
            Row("", inputs=1, kind=EventKind.LINE, line=2),
            Row(name, content, 1, kind=EventKind.LINE, line=2),
            Row("aten::lift_fresh.default", content, flags=EventFlag.BIRTH, line=9),
            Row("weight", content, kind=EventKind.GRADIENT),
        ]

    a = make_run(tmp_path / "pair", 0, rows(10))
    b = make_run(tmp_path / "pair", 1, rows(20))
    pair = RunPair(a, b, localise(a, b, Interned()))
    assert add_line(UNDEFINED, pair, Interned()).evidence.notes == (note,)


def test_the_line_that_allocated_undefined_memory_is_named_and_not_what_fills_it(
    tmp_path: Path,
) -> None:
    def rows(content: int) -> list[Row]:
        return [
            Row("", inputs=1, kind=EventKind.LINE, line=2),
            Row("out", content, 1, kind=EventKind.LINE, line=2, flags=EventFlag.UNDEFINED),
            Row("", inputs=content, kind=EventKind.LINE, line=3),
            Row("out", content + 1, content, kind=EventKind.LINE, line=3),
            Row("aten::lift_fresh.default", content, flags=EventFlag.BIRTH, line=9),
            Row("weight", content, kind=EventKind.GRADIENT),
        ]

    a = make_run(tmp_path / "pair", 0, rows(10))
    b = make_run(tmp_path / "pair", 1, rows(20))
    pair = RunPair(a, b, localise(a, b, Interned()))
    finding = add_line(UNDEFINED, pair, Interned())
    assert finding.location == Location("train.py", 2, "main")
    assert finding.evidence.notes == ("what the memory that is allocated there holds differs",)
    other = add_line(with_cause(UNDEFINED, Cause.UNKNOWN), pair, Interned())
    assert other.location == Location("train.py", 3, "main")
