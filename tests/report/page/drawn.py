"""Results with pictures of which every cell and row is known, for tests that look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reproaudit.model.aligned_ops import AlignedOps, RowState, Stretch
from reproaudit.model.events import EventKind, Location, Phase
from reproaudit.model.growth import (
    ABSENT,
    DIFFERS,
    EQUAL,
    NAN,
    NO_ULP,
    UNLIKE,
    Distances,
    Growth,
    GrowthTensor,
    code_of_ulp,
)
from reproaudit.model.packed import Packed, pack
from reproaudit.model.result import AuditResult
from tests.report.cases import ONE_DIVERGENCE

FIRST_STEP = 10
TENSORS = (
    GrowthTensor(EventKind.BATCH, "input[0]", "int64[4]"),
    GrowthTensor(EventKind.OUTPUT, "Net.output", "float32[4, 2]"),
    GrowthTensor(EventKind.GRADIENT, "layers.0.weight", "float32[8, 4]"),
    GrowthTensor(EventKind.GRADIENT, "layers.0.bias", "float32[8]"),
    GrowthTensor(EventKind.GRADIENT, "layers.1.weight", "float32[8, 4]"),
    GrowthTensor(EventKind.GRADIENT, "layers.1.bias", "float32[8]"),
    GrowthTensor(EventKind.PARAMETER, "layers.0.weight", "float32[8, 4]"),
    GrowthTensor(EventKind.PARAMETER, "head.weight", "float32[2, 8]"),
)
ULP_3, ULP_4096 = code_of_ulp(3), code_of_ulp(4096)
# A row for each tensor, a column for each of the steps 10 to 15.
CELLS = (
    (EQUAL, EQUAL, EQUAL, EQUAL, EQUAL, EQUAL),
    (EQUAL, EQUAL, DIFFERS, ULP_3, ULP_3, ULP_4096),
    (EQUAL, EQUAL, ULP_3, DIFFERS, UNLIKE, NO_ULP),
    (EQUAL, ULP_3, ULP_3, ULP_3, ULP_3, ULP_4096),
    (EQUAL, ULP_4096, ULP_3, ULP_3, NAN, ULP_3),
    (ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT),
    (EQUAL, EQUAL, ULP_3, ULP_3, ULP_3, ULP_3),
    (EQUAL, EQUAL, EQUAL, EQUAL, EQUAL, EQUAL),
)
FIRST_NAME, FIRST_DIFFERENT_STEP = "layers.0.bias", 11


def column(dtype: str, values: Sequence[float]) -> Packed:
    return pack(dtype, np.asarray(values).astype(dtype).tobytes())


def make_growth() -> Growth:
    """Return the growth of TENSORS over CELLS: of layers.0.bias steps 11 and 15 were measured."""
    steps = len(CELLS[0])
    return Growth(
        runs=(0, 1),
        tensors=TENSORS,
        first_step=FIRST_STEP,
        steps=steps,
        cells=column("|u1", [code for row in CELLS for code in row]),
        at=column("<u4", [3 * steps + 1, 3 * steps + 5]),
        differing=column("<u4", [2, 8]),
        max_ulp=column("<f8", [3, 4100]),
        max_abs=column("<f4", [2.5e-7, 0.125]),
        histograms=(
            Distances(3, 11, (("1", 1), ("4", 1))),
            Distances(3, 15, (("4", 5), ("8192", 3))),
        ),
    )


OPS = ("aten::mm", "aten::index_put", "aten::add_", "aten::t")
MODULES = ("layers.0", "layers.1")
LINES = (Location("net.py", 12, "forward"), Location("train.py", 40, "train"))
STEPS, ROWS_PER_STEP, FORWARD_ROWS = 20, 50, 25
FIRST_STRETCH = 400  # rows
SOURCE_ROWS = (503, 703)
ONLY_A_ROW, ONLY_B_ROW = 610, 611
INDEX_PUT_ROWS = sorted({*range(5, STEPS * ROWS_PER_STEP, 10), *SOURCE_ROWS})
RUNS = ("runs/first", "runs/second")
LEFT_OUT = 1234  # of processes that have no stretch
MISSING = 777  # operators between the two stretches


def list_states() -> list[RowState]:
    """Equal before the first source; every fourth row behind it carries the difference."""
    states = []
    for row in range(STEPS * ROWS_PER_STEP):
        carries = row > SOURCE_ROWS[0] and row % 4 == 0
        states.append(RowState.CARRIER if carries else RowState.EQUAL)
    for row in SOURCE_ROWS:
        states[row] = RowState.SOURCE
    states[ONLY_A_ROW], states[ONLY_B_ROW] = RowState.ONLY_A, RowState.ONLY_B
    return states


def make_ops() -> AlignedOps:
    """Return 1,000 rows of the main process in two stretches, and 30 equal ones of another."""
    states = list_states()
    rows = np.arange(len(states))
    ops = np.array([0, 2, 3])[rows % 3]
    ops[INDEX_PUT_ROWS] = 1
    phases = np.where(rows % ROWS_PER_STEP < FORWARD_ROWS, Phase.FORWARD, Phase.BACKWARD)

    def stretch(first: int, end: int, *, process: str = "", gap: int = 0) -> Stretch:
        chosen = rows[first:end]
        return Stretch(
            process=process,
            first_row=first + gap,
            total=len(rows) + MISSING,
            state=column("|u1", states[first:end]),
            phase=column("|u1", phases[chosen]),
            op=column("|u1", 1 + ops[chosen]),
            module=column("<u2", 1 + len(OPS) + chosen % 2),
            location=column("|u1", 1 + chosen % 2),
            step=column("<i4", chosen // ROWS_PER_STEP),
        )

    return AlignedOps(
        runs=(0, 1),
        folders=RUNS,
        strings=("", *OPS, *MODULES),
        locations=(Location("", 0), *LINES),
        stretches=(
            stretch(0, FIRST_STRETCH),
            stretch(FIRST_STRETCH, len(rows), gap=MISSING),
            replace(stretch(0, 30, process="rank 1"), total=30),
        ),
        left_out_rows=LEFT_OUT,
    )


def make_drawn() -> AuditResult:
    """Return a result with both pictures, whose finding is the first source."""
    finding = replace(
        ONE_DIVERGENCE.findings[0],
        op="aten::index_put",
        step=SOURCE_ROWS[0] // ROWS_PER_STEP,
        phase=Phase.FORWARD,
        location=LINES[SOURCE_ROWS[0] % 2],
    )
    return replace(ONE_DIVERGENCE, findings=(finding,), growth=make_growth(), ops=make_ops())
