"""How a diagnosis ends early: what was found by then is kept, and what was not tried is said. No
program is run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.config.subject import SubjectKind, SubjectSpec
from reproaudit.diagnose.diagnosis import Diagnosis, Diagnostician
from reproaudit.errors import SubjectError
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Level, Phase, Unchecked
from reproaudit.model.result import Trial
from reproaudit.runs.budget import BudgetSpent
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run


class FakeLab:
    """Gives runs as a program that draws without a seed leaves them; from run `ends_at` on raises
    `error`."""

    steps = 1
    subject = SubjectSpec(SubjectKind.SCRIPT, Path("nowhere"), path="train.py")

    def __init__(self, folder: Path, error: BaseException, ends_at: int) -> None:
        self.folder, self.error, self.ends_at = folder, error, ends_at
        self.seconds: dict[str, float] = {}
        self.made = 0

    def start_budget(self) -> None:
        pass

    def can_try(self, name: str) -> bool:
        return True

    def run(self, request: RunRequest) -> Run:
        if self.made >= self.ends_at:
            raise self.error
        self.made += 1
        self.seconds[request.name] = 1.0
        return drawing_run(self.folder / str(self.made), request.index, self.made)


def drawing_run(folder: Path, index: int, drawn: int, content: int | None = None) -> Run:
    draw = Row("aten::uniform_", drawn, flags=EventFlag.RANDOM, aux=drawn, phase=Phase.DATA, line=3)
    content = drawn if content is None else content
    return make_run(folder, index, [draw, Row("weight", content, kind=EventKind.GRADIENT)])


def diagnosed(folder: Path, error: BaseException, ends_at: int) -> Diagnosis:
    runs = [drawing_run(folder / "plain", index, 100 + index) for index in range(5)]
    lab = FakeLab(folder, error, ends_at)
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    return Diagnostician(cast(Lab, lab), judged, (), interned=interned).run()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "it was interrupted"),
        (BudgetSpent(), "its budget was spent"),
        (
            SubjectError("train.py did not end within 60 s", code="subject-timeout"),
            "did not end within 60 s",
        ),
    ],
)
def test_a_diagnosis_that_ends_early_keeps_its_findings_and_says_why(
    tmp_path: Path, error: BaseException, said: str
) -> None:
    diagnosis = diagnosed(tmp_path, error, ends_at=2)
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.op) == (Cause.UNSEEDED_RNG, "aten::uniform_")
    assert finding.fix is not None
    assert not finding.fix.verified
    assert any(said in note.why for note in diagnosis.notes) or any(
        said in trial.note for trial in diagnosis.trials
    )


def test_what_was_not_tried_is_said(tmp_path: Path) -> None:
    notes = " ".join(note.why for note in diagnosed(tmp_path, BudgetSpent(), ends_at=4).notes)
    assert "not tried: " in notes
    assert "hash.seed" in notes


def test_without_any_run_nothing_is_claimed(tmp_path: Path) -> None:
    diagnosis = diagnosed(tmp_path, BudgetSpent(), ends_at=0)
    assert (diagnosis.findings, diagnosis.trials, diagnosis.is_complete) == ((), (), None)


class HidingLab(FakeLab):
    """Differs in each run, but not under the recording of operators, nor with all of `needed`."""

    def __init__(self, folder: Path, needed: set[str], error: BaseException, ends_at: int) -> None:
        super().__init__(folder, error, ends_at)
        self.needed = needed

    def run(self, request: RunRequest) -> Run:
        run = super().run(request)
        is_equal = request.level is Level.OPERATION or self.needed <= set(request.interventions)
        content = 1 if is_equal else self.made
        gradient = Row("weight", content, kind=EventKind.GRADIENT)
        return make_run(self.folder / f"{self.made}-hidden", run.index, [gradient])


def diagnose_hidden(folder: Path, needed: set[str], error: BaseException, runs: int) -> Diagnosis:
    observed = [drawing_run(folder / "plain", index, 100 + index) for index in range(5)]
    interned = Interned()
    judged = judge(observed, compare_boundaries(observed, interned), {})
    lab = HidingLab(folder, needed, error, runs)
    return Diagnostician(cast(Lab, lab), judged, (), interned=interned).run()


@pytest.mark.parametrize("error", [BudgetSpent(), KeyboardInterrupt()])
def test_a_set_that_was_proven_is_the_repair_though_it_could_not_be_shrunk_to_the_end(
    tmp_path: Path, error: BaseException
) -> None:
    diagnosis = diagnose_hidden(tmp_path, {"hash.seed"}, error, 15)
    (finding,) = diagnosis.findings
    assert finding.fix is not None
    assert finding.fix.verified
    assert "hash.seed" in finding.fix.settings
    proof = min((trial for trial in diagnosis.trials if trial.is_proof), key=_count_settings)
    assert {*finding.fix.settings, *finding.fix.together} == set(proof.settings)
    assert len(proof.settings) > 1
    # It stands before all other notes.
    assert diagnosis.notes[0].code is Unchecked.DIAGNOSIS_ENDED
    assert "a smaller part of the repair may do" in diagnosis.notes[0].why
    assert "not tried" not in diagnosis.notes[0].why


def _count_settings(trial: Trial) -> int:
    return len(trial.settings)


class DrawingLab(FakeLab):
    """Draws without a seed, and differs besides by string hashes, which no operator shows."""

    def run(self, request: RunRequest) -> Run:
        super().run(request)
        drawn = 1 if "seed.torch" in request.interventions else self.made
        content = drawn if "hash.seed" in request.interventions else self.made
        return drawing_run(self.folder / f"{self.made}-drawn", request.index, drawn, content)


def test_members_of_a_set_that_was_proven_together_say_what_else_it_took(tmp_path: Path) -> None:
    observed = [drawing_run(tmp_path / "plain", index, 100 + index) for index in range(5)]
    interned = Interned()
    judged = judge(observed, compare_boundaries(observed, interned), {})
    lab = DrawingLab(tmp_path, BudgetSpent(), 1000)
    diagnosis = Diagnostician(cast(Lab, lab), judged, (), interned=interned).run()
    first, second = [finding.fix for finding in diagnosis.findings]
    assert first is not None
    assert second is not None
    assert (first.settings, first.together) == (("seed.torch",), ("hash.seed",))
    assert (second.settings, second.together) == (("hash.seed",), ("seed.torch",))
    assert (first.verified, second.verified, first.runs, second.runs) == (True, True, 3, 3)


class KernelLab(FakeLab):
    """Has a kernel that gives something else each time, but not with `repair` or where pinned."""

    repair = "kernels.deterministic"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, BudgetSpent(), 1000)
        self.requests: list[RunRequest] = []

    def run(self, request: RunRequest) -> Run:
        super().run(request)
        self.requests.append(request)
        is_equal = self.repair in request.interventions or bool(request.pins)
        return kernel_run(self.folder / str(self.made), request.index, 1 if is_equal else self.made)


def kernel_run(folder: Path, index: int, content: int) -> Run:
    multiplied = Row("aten::mm.default", content, 1, line=7)
    return make_run(folder, index, [multiplied, Row("weight", content, kind=EventKind.GRADIENT)])


def diagnose_kernel(folder: Path, lab: KernelLab) -> tuple[Diagnosis, list[str]]:
    observed = [kernel_run(folder / "plain", index, 100 + index) for index in range(2)]
    interned = Interned()
    judged = judge(observed, compare_boundaries(observed, interned), {})
    diagnosis = Diagnostician(cast(Lab, lab), judged, (), interned=interned).run()
    return diagnosis, [request.name for request in lab.requests if request.pins]


def test_one_pinned_run_is_enough_where_a_repair_of_what_is_known_is_proven(tmp_path: Path) -> None:
    diagnosis, pinned = diagnose_kernel(tmp_path, KernelLab(tmp_path))
    assert pinned == ["reference-0", "pinned-0-0"]
    assert diagnosis.is_complete is True


def test_where_the_likeliest_repair_fails_sources_are_looked_for_again_and_longer(
    tmp_path: Path,
) -> None:
    lab = KernelLab(tmp_path)
    lab.repair = "threads.one"
    diagnosis, pinned = diagnose_kernel(tmp_path, lab)
    assert pinned[2:] == ["reference-1", "pinned-1-0", "pinned-1-1"]
    (finding,) = diagnosis.findings
    assert finding.fix is not None
    assert finding.fix.settings == ("threads.one",)


class RareLab(FakeLab):
    """Gives the same each time."""

    def run(self, request: RunRequest) -> Run:
        super().run(request)
        return drawing_run(self.folder / f"{self.made}-rare", request.index, 5)


def test_two_equal_recorded_runs_are_no_ground_to_go_on_with_two_runs_that_decided(
    tmp_path: Path,
) -> None:
    contents = [1, 2, 1, 2, 1]
    runs = [drawing_run(tmp_path / "plain", index, one) for index, one in enumerate(contents)]
    interned = Interned()
    first = judge(runs[:2], compare_boundaries(runs[:2], interned), {})
    asked: list[int] = []

    def judge_more() -> Judged:
        asked.append(lab.made)
        return judge(runs, compare_boundaries(runs, interned), {})

    lab = RareLab(tmp_path, BudgetSpent(), 4)
    Diagnostician(cast(Lab, lab), first, (), interned=interned, judge_more=judge_more).run()
    # Once, after the first two; they are not made again.
    assert asked == [2]
    assert lab.made == 4
