"""Where and when the tensors of two runs differ, and how far."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reproaudit.comparison import growth as growth_module
from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.divergent_pairs import Pair
from reproaudit.comparison.growth import measure_growth
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.model.difference import Difference
from reproaudit.model.events import EventKind, Outcome, OutcomeKind, Phase
from reproaudit.model.growth import (
    ABSENT,
    DIFFERS,
    EQUAL,
    MEASURED,
    NAN,
    NO_ULP,
    UNLIKE,
    Growth,
)
from reproaudit.model.packed import Packed, unpack
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.runs import Run, open_run
from tests.comparison.traces import Row, make_run, make_run_of_ranks, open_writer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Tensor:
    """A gradient as a run has it in a step; its value is kept unless it is not to be."""

    name: str
    step: int
    value: Array
    is_kept: bool = True


def ones(*ulps: int) -> Array:
    """Return float32 numbers so many ULP above 1."""
    bits = np.float32(1).view(np.uint32) + np.array(ulps, dtype=np.uint32)
    return bits.view(np.float32)


def make_tensor_run(folder: Path, index: int, tensors: Sequence[Tensor]) -> Run:
    directory = folder / f"run-{index}"
    writer = open_writer(directory, level="boundary", values_budget=1 << 20)
    place = writer.location("train.py", 1, "main")
    for one in tensors:
        shape = list(one.value.shape)
        content = one.value.tobytes()
        dtype = one.value.dtype.name
        event = writer.add_tensor(
            EventKind.GRADIENT,
            at=Moment(Phase.BACKWARD, one.step, place),
            name=one.name,
            tensor=f"{dtype}{shape}",
            digest=(zlib.crc32(f"{dtype}{shape}".encode() + content), 0),
        )
        if one.is_kept:
            raw = np.frombuffer(content, np.uint8)
            assert writer.keep(event, 0, dtype, tuple(shape), raw)
    steps = 1 + max((one.step for one in tensors), default=0)
    writer.close(Outcome(OutcomeKind.COMPLETED, 0), steps)
    return open_run(directory, index)


def grow(runs: tuple[Run, Run], known: Mapping[Pair, Difference] | None = None) -> Growth | None:
    interned = Interned()
    tables = compare_boundaries(runs, interned).tables
    return measure_growth(runs, (tables[0], tables[1]), interned, known)


def found(folder: Path, first: Sequence[Tensor], second: Sequence[Tensor]) -> Growth:
    growth = grow((make_tensor_run(folder, 0, first), make_tensor_run(folder, 1, second)))
    assert growth is not None
    return growth


def numbers(column: Packed) -> list[Any]:
    found: list[Any] = np.frombuffer(unpack(column), column.dtype).tolist()
    return found


def cells_of(growth: Growth) -> list[list[int]]:
    cells = np.frombuffer(unpack(growth.cells), np.uint8)
    found: list[list[int]] = cells.reshape(len(growth.tensors), growth.steps).tolist()
    return found


def test_equal_runs_have_no_growth(tmp_path: Path) -> None:
    tensors = [Tensor("w", 0, ones(0)), Tensor("w", 1, ones(3))]
    runs = (make_tensor_run(tmp_path, 0, tensors), make_tensor_run(tmp_path, 1, tensors))
    assert grow(runs) is None


def test_a_run_that_has_no_tensors_is_unlike_the_other_everywhere(tmp_path: Path) -> None:
    growth = found(tmp_path, [Tensor("w", 0, ones(0)), Tensor("w", 1, ones(0))], [])
    assert cells_of(growth) == [[UNLIKE, UNLIKE]]


def test_each_tensor_has_a_row_and_each_step_a_column(tmp_path: Path) -> None:
    growth = found(
        tmp_path,
        [
            Tensor("b", 0, ones(0)),
            Tensor("a", 0, ones(0)),
            Tensor("b", 1, ones(0)),
            Tensor("a", 1, ones(0, 0)),
            Tensor("b", 2, ones(0)),
        ],
        [
            Tensor("b", 0, ones(0)),
            Tensor("a", 0, ones(0)),
            Tensor("b", 1, ones(1)),
            Tensor("a", 1, ones(0, 8)),
            Tensor("b", 2, ones(64)),
        ],
    )
    # In the order in which the program makes them.
    assert [(row.name, row.tensor) for row in growth.tensors] == [
        ("b", "float32[1]"),
        ("a", "float32[1]"),
    ]
    assert (growth.first_step, growth.steps, growth.runs) == (0, 3, (0, 1))
    assert cells_of(growth) == [
        [EQUAL, MEASURED, MEASURED + 18],
        [EQUAL, MEASURED + 9, ABSENT],
    ]
    assert numbers(growth.at) == [1, 2, 4]
    assert numbers(growth.max_ulp) == [1.0, 64.0, 8.0]
    assert numbers(growth.differing) == [1, 1, 1]
    assert numbers(growth.max_abs) == pytest.approx([2**-23, 2**-17, 2**-20])
    assert [(one.row, one.step, one.ulp_histogram) for one in growth.histograms] == [
        (0, 1, (("1", 1),)),
        (0, 2, (("64", 1),)),
        (1, 1, (("8", 1),)),
    ]


def test_what_was_not_kept_differs_and_another_shape_is_unlike(tmp_path: Path) -> None:
    growth = found(
        tmp_path,
        [Tensor("a", 0, ones(0), is_kept=False), Tensor("b", 0, ones(0)), Tensor("c", 0, ones(0))],
        [Tensor("a", 0, ones(1)), Tensor("b", 0, ones(0, 0)), Tensor("d", 0, ones(0))],
    )
    # The tensor that the second run alone has comes last.
    assert [row.name for row in growth.tensors] == ["a", "b", "c", "d"]
    assert cells_of(growth) == [[DIFFERS], [UNLIKE], [UNLIKE], [UNLIKE]]
    assert growth.at.length == 0


def test_a_dtype_without_ulps_and_nan_against_a_number_have_codes_of_their_own(
    tmp_path: Path,
) -> None:
    growth = found(
        tmp_path,
        [Tensor("a", 0, np.array([1, 2])), Tensor("b", 0, ones(0)), Tensor("c", 0, -ones(0) * 0)],
        [
            Tensor("a", 0, np.array([1, 5])),
            Tensor("b", 0, ones(0) * np.nan),
            Tensor("c", 0, ones(0) * 0),
        ],
    )
    # 0.0 and -0.0 are no ULP apart.
    assert cells_of(growth) == [[NO_ULP], [NAN], [MEASURED]]
    assert numbers(growth.max_ulp) == [0.0, 0.0, 0.0]
    differing = numbers(growth.max_abs)
    assert differing[0] == 3
    assert np.isnan(differing[1])
    assert growth.histograms == ()


def test_of_several_tensors_of_one_name_in_a_step_the_largest_distance_counts(
    tmp_path: Path,
) -> None:
    growth = found(
        tmp_path,
        [Tensor("a", 0, ones(0)), Tensor("a", 0, ones(0)), Tensor("a", 0, ones(0))],
        [Tensor("a", 0, ones(2)), Tensor("a", 0, ones(16)), Tensor("a", 0, ones(0))],
    )
    assert cells_of(growth) == [[MEASURED + 12]]
    assert numbers(growth.max_ulp) == [16.0]


def test_more_pairs_than_are_compared_are_counted_and_those_of_the_first_step_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth_module, "MOST_COMPARED", 8)
    growth = found(
        tmp_path,
        [Tensor(f"w{n}", step, ones(0)) for step in range(10) for n in range(3)],
        [Tensor(f"w{n}", step, ones(step)) for step in range(10) for n in range(3)],
    )
    cells = np.array(cells_of(growth))
    assert growth.not_compared == 27 - 8
    assert (cells >= MEASURED).sum() == 8
    assert (cells[:, 0] == EQUAL).all()
    assert (cells[:, 1] >= MEASURED).all()
    # The rest is spread over the other steps.
    assert (cells[:, 6:] >= MEASURED).any()


def test_what_was_compared_already_is_not_compared_again(tmp_path: Path) -> None:
    runs = (
        make_tensor_run(tmp_path, 0, [Tensor("a", 0, ones(0))]),
        make_tensor_run(tmp_path, 1, [Tensor("a", 0, ones(1))]),
    )
    told = Difference(elements=1, differing=1, max_ulp=32)
    growth = grow(runs, {Pair("", 0, 0): told})
    assert growth is not None
    assert numbers(growth.max_ulp) == [32.0]
    interned = Interned()
    judged = judge(runs, compare_boundaries(runs, interned), {})
    assert judged.measured == {Pair("", 0, 0): judged.divergences[0].difference}


def test_of_a_long_program_the_steps_around_the_first_difference_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth_module, "MOST_CELLS", 40)
    growth = found(
        tmp_path,
        [Tensor(name, step, ones(0)) for step in range(100) for name in "ab"],
        [Tensor(name, step, ones(int(step >= 50))) for step in range(100) for name in "ab"],
    )
    assert (growth.first_step, growth.steps, growth.left_out_steps) == (48, 20, 80)
    assert cells_of(growth) == [[EQUAL] * 2 + [MEASURED] * 18] * 2
    assert [one.step for one in growth.histograms] == [50, 67, 50, 67]


def test_what_is_saved_or_left_or_done_by_other_threads_is_left_out(tmp_path: Path) -> None:
    def rows(content: int) -> list[Row]:
        return [
            Row("w", 1, kind=EventKind.GRADIENT),
            Row("model.pt: w", content, kind=EventKind.SAVED),
            Row("model.w", content, kind=EventKind.FINAL),
            Row("v", content, kind=EventKind.GRADIENT, thread=1),
        ]

    assert grow((make_run(tmp_path, 0, rows(1)), make_run(tmp_path, 1, rows(2)))) is None


def test_each_rank_has_rows_of_its_own(tmp_path: Path) -> None:
    def rows(content: int) -> list[Row]:
        return [Row("w", content, kind=EventKind.GRADIENT)]

    growth = grow(
        (
            make_run_of_ranks(tmp_path, 0, [rows(1), rows(1)]),
            make_run_of_ranks(tmp_path, 1, [rows(1), rows(2)]),
        )
    )
    assert growth is not None
    assert [(row.process, row.name) for row in growth.tensors] == [("", "w"), ("rank-1", "w")]
    assert cells_of(growth) == [[EQUAL], [DIFFERS]]


def test_tensors_that_come_in_another_order_are_equal_wherever_they_stand(tmp_path: Path) -> None:
    def rows(*contents: int) -> list[Row]:
        names = [f"group0[{n}]" for n in range(len(contents))]
        return [
            Row(name, content, kind=EventKind.PARAMETER)
            for name, content in zip(names, contents, strict=True)
        ]

    growth = grow((make_run(tmp_path, 0, rows(1, 2, 3)), make_run(tmp_path, 1, rows(2, 1, 4))))
    assert growth is not None
    assert cells_of(growth) == [[EQUAL], [EQUAL], [DIFFERS]]
