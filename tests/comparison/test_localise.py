"""Finding where a difference is born in a pair of op streams."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import Localisation, Origin, localise
from reproaudit.model.events import EventFlag
from tests.comparison.traces import Row, make_run


def located(folder: Path, first: list[Row], second: list[Row]) -> Localisation:
    return localise(make_run(folder, 0, first), make_run(folder, 1, second), Interned())


def origins(found: Localisation) -> list[tuple[Origin, int | None]]:
    return [(source.origin, source.event_a) for source in found.sources]


def test_an_op_with_equal_inputs_and_other_outputs_is_a_source_and_its_readers_are_carriers(
    tmp_path: Path,
) -> None:
    first = [Row("mm", 1, line=1), Row("index_put", 5, 1, line=2), Row("add", 6, 5, line=3)]
    second = [Row("mm", 1, line=1), Row("index_put", 8, 1, line=2), Row("add", 9, 8, line=3)]
    found = located(tmp_path, first, second)
    assert origins(found) == [(Origin.OP, 1)]
    assert found.carriers == 1


def test_every_source_is_found_not_only_the_first(tmp_path: Path) -> None:
    first = [Row("a", 1, 1, line=1), Row("b", 2, 1, line=2), Row("c", 3, 1, line=3)]
    second = [Row("a", 7, 1, line=1), Row("b", 2, 1, line=2), Row("c", 8, 1, line=3)]
    assert origins(located(tmp_path, first, second)) == [(Origin.OP, 0), (Origin.OP, 2)]


def test_calls_of_one_op_at_one_line_are_one_source_that_counts_them(tmp_path: Path) -> None:
    def step(digest: int, step: int) -> list[Row]:
        return [Row("a", digest, 1, line=1, step=step), Row("a", digest, 1, line=2, step=step)]

    first = [*step(5, 0), *step(5, 1), *step(5, 2)]
    second = [*step(6, 0), *step(5, 1), *step(6, 2)]
    found = located(tmp_path, first, second)
    assert origins(found) == [(Origin.OP, 0), (Origin.OP, 1)]
    assert [source.count for source in found.sources] == [2, 2]


def test_a_draw_whose_state_differed_and_one_that_differed_from_an_equal_state_are_two_sources(
    tmp_path: Path,
) -> None:
    first = [
        Row("randn", 1, flags=EventFlag.RANDOM, aux=11),
        Row("randn", 1, flags=EventFlag.RANDOM, aux=11),
    ]
    second = [
        Row("randn", 2, flags=EventFlag.RANDOM, aux=12),
        Row("randn", 2, flags=EventFlag.RANDOM, aux=11),
    ]
    assert origins(located(tmp_path, first, second)) == [(Origin.RANDOM, 0), (Origin.OP, 1)]


def test_a_random_op_is_told_apart_by_the_state_it_drew_from(tmp_path: Path) -> None:
    first = [Row("randn", 1, flags=EventFlag.RANDOM, aux=11)]
    assert origins(
        located(tmp_path / "a", first, [Row("randn", 2, flags=EventFlag.RANDOM, aux=12)])
    ) == [(Origin.RANDOM, 0)]
    assert origins(
        located(tmp_path / "b", first, [Row("randn", 2, flags=EventFlag.RANDOM, aux=11)])
    ) == [(Origin.OP, 0)]


def test_an_op_that_reads_undefined_memory_points_to_the_allocation(tmp_path: Path) -> None:
    def rows(digest: int) -> list[Row]:
        read = Row("sum", digest, digest, flags=EventFlag.READS_UNDEFINED, aux=0, line=2)
        return [Row("empty", flags=EventFlag.UNDEFINED, line=1), read]

    (source,) = located(tmp_path, rows(1), rows(2)).sources
    assert (source.origin, source.allocation) == (Origin.UNDEFINED, 0)


def test_an_input_that_nothing_recorded_wrote_differently_comes_from_outside(
    tmp_path: Path,
) -> None:
    assert origins(located(tmp_path, [Row("mm", 1, 1)], [Row("mm", 2, 2)])) == [(Origin.INPUT, 0)]


def test_ops_that_only_one_run_executes_are_a_source_not_an_error(tmp_path: Path) -> None:
    common = [Row("a", 1, 1, line=1), Row("z", 2, 1, line=9)]
    longer = [common[0], Row("extra", 3, 1, line=5), common[1]]
    assert origins(located(tmp_path / "a", longer, common)) == [(Origin.STRUCTURE, 1)]
    (source,) = located(tmp_path / "b", common, longer).sources
    assert (source.origin, source.event_a, source.event_b) == (Origin.STRUCTURE, None, 1)


def test_alignment_survives_an_extra_op_so_that_a_later_source_is_still_seen(
    tmp_path: Path,
) -> None:
    first = [Row("a", 1, 1, line=1), Row("kernel", 2, 1, line=2)]
    second = [Row("a", 1, 1, line=1), Row("extra", 3, 1, line=5), Row("kernel", 7, 1, line=2)]
    assert [source.origin for source in located(tmp_path, first, second).sources] == [
        Origin.STRUCTURE,
        Origin.OP,
    ]


def test_work_that_another_thread_did_is_no_difference(tmp_path: Path) -> None:
    first = [Row("randn", 1, 1, thread=1), Row("randn", 2, 2, thread=2)]
    second = [Row("randn", 2, 2, thread=1), Row("randn", 1, 1, thread=2)]
    assert located(tmp_path, first, second).is_equal


def test_equal_ops_in_another_order_point_to_the_first_op_that_depends_on_it(
    tmp_path: Path,
) -> None:
    norms = [Row("norm", 11, 1, line=2), Row("norm", 12, 2, line=2), Row("norm", 13, 3, line=2)]
    first = [*norms, Row("add", 20, 23, line=3), Row("add", 30, 33, line=3)]
    second = [*reversed(norms), Row("add", 21, 25, line=3), Row("add", 31, 34, line=3)]
    (source,) = located(tmp_path / "a", first, second).sources
    assert (source.origin, source.event_a, source.mixed_by) == (Origin.INPUT, 0, 3)
    third = [Row("norm", 14, 4, line=2), *norms[1:], *first[3:]]
    (source,) = located(tmp_path / "b", first, third).sources
    assert (source.origin, source.event_a, source.mixed_by) == (Origin.INPUT, 0, None)


def test_equal_streams_have_no_source(tmp_path: Path) -> None:
    rows = [Row("a", 1, 1), Row("empty", flags=EventFlag.UNDEFINED), Row("t", flags=EventFlag.VIEW)]
    found = located(tmp_path, rows, rows)
    assert found.is_equal
    assert found.aligned == 3


def test_of_threads_that_race_the_one_that_writes_is_named(tmp_path: Path) -> None:
    def rows(digest: int) -> list[Row]:
        reads = Row("aten::addmm.default", digest, digest, thread=1, line=3)
        return [reads, Row("aten::add_.Tensor", digest + 10, digest + 10, thread=1, line=5)]

    (source,) = located(tmp_path, rows(1), rows(2)).sources
    assert (source.origin, source.event_a) == (Origin.INPUT, 1)


def test_a_random_op_of_a_thread_is_never_called_a_kernel_though_its_state_looked_equal(
    tmp_path: Path,
) -> None:
    def rows(digest: int) -> list[Row]:
        return [Row("randn", digest, 1, flags=EventFlag.RANDOM, aux=11, thread=1)]

    assert origins(located(tmp_path, rows(1), rows(2))) == [(Origin.RANDOM, 0)]


def test_an_op_that_one_run_could_not_digest_is_neither_a_source_nor_a_carrier(
    tmp_path: Path,
) -> None:
    digested = [Row("mm", 1, 4, line=1), Row("add", 6, 1, line=2)]
    lost = [Row("mm", flags=EventFlag.UNDIGESTED, line=1), digested[1]]
    for number, (first, second) in enumerate(((digested, lost), (lost, digested), (lost, lost))):
        found = located(tmp_path / f"main-{number}", first, second)
        assert (found.sources, found.carriers) == ((), 0)
        threads = [[replace(row, thread=1) for row in rows] for rows in (first, second)]
        assert located(tmp_path / f"thread-{number}", *threads).sources == ()
