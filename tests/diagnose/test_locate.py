"""How many runs are made to see a difference again, of how many steps, and what is asked of later
runs. No program is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.comparison.localise import Origin, Source, localise
from reproaudit.diagnose.locate import Locator, RecordedRunsAgree
from reproaudit.diagnose.source_calls import RunPair, make_pin, make_target, read_place
from reproaudit.model.events import (
    EventFlag,
    EventKind,
    Level,
    Outcome,
    OutcomeKind,
    Phase,
    Unchecked,
)
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run

MM = "aten::mm.default"
FAILED = Outcome(OutcomeKind.RAISED, 1, "ValueError: planted")


def rows_of(content: int, *, step: int = 0, masked: int = 0) -> list[Row]:
    """An op that gives `content`, and the gradient; `masked` is what no tensor follows from."""
    return [
        Row("aten::empty.default", masked, line=3, step=step),
        Row(MM, content, 3, line=7, step=step),
        Row("weight", content, kind=EventKind.GRADIENT, step=step, phase=Phase.BACKWARD),
    ]


class FakeLab:
    """Gives runs as `rows` makes them for the number of the run."""

    steps: int | None = 10

    def __init__(
        self,
        folder: Path,
        rows: Callable[[int], Sequence[Row]],
        outcome: Outcome | None = None,
    ) -> None:
        self.folder, self.rows, self.outcome = folder, rows, outcome
        self.made: list[RunRequest] = []

    def run(self, request: RunRequest) -> Run:
        self.made.append(request)
        number = len(self.made)
        return make_run(
            self.folder / str(number), request.index, self.rows(number - 1), self.outcome
        )


def locator_of(
    lab: FakeLab,
    contents: Sequence[int],
    *,
    step: int = 0,
    outcomes: Sequence[Outcome | None] = (),
    recorded: Sequence[tuple[int | None, Run]] = (),
    wants_more: bool = False,
) -> Locator:
    """Make the locator of an audit whose plain runs had these contents."""
    endings = outcomes or [None] * len(contents)
    runs = [
        make_run(lab.folder / "plain", index, rows_of(content, step=step), ending)
        for index, (content, ending) in enumerate(zip(contents, endings, strict=True))
    ]
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    maker = cast(RunMaker, lab)
    return Locator(maker, judged, (), interned=interned, recorded=recorded, wants_more=wants_more)


def make_pair(folder: Path, a: Sequence[Row], b: Sequence[Row]) -> RunPair:
    runs = make_run(folder, 0, a), make_run(folder, 1, b)
    return RunPair(*runs, localise(*runs, Interned()))


def test_two_runs_that_differ_are_enough(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10 + number))
    pair = locator_of(lab, [1, 2, 3]).find_plain_pair()
    assert pair is not None
    assert len(lab.made) == 2
    assert {request.level for request in lab.made} == {Level.OPERATION}


def test_two_recorded_runs_that_agree_ask_for_more_runs_that_decide(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10))
    locator = locator_of(lab, [1, 2], wants_more=True)
    with pytest.raises(RecordedRunsAgree):
        locator.find_plain_pair()
    assert [steps for steps, _ in locator.recorded] == [2, 2]


@pytest.mark.parametrize(
    ("contents", "steps", "first"),
    [([1, 2, 3, 4, 5], 10, "operations-2"), ([1, 2, 1, 1, 1], 2, "operations-2")],
    ids=["often: to the end, and none is taken up", "rarely: those that are there are taken up"],
)
def test_after_runs_that_agreed_it_matters_how_often_the_program_differs(
    tmp_path: Path, contents: list[int], steps: int, first: str
) -> None:
    recorded = [(2, make_run(tmp_path / "recorded", index, rows_of(10))) for index in range(2)]
    lab = FakeLab(tmp_path, lambda number: rows_of(20 + number))
    pair = locator_of(lab, contents, recorded=recorded).find_plain_pair()
    assert pair is not None
    assert (lab.made[0].name, lab.made[0].steps) == (first, steps)
    assert len(lab.made) == (2 if steps == 10 else 1)


def test_a_rare_difference_is_waited_for_longer_than_a_frequent_one(tmp_path: Path) -> None:
    made = []
    for name, contents in (("often", [1, 2, 3, 4]), ("rare", [1] * 11 + [2])):
        lab = FakeLab(tmp_path / name, lambda number: rows_of(10))
        assert locator_of(lab, contents).find_plain_pair() is None
        made.append(len(lab.made))
    often, rare = made
    assert often < rare <= 40


def test_a_difference_that_recording_hides_is_said_not_to_be_located(tmp_path: Path) -> None:
    locator = locator_of(FakeLab(tmp_path, lambda number: rows_of(10)), [1, 2, 3])
    assert locator.find_plain_pair() is None
    assert [note.code for note in locator.notes] == [Unchecked.OPERATOR_NOT_LOCATED]


def test_a_program_that_fails_only_under_recording_is_not_said_to_be_equal(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10), FAILED)
    locator = locator_of(lab, [1, 2, 3])
    assert locator.find_plain_pair() is None
    assert len(lab.made) == 2
    assert "ValueError: planted; it is a fault of reproaudit" in locator.notes[-1].why


def test_a_program_that_also_fails_by_itself_is_looked_at_as_often_as_another(
    tmp_path: Path,
) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10), FAILED)
    locator = locator_of(lab, [1, 2, 3], outcomes=[FAILED] * 3)
    assert locator.find_plain_pair() is None
    assert len(lab.made) == 6


def test_an_op_that_differs_without_consequence_is_no_difference(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10, masked=number))
    assert locator_of(lab, [1, 2, 3]).find_plain_pair() is None


def test_at_first_only_a_little_past_the_difference_is_recorded_and_then_the_whole_length(
    tmp_path: Path,
) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10))
    locator_of(lab, [1, 2, 3], step=4).find_plain_pair()
    steps = [request.steps for request in lab.made]
    assert steps == [6, 6, 6, 6, 10, 10]


def test_runs_of_different_lengths_are_not_compared(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(20 if number >= 4 else 10))
    assert locator_of(lab, [1, 2, 3], step=4).find_plain_pair() is None


def test_runs_that_end_differently_are_recorded_to_their_ends(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10 + number))
    locator_of(lab, [1, 2], outcomes=[None, FAILED]).find_plain_pair()
    assert [request.steps for request in lab.made] == [10, 10]


def test_runs_that_end_early_are_noted_once(tmp_path: Path) -> None:
    locator = locator_of(FakeLab(tmp_path, lambda number: rows_of(10 + number), FAILED), [1, 2])
    assert locator.find_plain_pair() is not None
    assert [note.code for note in locator.notes] == [Unchecked.RUNS_ENDED_EARLY]
    assert "ValueError: planted" in locator.notes[0].why


@pytest.mark.parametrize(("contents", "runs"), [([1, 2, 3, 4, 5], 2), ([1, 1, 1, 2], 3)])
def test_runs_with_interventions_are_few_and_give_up_without_a_note(
    tmp_path: Path, contents: list[int], runs: int
) -> None:
    lab = FakeLab(tmp_path, lambda number: rows_of(10))
    locator = locator_of(lab, contents)
    assert locator.find_changed_pair(("hash.seed",), lines=True) is None
    assert len(lab.made) == runs
    assert all(request.lines for request in lab.made)
    assert {request.interventions for request in lab.made} == {("hash.seed",)}
    assert locator.notes == []


def test_a_target_counts_only_the_earlier_calls_that_are_alike(tmp_path: Path) -> None:
    before = [
        Row(MM, 1, 1, line=7),
        Row(MM, 1, 1, line=8),
        Row("aten::add.Tensor", 1, 1, line=7),
        Row(MM, 1, 1, line=7, step=1),
    ]
    last = Row("weight", 1, kind=EventKind.GRADIENT)
    pair = make_pair(
        tmp_path, [*before, Row(MM, 5, 1, line=7), last], [*before, Row(MM, 6, 1, line=7), last]
    )
    (source,) = pair.localisation.sources
    target = make_target(pair.a, source)
    assert target is not None
    assert (target.name, target.location_line, target.occurrence) == (MM, 7, 1)


def test_what_only_the_second_run_has_gives_no_target_and_no_pin(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, rows_of(1), rows_of(2))
    only_b = Source(origin=Origin.STRUCTURE, process="", order=0.0, event_a=None, event_b=1)
    assert make_target(pair.a, only_b) is None
    assert make_pin(pair, only_b) is None
    assert read_place(only_b, pair).op == MM


def test_of_memory_that_nobody_wrote_the_allocation_is_pinned(tmp_path: Path) -> None:
    def rows(content: int) -> list[Row]:
        return [
            Row("aten::empty.memory_format", flags=EventFlag.UNDEFINED, line=3),
            Row("aten::add.Tensor", content, content, flags=EventFlag.READS_UNDEFINED, line=9),
        ]

    pair = make_pair(tmp_path, rows(5), rows(6))
    (source,) = pair.localisation.sources
    pin = make_pin(pair, source)
    assert pin is not None
    assert (pin.name, pin.location_line) == ("aten::empty.memory_format", 3)
