"""What two runs that differ in a known variation show of it. No program is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import differing_calls
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.comparison.regroup import RegroupedSource
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.varied import (
    VariedPair,
    explain_varied,
    lacks_line,
    may_be_regrouped,
)
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, Location, Phase
from reproaudit.model.result import Finding
from tests.comparison.traces import Row, make_run

OWN = "env.VALIDATE"


def pair_runs(folder: Path, a: Sequence[Row], b: Sequence[Row]) -> RunPair:
    runs = [make_run(folder, number, rows) for number, rows in enumerate((a, b))]
    return RunPair(runs[0], runs[1], localise(runs[0], runs[1], Interned()))


def explain(
    folder: Path, factor: str, *rows: Sequence[Row], regrouped: RegroupedSource | None = None
) -> Finding:
    pair = pair_runs(folder, *rows)
    varied = VariedPair(
        pair=pair,
        factor=factor,
        calls=differing_calls(*pair.runs, Interned()),
        reordered=False,
        regrouped=regrouped,
    )
    return explain_varied(varied, Interned())[0].finding


def op(content: int, read: int, line: int, name: str = "aten::sum.default") -> Row:
    return Row(name, content, read, line=line)


@pytest.mark.parametrize(
    ("factor", "cause"),
    [
        ("fileordering", Cause.FILESYSTEM_ORDER),
        ("hash_seed", Cause.HASH_ORDER),
        # Another number of threads puts nothing in another order by itself.
        ("threads", Cause.DATA_ORDER),
    ],
)
def test_samples_in_another_order_are_the_variations_where_it_decides_an_order(
    tmp_path: Path, factor: str, cause: Cause
) -> None:
    born = Row("aten::lift_fresh", 1, flags=EventFlag.BIRTH, line=3)
    pair = pair_runs(tmp_path, [born], [replace(born, outputs=2)])
    varied = VariedPair(pair=pair, factor=factor, calls=(), reordered=True)
    (explained,) = explain_varied(varied, Interned())
    assert explained.finding.cause is cause


def line_of(finding: Finding) -> int:
    assert finding.location is not None
    return finding.location.line


@pytest.mark.parametrize(
    ("factor", "cause"),
    [
        ("threads", Cause.THREAD_COUNT),
        ("cpu", Cause.HARDWARE),
        ("cpu.mkl", Cause.HARDWARE),
        ("mkldnn", Cause.KERNEL),
        ("hash_seed", Cause.KERNEL),
        (OWN, Cause.KERNEL),
    ],
)
def test_an_op_with_equal_inputs_depends_on_what_chooses_its_kernel(
    tmp_path: Path, factor: str, cause: Cause
) -> None:
    finding = explain(tmp_path, factor, [op(1, 5, 12)], [op(2, 5, 12)])
    assert (finding.cause, finding.op, line_of(finding)) == (cause, "aten::sum", 12)
    assert finding.evidence.observed is True


@pytest.mark.parametrize(
    ("factor", "cause"),
    [
        ("threads", Cause.THREAD_COUNT),
        ("hash_seed", Cause.HASH_ORDER),
        ("fileordering", Cause.FILESYSTEM_ORDER),
        ("timezone", Cause.CLOCK),
        (OWN, Cause.UNKNOWN),
    ],
)
def test_content_from_outside_depends_on_what_made_it(
    tmp_path: Path, factor: str, cause: Cause
) -> None:
    rows = [
        [
            # It differs in any two runs, to no effect.
            Row("uuid.uuid4", content + 10, kind=EventKind.ENTROPY, line=3),
            Row("aten::lift_fresh.default", content, line=20, flags=EventFlag.BIRTH),
        ]
        for content in (1, 2)
    ]
    finding = explain(tmp_path, factor, *rows)
    assert (finding.cause, finding.op, line_of(finding)) == (cause, None, 20)


def test_a_draw_that_one_run_makes_alone_is_an_order_of_draws(tmp_path: Path) -> None:
    def draw(content: int, state: int, line: int) -> Row:
        return Row("aten::random_.default", content, line=line, flags=EventFlag.RANDOM, aux=state)

    a = [draw(1, 1, 24), op(7, 7, 31), draw(8, 2, 31), draw(3, 3, 24)]
    b = [draw(1, 1, 24), draw(4, 2, 24)]
    finding = explain(tmp_path, OWN, a, b)
    assert (finding.cause, finding.op, line_of(finding)) == (
        Cause.RNG_ORDER,
        "aten::random_",
        31,
    )


def test_a_tensor_that_one_run_writes_over_is_state_that_it_goes_on_with(tmp_path: Path) -> None:
    a = [op(1, 1, 22), op(3, 2, 22)]
    b = [
        op(1, 1, 22),
        op(6, 1, 27, "aten::mul.Tensor"),
        Row("aten::lift_fresh.default", 8, line=30, flags=EventFlag.BIRTH),
        op(8, 8, 30, "aten::copy_.default"),
        op(4, 8, 22),
    ]
    finding = explain(tmp_path, OWN, a, b)
    assert (finding.cause, finding.op, line_of(finding)) == (Cause.CARRIED_STATE, None, 27)
    assert any("content from outside PyTorch" in note for note in finding.evidence.notes)


@pytest.mark.parametrize(
    ("factor", "cause", "line"),
    [
        ("fused", Cause.KERNEL, 29),
        ("threads", Cause.THREAD_COUNT, 29),
        ("home", Cause.UNKNOWN, 29),
        (OWN, Cause.CARRIED_STATE, 29),
    ],
)
def test_other_ops_are_what_a_variation_of_kernels_brings_and_no_state(
    tmp_path: Path, factor: str, cause: Cause, line: int
) -> None:
    a = [op(1, 1, 22), op(5, 1, 29, "aten::_foreach_add_.List"), op(3, 5, 22)]
    b = [op(1, 1, 22), op(6, 1, 29, "aten::_fused_sgd_.default"), op(4, 6, 22)]
    finding = explain(tmp_path, factor, a, b)
    assert (finding.cause, finding.op, line_of(finding)) == (cause, None, line)


@pytest.mark.parametrize(
    ("batch", "cause"), [((5, 5), Cause.CARRIED_STATE), ((5, 6), Cause.UNKNOWN)]
)
def test_a_parameter_that_one_run_replaces_shows_where_the_batch_is_equal(
    tmp_path: Path, batch: tuple[int, int], cause: Cause
) -> None:
    def call(content: int, read: int, number: int) -> list[Row]:
        return [
            Row("Linear.input", batch[number], kind=EventKind.BATCH, line=22),
            op(content, read, 22, "aten::addmm.default"),
        ]

    made = Row("aten::lift_fresh.default", 8, line=14, flags=EventFlag.BIRTH, phase=Phase.DATA)
    a = [op(1, 1, 10), *call(3, 2, 0)]
    finding = explain(tmp_path, OWN, a, [op(1, 1, 10), made, *call(4, 8, 1)])
    assert (finding.cause, line_of(finding)) == (cause, 14)


def test_a_draw_of_numpy_that_one_run_makes_alone_is_told_by_the_state_it_took(
    tmp_path: Path,
) -> None:
    def call(state: int, line: int) -> Row:
        return Row("numpy.random.permutation", 70 + state, state, EventKind.ENTROPY, line=line)

    def data(content: int) -> Row:
        return Row("aten::lift_fresh.default", content, line=18, flags=EventFlag.BIRTH)

    a = [call(1, 15), data(1), call(2, 6), call(3, 15), data(2)]
    b = [call(1, 15), data(1), call(2, 15), data(3)]
    finding = explain(tmp_path, OWN, a, b)
    assert (finding.cause, finding.call, line_of(finding)) == (
        Cause.RNG_ORDER,
        "numpy.random.permutation",
        6,
    )
    # Another state is that of another stream.
    a = [call(1, 15), data(1), call(9, 6), call(3, 15), data(2)]
    assert explain(tmp_path / "other", OWN, a, b).cause is Cause.UNKNOWN


def test_ops_of_one_run_alone_that_write_nothing_have_no_cause(tmp_path: Path) -> None:
    a = [op(1, 1, 22), op(3, 1, 24)]
    b = [op(1, 1, 22), op(6, 1, 23, "aten::mul.Tensor"), op(4, 6, 24)]
    finding = explain(tmp_path, OWN, a, b)
    assert (finding.cause, line_of(finding)) == (Cause.UNKNOWN, 23)


def test_ops_without_effect_hide_no_later_op(tmp_path: Path) -> None:
    a = [op(1, 1, 10), op(3, 1, 24)]
    b = [op(1, 1, 10), op(9, 1, 11, "aten::mul.Tensor"), op(4, 1, 24)]
    finding = explain(tmp_path, "threads", a, b)
    assert (finding.cause, line_of(finding)) == (Cause.THREAD_COUNT, 24)


def test_the_line_that_changes_the_memory_format_is_named_with_the_op_that_minds(
    tmp_path: Path,
) -> None:
    a = [op(1, 9, 17), op(3, 1, 23, "aten::convolution.default")]
    copied = op(1, 8, 19, "aten::_to_copy.default")
    b = [op(1, 9, 17), copied, op(4, 1, 23, "aten::convolution.default")]
    finding = explain(tmp_path, "env.CHANNELS_LAST", a, b)
    assert (finding.cause, finding.op, line_of(finding)) == (
        Cause.KERNEL,
        "aten::convolution",
        19,
    )


def test_the_same_rows_in_other_portions_are_a_kernels(tmp_path: Path) -> None:
    calls = [op(1, 1, 22, "aten::addmm.default"), op(2, 2, 22, "aten::addmm.default")]
    regrouped = RegroupedSource(
        process="",
        event_a=0,
        event_b=0,
        op="aten::addmm.default",
        module="",
        location=Location("train.py", 22, "main"),
        rows=64,
        differing=60,
        calls=(1, 2),
        sizes_a=(64,),
        sizes_b=(7, 1),
    )
    finding = explain(tmp_path, OWN, calls[:1], calls, regrouped=regrouped)
    assert (finding.cause, finding.op, line_of(finding)) == (Cause.KERNEL, "aten::addmm", 22)
    assert any("64 equal rows" in note and "7, 1" in note for note in finding.evidence.notes)


def test_more_calls_of_one_op_may_be_other_portions_unless_something_was_born_before(
    tmp_path: Path,
) -> None:
    portions = pair_runs(tmp_path / "1", [op(1, 1, 22)], [op(2, 2, 22), op(3, 3, 22)])
    born = pair_runs(
        tmp_path / "2",
        [op(5, 5, 10), op(1, 1, 22)],
        [op(6, 5, 10), op(2, 2, 22), op(3, 3, 22)],
    )
    assert [may_be_regrouped(pair, Interned()) for pair in (portions, born)] == [True, False]


def test_lines_are_followed_only_where_they_can_tell_more_than_the_variable(
    tmp_path: Path,
) -> None:
    rows = [
        [Row("aten::lift_fresh.default", content, line=20, flags=EventFlag.BIRTH)]
        for content in (1, 2)
    ]
    pair = pair_runs(tmp_path, *rows)
    for factor, wants in (("hash_seed", True), (OWN, False)):
        varied = VariedPair(pair=pair, factor=factor, calls=(), reordered=False)
        (explained,) = explain_varied(varied, Interned())
        assert lacks_line(explained, factor) is wants
