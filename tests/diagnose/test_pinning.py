"""What silences a known source in later runs, and when the list of sources counts as complete.

No program is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.comparison.localise import localise
from reproaudit.config.plan import Pin
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.locate import Locator
from reproaudit.diagnose.pinning import Pinning
from reproaudit.diagnose.source_calls import RunPair
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
MM_PIN = Pin(name=MM, location_path="train.py", location_line=7, phase=int(Phase.FORWARD))


def kernel_rows(content: int) -> list[Row]:
    """An op that gives `content` on equal inputs, and the gradient."""
    return [Row(MM, content, 1, line=7), Row("weight", content, kind=EventKind.GRADIENT)]


def draw_rows(content: int) -> list[Row]:
    """An unseeded draw, and the gradient."""
    drawn = Row("aten::uniform_", content, flags=EventFlag.RANDOM, aux=content, line=3)
    return [drawn, Row("weight", content, kind=EventKind.GRADIENT)]


def undefined_rows(content: int) -> list[Row]:
    """Memory that nobody wrote, an op that reads it, and the gradient."""
    return [
        Row("aten::empty.memory_format", flags=EventFlag.UNDEFINED, line=3),
        Row("aten::add.Tensor", content, content, flags=EventFlag.READS_UNDEFINED, line=9),
        Row("weight", content, kind=EventKind.GRADIENT),
    ]


class FakeLab:
    """Gives runs as `rows` makes them for the number of the run; `barred` cannot be tried."""

    steps: int | None = 10
    subject = SubjectSpec(SubjectKind.SCRIPT, Path("nowhere"), path="train.py")

    def __init__(
        self,
        folder: Path,
        rows: Callable[[int], Sequence[Row]],
        barred: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.rows = rows
        self.barred = barred
        self.made: list[RunRequest] = []

    def can_try(self, name: str) -> bool:
        return name not in self.barred

    def run(self, request: RunRequest) -> Run:
        rows = self.rows(len(self.made))
        self.made.append(request)
        return make_run(self.folder / request.name, request.index, rows)


def find_pair(folder: Path, rows: Callable[[int], Sequence[Row]]) -> RunPair:
    a = make_run(folder / "pair", 0, rows(101))
    b = make_run(folder / "pair", 1, rows(102))
    return RunPair(a, b, localise(a, b, Interned()))


def start_pinning(lab: FakeLab, pair: RunPair) -> Pinning:
    """Return the pinning of an audit whose runs are the pair, and which knows what it shows."""
    interned = Interned()
    runs = list(pair.runs)
    judged = judge(runs, compare_boundaries(runs, interned), {})
    locator = Locator(cast(RunMaker, lab), judged, (), interned=interned)
    pinning = Pinning(cast(RunMaker, lab), locator, cuda=False)
    pinning.add(locator.explain(pair), pair)
    return pinning


def test_an_op_is_pinned_and_a_draw_is_held_by_its_first_intervention(tmp_path: Path) -> None:
    of_kernel = find_pair(tmp_path / "kernel", kernel_rows)
    of_draw = find_pair(tmp_path / "draw", draw_rows)
    (kernel,) = start_pinning(FakeLab(tmp_path, kernel_rows), of_kernel).known
    (draw,) = start_pinning(FakeLab(tmp_path, draw_rows), of_draw).known
    assert (kernel.pin, kernel.held) == (MM_PIN, ())
    assert (draw.pin, draw.held) == (None, ("seed.torch",))


def test_a_source_that_shows_again_in_another_pair_is_not_new(tmp_path: Path) -> None:
    pair = find_pair(tmp_path, kernel_rows)
    pinning = start_pinning(FakeLab(tmp_path, kernel_rows), pair)
    assert pinning.add(pinning.locator.explain(pair), pair) == 0
    assert len(pinning.known) == 1


def test_what_cannot_be_tried_here_is_left_out_of_the_choices(tmp_path: Path) -> None:
    pair = find_pair(tmp_path, kernel_rows)
    free = start_pinning(FakeLab(tmp_path, kernel_rows), pair)
    barred = start_pinning(FakeLab(tmp_path, kernel_rows, ["kernels.deterministic"]), pair)
    assert free.known[0].choices == ("kernels.deterministic", "threads.one")
    assert barred.known[0].choices == ("threads.one",)


def test_where_nothing_can_be_tried_the_choices_stay_to_be_named(tmp_path: Path) -> None:
    names = ("kernels.deterministic", "threads.one")
    pair = find_pair(tmp_path, kernel_rows)
    pinning = start_pinning(FakeLab(tmp_path, kernel_rows, names), pair)
    assert pinning.known[0].choices == names


def test_the_list_is_complete_once_two_pinned_runs_equal_their_reference(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path / "lab", lambda number: kernel_rows(5))
    pinning = start_pinning(lab, find_pair(tmp_path, kernel_rows))
    assert pinning.is_complete is None
    pinning.complete()
    assert pinning.is_complete is True
    assert [request.name for request in lab.made] == ["reference-0", "pinned-0-0", "pinned-0-1"]
    assert {request.pins for request in lab.made} == {(MM_PIN,)}
    reference = str(lab.folder / "reference-0")
    assert [request.reference for request in lab.made] == ["", reference, reference]
    assert {request.level for request in lab.made} == {Level.VALUES}


def test_a_brief_look_is_one_pinned_run_as_long_as_those_that_differed(tmp_path: Path) -> None:
    def find_stopped(index: int) -> Run:
        stopped = Outcome(OutcomeKind.STOPPED, 0)
        return make_run(tmp_path / "pair", index, kernel_rows(101 + index), stopped, steps=2)

    a, b = find_stopped(0), find_stopped(1)
    lab = FakeLab(tmp_path / "lab", lambda number: kernel_rows(5))
    pinning = start_pinning(lab, RunPair(a, b, localise(a, b, Interned())))
    pinning.complete(is_brief=True)
    assert (pinning.is_complete, pinning.is_brief) == (True, True)
    assert [request.name for request in lab.made] == ["reference-0", "pinned-0-0"]
    assert {request.steps for request in lab.made} == {2}
    # A thorough look after it goes on with further names, to the end.
    pinning.complete()
    assert [request.name for request in lab.made[2:]] == ["reference-1", "pinned-1-0", "pinned-1-1"]
    assert {request.steps for request in lab.made[2:]} == {None}


def test_runs_that_went_to_their_end_are_followed_to_the_end(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path / "lab", lambda number: kernel_rows(5))
    pinning = start_pinning(lab, find_pair(tmp_path, kernel_rows))
    pinning.complete(is_brief=True)
    assert {request.steps for request in lab.made} == {None}


def test_values_that_were_not_kept_are_noted_once(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path / "lab", lambda number: kernel_rows(5))
    pinning = start_pinning(lab, find_pair(tmp_path, kernel_rows))
    pinning.complete()
    (note,) = pinning.notes
    assert (note.code, note.what) == (Unchecked.VALUES_NOT_KEPT, f"values of {MM}")


def test_a_source_that_no_choice_silences_leaves_the_list_incomplete(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path / "lab", draw_rows)
    pinning = start_pinning(lab, find_pair(tmp_path, draw_rows))
    pinning.complete()
    assert pinning.is_complete is False
    (draw,) = pinning.known
    # Every choice was taken in its turn, in a round of its own.
    references = [request for request in lab.made if not request.reference]
    assert [request.interventions for request in references] == [(one,) for one in draw.choices]


def test_what_its_pin_does_not_silence_is_held_by_its_first_intervention_instead(
    tmp_path: Path,
) -> None:
    lab = FakeLab(tmp_path, lambda number: kernel_rows(number if number < 2 else 5))
    pinning = start_pinning(lab, find_pair(tmp_path, kernel_rows))
    (known,) = pinning.known
    first = known.choices[:1]
    pinning.complete()
    assert pinning.is_complete
    assert [(made.pins, made.interventions) for made in lab.made] == [
        *[((MM_PIN,), ())] * 2,
        *[((), first)] * 3,
    ]
    # What was never tried alone is the first to be tried as a repair.
    assert known.choices[known.chosen :][:1] == first


def test_memory_that_nobody_wrote_is_filled_otherwise_in_the_pinned_runs(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path / "lab", lambda number: undefined_rows(5))
    pinning = start_pinning(lab, find_pair(tmp_path, undefined_rows))
    pinning.complete()
    fills = [request.variables for request in lab.made]
    assert fills == [
        (("REPROAUDIT_FILL", "0"),),
        (("REPROAUDIT_FILL", "90"),),
        (("REPROAUDIT_FILL", "90"),),
    ]
    assert {request.interventions for request in lab.made} == {("memory.fill",)}


def test_what_repairs_a_source_that_was_seen_alone_is_needed(tmp_path: Path) -> None:
    pinning = start_pinning(FakeLab(tmp_path, kernel_rows), find_pair(tmp_path, kernel_rows))
    assert pinning.list_needed(["hash.seed", "kernels.deterministic"]) == ["kernels.deterministic"]
    # Either of the two may be what repairs it.
    assert pinning.list_needed(["threads.one", "kernels.deterministic"]) == []


def test_of_sources_that_were_seen_together_none_is_known_to_matter(tmp_path: Path) -> None:
    pair = find_pair(tmp_path, lambda content: [*draw_rows(content)[:1], *kernel_rows(content)])
    pinning = start_pinning(FakeLab(tmp_path, kernel_rows), pair)
    assert len(pinning.known) == 2
    assert pinning.list_needed(["seed.torch", "kernels.deterministic"]) == []
