"""The verdict under tolerances by tensor name, and what is said of tensors that are ignored."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import Judged, judge
from reproaudit.config.tolerance import Ignored, TensorPattern, parse_tolerances
from reproaudit.diagnose.locate import Locator
from reproaudit.experiment.conclude import conclude
from reproaudit.model.events import EventKind, Outcome, OutcomeKind, Phase
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.runs.lab import Lab
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.runs import Run, open_run
from reproaudit.trace.writer import TraceWriter
from tests.comparison.traces import Row, make_run


def run_with(folder: Path, index: int, **gradients: float) -> Run:
    """Write a run with one float64 gradient for each name, its value kept."""
    writer = TraceWriter(
        folder / f"run-{index}",
        level="boundary",
        subject="train.py",
        command=[],
        settings={},
        environment={},
        version="0",
        values_budget=1 << 20,
    )
    for name, value in gradients.items():
        data = np.array([value])
        event = writer.add_tensor(
            EventKind.GRADIENT,
            at=Moment(Phase.DATA, 0, writer.location("train.py", 1, "main")),
            name=name,
            tensor="float64[1]",
            digest=(int(data.view(np.uint64)[0]), 0),
        )
        assert writer.keep(event, 0, "float64", (1,), data.view(np.uint8))
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), 1)
    return open_run(folder / f"run-{index}", index)


@pytest.mark.parametrize(
    ("tolerance", "verdict"),
    [
        ("bitwise", Verdict.NOT_REPRODUCIBLE),
        ("gradient:a.*:atol=1", Verdict.NOT_REPRODUCIBLE),
        ("gradient:a.*:atol=1;gradient:b.*:atol=1e-3", Verdict.WITHIN_TOLERANCE),
        ("gradient:a.*:atol=1;float64:atol=1e-3", Verdict.WITHIN_TOLERANCE),
        ("a.*:bitwise;*.weight:atol=1", Verdict.NOT_REPRODUCIBLE),
        ("*.weight:atol=1;a.*:bitwise", Verdict.WITHIN_TOLERANCE),
        ("output:*:atol=1", Verdict.NOT_REPRODUCIBLE),
    ],
)
def test_each_tensor_is_held_against_the_first_tolerance_that_names_it(
    tolerance: str, verdict: Verdict, tmp_path: Path
) -> None:
    runs = [
        run_with(tmp_path, index, **{"a.weight": 1.0 + 0.5 * index, "b.weight": 1.0 + 1e-4 * index})
        for index in range(2)
    ]
    assert (
        judge(runs, compare_boundaries(runs, Interned()), parse_tolerances([tolerance])).verdict
        is verdict
    )


def concluded(folder: Path, *ignored: str) -> AuditResult:
    """Conclude from two runs that differ in a batch, and in a gradient `a`."""
    rows = [
        [
            Row("x", index, kind=EventKind.BATCH),
            Row("a", index, kind=EventKind.GRADIENT),
            Row("b", 7, kind=EventKind.GRADIENT),
        ]
        for index in (1, 2)
    ]
    runs = [make_run(folder, index, row) for index, row in enumerate(rows)]
    interned = Interned(tuple(Ignored(TensorPattern(text), "drawn anew") for text in ignored))
    judged = judge(runs, compare_boundaries(runs, interned), {})
    return conclude(judged, (), (), notes=(), settings=(), subject="train.py", next_commands=())


MANY = 301  # more than the 200 that are shown


def judge_many(folder: Path, tolerance: str, **last: float) -> Judged:
    """Judge two runs of MANY gradients that differ by 1e-4 each, the last one by `last` instead."""
    names = [f"g{number:03}" for number in range(MANY)]
    runs = [
        run_with(folder, 0, **dict.fromkeys(names, 1.0)),
        run_with(folder, 1, **(dict.fromkeys(names, 1.0001) | last)),
    ]
    comparison = compare_boundaries(runs, Interned())
    return judge(runs, comparison, parse_tolerances([tolerance]))


def test_more_tensors_than_are_shown_may_all_be_within_tolerance(tmp_path: Path) -> None:
    judged = judge_many(tmp_path, "float64:atol=1e-3")
    assert judged.verdict is Verdict.WITHIN_TOLERANCE
    assert len(judged.divergences) < judged.divergences_total == MANY


def test_a_tensor_past_those_that_are_shown_can_be_outside_the_tolerance(tmp_path: Path) -> None:
    judged = judge_many(tmp_path, "float64:atol=1e-3", g300=2.0)
    assert judged.verdict is Verdict.NOT_REPRODUCIBLE


def test_a_later_class_of_many_tensors_is_judged_to_its_end(tmp_path: Path) -> None:
    names = [f"g{number:04}" for number in range(2_001)]
    far = dict.fromkeys(names, 1.0002)
    rows = [dict.fromkeys(names, 1.0), dict.fromkeys(names, 1.0001), far, far | {"g2000": 2.0}]
    runs = [run_with(tmp_path, index, **row) for index, row in enumerate(rows)]
    tolerances = parse_tolerances(["float64:atol=1e-3"])

    def verdict_of(some: list[Run]) -> Verdict:
        return judge(some, compare_boundaries(some, Interned()), tolerances).verdict

    assert verdict_of(runs[:3]) is Verdict.WITHIN_TOLERANCE
    assert verdict_of(runs) is Verdict.NOT_REPRODUCIBLE


def test_an_ignored_tensor_reaches_the_result_with_its_reason(tmp_path: Path) -> None:
    result = concluded(tmp_path, "gradient:a", "batch:x")
    assert (result.verdict, result.warnings) == (Verdict.REPRODUCIBLE, ())
    assert [(note.what, note.why) for note in result.not_checked] == [
        ("gradient:a (1 tensor per run)", "ignored: drawn anew"),
        ("batch:x (1 tensor per run)", "ignored: drawn anew"),
    ]
    assert dict(result.compared)["gradient"] == 1


def test_nothing_is_claimed_of_tensors_that_were_ignored(tmp_path: Path) -> None:
    (warning,) = concluded(tmp_path, "gradient:a").warnings
    assert warning.message.endswith("that are not ignored")


def test_a_mistyped_exception_reaches_the_result_as_a_warning(tmp_path: Path) -> None:
    result = concluded(tmp_path, "gradient:c")
    assert result.verdict is Verdict.NOT_REPRODUCIBLE
    assert any("'gradient:c'" in warning.message for warning in result.warnings)


def test_a_diagnosis_does_not_follow_a_difference_that_only_ignored_tensors_show(
    tmp_path: Path,
) -> None:
    class FakeLab:
        steps = 1

    rows = [
        [
            Row("aten::rand", index),
            Row("a", index, kind=EventKind.GRADIENT),
            Row("b", 7, kind=EventKind.GRADIENT),
        ]
        for index in (1, 2)
    ]
    runs = [make_run(tmp_path, index, row) for index, row in enumerate(rows)]
    judged = judge(runs, compare_boundaries(runs, Interned()), {})
    lab = cast(Lab, FakeLab())
    every_tensor = Locator(lab, judged, (), interned=Interned())
    assert every_tensor.compare(*runs) is not None
    ignored = (Ignored(TensorPattern("gradient:a"), "drawn anew"),)
    without_ignored = Locator(lab, judged, (), interned=Interned(ignored))
    assert without_ignored.compare(*runs) is None


def test_outputs_of_a_module_that_is_called_twice_in_a_step_are_numbered(tmp_path: Path) -> None:
    runs = []
    for index, values in enumerate(((1, 2, 3), (1, 5, 6))):
        rows = [Row("GCN.output", value, kind=EventKind.OUTPUT) for value in values]
        runs.append(make_run(tmp_path, index, rows, level="boundary"))
    judged = judge(runs, compare_boundaries(runs, Interned()), {})
    shown = [(row.name, row.occurrence) for row in judged.divergences]
    assert shown == [("GCN.output", 2), ("GCN.output", 3)]


def test_two_parameters_of_other_shapes_are_never_one_row(tmp_path: Path) -> None:
    runs = []
    for index, shapes in enumerate((("float32[8]", "float32[1]"), ("float32[1]", "float32[1]"))):
        rows = []
        for number, shape in enumerate(shapes):
            content = 10 * index + number
            named = Row(f"group0[{number}]", content, kind=EventKind.GRADIENT, shown=shape)
            rows.append(named)
        runs.append(make_run(tmp_path, index, rows, level="boundary"))
    judged = judge(runs, compare_boundaries(runs, Interned()), {})
    shown = [(row.name, row.tensor, row.only_in) for row in judged.divergences]
    assert shown == [
        ("group0[0]", "float32[8]", 0),
        ("group0[0]", "float32[1]", 1),
        ("group0[1]", "float32[1]", None),
    ]
    assert all(row.other_tensor is None for row in judged.divergences)
