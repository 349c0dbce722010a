"""The same rows in other portions: which op makes other rows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.regroup import RegroupedSource, find_regrouped_source
from reproaudit.model.events import EventFlag
from reproaudit.trace.runs import Run
from reproaudit.trace.schema import INPUTS_FROM
from reproaudit.trace.slices import SLICES_FILE, SlicesWriter
from tests.comparison.traces import Row, make_run


@dataclass(frozen=True)
class Operand:
    """Content of one tensor: a number for each of its rows, which lie along one dimension."""

    rows: tuple[int, ...]
    dimension: int = 0
    width: int = 3
    is_float: bool = True


PLAIN = EventFlag(0)
WEIGHT = Operand((900, 901))
Call = tuple[str, int, Sequence[Operand], Sequence[Operand]]


def add_tensor(writer: SlicesWriter, operand: Operand) -> int:
    shape = (len(operand.rows), operand.width)
    digests = [row.to_bytes(16, "little") for row in operand.rows]
    # Nobody looks up what lies along the other dimension.
    others = [
        hash((operand.rows, place)).to_bytes(16, "little", signed=True)
        for place in range(operand.width)
    ]
    parts = [*digests, *others] if operand.dimension == 0 else [*others, *digests]
    if operand.dimension:
        shape = shape[::-1]
    whole = (hash((operand.rows, operand.dimension)) & (2**63 - 1), operand.width)
    known = writer.find(whole, shape)
    if known is not None:
        return known
    return writer.add_tensor(whole, shape, is_float=operand.is_float, digests=b"".join(parts))


def make_sliced_run(
    folder: Path, index: int, calls: Sequence[Call], flags: EventFlag = PLAIN
) -> Run:
    """Make a run of ops, each with a name, a line, and what it read and wrote."""
    rows = [Row(name, index + 1, 1, line=line, flags=flags) for name, line, _, _ in calls]
    run = make_run(folder, index, rows)
    writer = SlicesWriter(str(run.main.directory / SLICES_FILE), 1 << 20)
    for event, (_, _, read, written) in enumerate(calls):
        for first, operands in ((0, written), (INPUTS_FROM, read)):
            for place, operand in enumerate(operands, first):
                writer.add_operand(event, place, add_tensor(writer, operand))
    writer.flush()
    return run


def find(folder: Path, a: Sequence[Call], b: Sequence[Call]) -> RegroupedSource | None:
    return find_regrouped_source(
        make_sliced_run(folder, 0, a), make_sliced_run(folder, 1, b), Interned()
    )


def multiply(rows: Sequence[int], result: Sequence[int], line: int = 5) -> Call:
    return "aten::addmm", line, (WEIGHT, Operand(tuple(rows))), (Operand(tuple(result), width=2),)


def test_an_op_that_makes_other_rows_of_equal_ones_is_the_source(tmp_path: Path) -> None:
    whole = [multiply((1, 2, 3, 4), (11, 12, 13, 14))]
    parts = [multiply((1, 2, 3), (11, 12, 99)), multiply((4,), (98,))]
    found = find(tmp_path, whole, parts)
    assert found is not None
    assert (found.op, found.event_a, found.event_b) == ("aten::addmm", 0, 0)
    assert (found.rows, found.differing, found.calls) == (4, 2, (1, 2))
    assert (found.sizes_a, found.sizes_b) == ((4,), (3, 1))
    assert found.location is not None
    assert found.location.line == 5


def test_equal_rows_in_other_portions_are_no_source(tmp_path: Path) -> None:
    whole = [multiply((1, 2, 3, 4), (11, 12, 13, 14))]
    parts = [multiply((1, 2, 3), (11, 12, 13)), multiply((4,), (14,))]
    assert find(tmp_path, whole, parts) is None


def test_an_op_whose_rows_differ_already_is_passed_over(tmp_path: Path) -> None:
    whole = [multiply((1, 2), (11, 12)), multiply((11, 12), (21, 22), line=6)]
    parts = [
        multiply((1,), (98,)),
        multiply((98,), (88,), line=6),
        multiply((2,), (99,)),
        multiply((99,), (89,), line=6),
    ]
    found = find(tmp_path, whole, parts)
    assert found is not None
    assert found.location is not None
    assert found.location.line == 5


def test_layers_at_one_line_are_told_apart_by_their_weights(tmp_path: Path) -> None:
    def layer(weight: Operand, rows: Sequence[int], result: Sequence[int]) -> Call:
        return "aten::mm", 3, (Operand(tuple(rows)), weight), (Operand(tuple(result)),)

    first, second = Operand((800, 801)), Operand((700, 701))
    # The second layer is given what the first one was, and gives something else.
    whole = [layer(first, (1, 2), (11, 12)), layer(second, (1, 2), (21, 22))]
    parts = [
        layer(first, (1,), (11,)),
        layer(second, (1,), (21,)),
        layer(first, (2,), (12,)),
        layer(second, (2,), (22,)),
    ]
    assert find(tmp_path, whole, parts) is None


def test_the_dimension_of_the_rows_is_the_one_whose_sizes_differ(tmp_path: Path) -> None:
    def norm(rows: Sequence[int], result: Sequence[int]) -> Call:
        return "aten::norm", 2, (Operand(tuple(rows), 1),), (Operand(tuple(result), 1),)

    found = find(
        tmp_path, [norm((1, 2, 3), (11, 12, 13))], [norm((1, 2), (11, 99)), norm((3,), (13,))]
    )
    assert found is not None
    assert (found.rows, found.differing) == (3, 1)


def test_rows_at_other_places_are_found(tmp_path: Path) -> None:
    whole = [multiply((1, 2, 3), (11, 12, 13))]
    turned = [multiply((3, 1), (13, 99)), multiply((2,), (12,))]
    found = find(tmp_path, whole, turned)
    assert found is not None
    assert found.differing == 1


def test_portions_of_one_size_are_compared_if_it_is_said_which_dimension_holds_the_rows(
    tmp_path: Path,
) -> None:
    a = make_sliced_run(tmp_path, 0, [multiply((1, 2, 3), (11, 12, 13))])
    b = make_sliced_run(tmp_path, 1, [multiply((2, 3, 1), (12, 99, 11))])
    assert find_regrouped_source(a, b, Interned()) is None
    found = find_regrouped_source(a, b, Interned(), size=3)
    assert found is not None
    assert (found.rows, found.differing) == (3, 1)


def add_up(rows: Sequence[int], result: int, *, is_float: bool = True) -> Call:
    return "aten::sum", 9, (Operand(tuple(rows)),), (Operand((result,), is_float=is_float),)


def test_a_sum_in_other_portions_is_named_only_if_no_row_differs_anywhere(tmp_path: Path) -> None:
    whole = [add_up((1, 2, 3), 50)]
    parts = [add_up((1, 2), 51), add_up((3,), 52)]
    found = find(tmp_path, whole, parts)
    assert found is not None
    assert found.is_reduction
    assert found.op == "aten::sum"
    later = find(
        tmp_path / "more",
        [*whole, multiply((1, 2), (11, 12))],
        [*parts, multiply((1,), (11,)), multiply((2,), (99,))],
    )
    assert later is not None
    assert later.op == "aten::addmm"


def test_integers_are_summed_exactly_in_whatever_portions(tmp_path: Path) -> None:
    whole = [add_up((1, 2, 3), 50, is_float=False)]
    parts = [add_up((1, 2), 51, is_float=False), add_up((3,), 52, is_float=False)]
    assert find(tmp_path, whole, parts) is None


def test_sums_of_other_rows_say_nothing(tmp_path: Path) -> None:
    assert find(tmp_path, [add_up((1, 2, 3), 50)], [add_up((1, 2), 51), add_up((4,), 52)]) is None


def test_numbers_that_are_drawn_for_the_rows_of_a_portion_are_a_source(tmp_path: Path) -> None:
    alone = [("bernoulli_", 5, (), (Operand((7,)),))] * 2
    together = [("bernoulli_", 5, (), (Operand((7, 8)),))]
    random = EventFlag.RANDOM
    runs = [
        make_sliced_run(tmp_path, n, calls, random) for n, calls in enumerate((alone, together))
    ]
    found = find_regrouped_source(*runs, Interned())
    assert found is not None
    assert found.is_draw
    assert (found.rows, found.differing) == (2, 1)
    assert (found.sizes_a, found.sizes_b) == ((1,), (2,))
    # A stream that is drawn from row by row gives each row what it gave.
    steady = [("bernoulli_", 5, (), (Operand((row,)),)) for row in (7, 8)]
    other = make_sliced_run(tmp_path / "other", 0, steady, random)
    assert find_regrouped_source(other, runs[1], Interned()) is None
    # What is no draw and reads nothing is made of nothing that the portions hold.
    plain = [
        make_sliced_run(tmp_path / "plain", n, calls) for n, calls in enumerate((alone, together))
    ]
    assert find_regrouped_source(*plain, Interned()) is None


def test_equal_portions_are_left_to_the_comparison_call_by_call(tmp_path: Path) -> None:
    assert find(tmp_path, [multiply((1, 2), (11, 12))], [multiply((1, 2), (11, 99))]) is None


def test_what_an_op_leaves_undefined_is_no_result(tmp_path: Path) -> None:
    whole = [multiply((1, 2), (11, 12))]
    parts = [multiply((1,), (98,)), multiply((2,), (99,))]
    undefined = EventFlag.UNDEFINED
    a = make_sliced_run(tmp_path, 0, whole, undefined)
    assert find_regrouped_source(a, make_sliced_run(tmp_path, 1, parts), Interned()) is None


def test_runs_without_slices_have_no_such_source(tmp_path: Path) -> None:
    a = make_run(tmp_path, 0, [Row("aten::mm", 1, 1)])
    b = make_run(tmp_path, 1, [Row("aten::mm", 2, 1)])
    assert find_regrouped_source(a, b, Interned()) is None
