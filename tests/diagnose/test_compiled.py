"""Which operator of a compiled region is named, and at which line. No program is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from reproaudit.comparison.localise import Localisation, Origin, Source
from reproaudit.diagnose.compiled import CompiledRegions
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import Explanation
from reproaudit.errors import SubjectError
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase, Unchecked
from reproaudit.model.result import Finding, Fix
from reproaudit.runs.request import RunMaker, RunRequest
from reproaudit.trace.runs import MAIN_PROCESS, Run
from tests.comparison.traces import Row, make_run

# What a run shows of a program whose module is compiled: an extern kernel at the line of `forward`,
# and what the program does with the outcome. The first reader of what differs is the second event.
COMPILED = [
    Row("aten::addmm.out", line=13),
    Row("aten::sub.Tensor", line=36),
    Row("aten::add_.Tensor", line=39, phase=Phase.OPTIMIZER),
]
AFTERWARDS = COMPILED[1:]
FIX = Fix(("kernels.deterministic",), verified=True)


class FakeLab:
    """Gives a run of `rows`, that of the program without its compiler; without rows it fails."""

    steps: int | None = 10

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        self.folder = folder
        self.rows = rows
        self.made: list[RunRequest] = []

    def run(self, request: RunRequest) -> Run:
        self.made.append(request)
        if not self.rows:
            raise SubjectError("it failed", code="subject-failed")
        return make_run(self.folder / request.name, request.index, self.rows)


def place(
    folder: Path,
    eager: Sequence[Row],
    *,
    event: int = 1,
    fix: Fix | None = FIX,
    notes: Sequence[Unchecked] = (Unchecked.COMPILED_REGIONS,),
) -> tuple[Finding | None, FakeLab]:
    """Place the finding of a difference that event number `event` was the first to read."""
    runs = [make_run(folder, index, COMPILED, notes=notes) for index in range(2)]
    source = Source(Origin.INPUT, MAIN_PROCESS, event, event, event)
    phase = COMPILED[event].phase
    here = Location("train.py", COMPILED[event].line, "main")
    finding = Finding("", Cause.KERNEL, "", phase, 2, op="aten::x", location=here, fix=fix)
    pair = RunPair(*runs, cast(Localisation, None))
    known = FoundSource(Explanation(finding, source), pair, None, ("kernels.deterministic",))
    lab = FakeLab(folder, eager)
    return CompiledRegions(cast(RunMaker, lab)).place(finding, known), lab


def test_the_one_operator_that_the_compiler_sums_without_an_order_is_named(tmp_path: Path) -> None:
    inside = [
        Row("aten::addmm.default", line=14),
        Row("aten::index_add.default", line=15),
        Row("aten::embedding_dense_backward.default", line=12, phase=Phase.BACKWARD),
    ]
    placed, lab = place(tmp_path, [*inside, *AFTERWARDS])
    assert placed is not None
    assert (placed.op, placed.location) == ("aten::index_add", Location("train.py", 15, "main"))
    assert placed.phase is Phase.FORWARD
    assert placed.evidence.notes[-1].startswith("in a compiled region, threads add")
    (request,) = lab.made
    assert (request.interventions, request.steps) == (("compile.off",), 3)


def test_a_gradient_that_an_optimizer_was_the_first_to_read_is_of_the_backward_pass(
    tmp_path: Path,
) -> None:
    inside = [
        Row("aten::index_add.default", line=15),
        Row("aten::embedding_dense_backward.default", line=22, phase=Phase.BACKWARD),
    ]
    placed, _ = place(tmp_path, [*inside, *AFTERWARDS], event=2)
    assert placed is not None
    assert (placed.op, placed.phase) == ("aten::embedding_dense_backward", Phase.BACKWARD)
    assert placed.location == Location("train.py", 22, "main")


def test_of_several_suspects_none_is_accused_and_the_line_is_the_regions(tmp_path: Path) -> None:
    inside = [
        Row("aten::tanh.default", line=14),
        Row("aten::index_add.default", line=15),
        Row("aten::scatter_add.default", line=16),
    ]
    placed, _ = place(tmp_path, [*inside, *AFTERWARDS])
    assert placed is not None
    assert (placed.op, placed.location) == (None, Location("train.py", 14, "main"))
    note = placed.evidence.notes[-1]
    assert "aten::index_add at train.py:15 in main, aten::scatter_add at train.py:16" in note


def test_the_same_operator_at_the_same_line_is_one_suspect(tmp_path: Path) -> None:
    inside = [Row("aten::index_add.default", line=15, step=step) for step in range(3)]
    placed, _ = place(tmp_path, [*inside, *AFTERWARDS])
    assert placed is not None
    assert placed.op == "aten::index_add"


def test_what_also_runs_beside_the_region_is_not_of_it(tmp_path: Path) -> None:
    inside = [Row("aten::tanh.default", line=14)]
    outside = [Row("aten::sub.Tensor", line=36)]
    placed, _ = place(tmp_path, [*outside, *inside, *AFTERWARDS])
    assert placed is not None
    assert (placed.op, placed.location) == (None, Location("train.py", 14, "main"))


@pytest.mark.parametrize(
    ("fix", "notes"),
    [
        (None, (Unchecked.COMPILED_REGIONS,)),
        (Fix(("hash.seed",), verified=True), (Unchecked.COMPILED_REGIONS,)),
        (Fix(("kernels.deterministic",)), (Unchecked.COMPILED_REGIONS,)),
        (FIX, ()),
    ],
)
def test_without_a_proof_or_a_region_nothing_is_run(
    tmp_path: Path, fix: Fix | None, notes: Sequence[Unchecked]
) -> None:
    placed, lab = place(tmp_path, AFTERWARDS, fix=fix, notes=notes)
    assert placed is None
    assert lab.made == []


@pytest.mark.parametrize("eager", [AFTERWARDS, []])
def test_a_program_that_shows_no_region_without_its_compiler_keeps_its_finding(
    tmp_path: Path, eager: Sequence[Row]
) -> None:
    placed, lab = place(tmp_path, eager)
    assert placed is None
    assert len(lab.made) == 1
