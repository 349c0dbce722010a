"""What is said of messages whose results differ, and what is tried against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.attribute import correct_cause
from reproaudit.diagnose.candidates import find_candidates
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.diagnose.untried import advise_untried
from reproaudit.model.cause import Cause
from reproaudit.trace.runs import Run, open_run
from tests.auditing import PROGRAMS, reproaudit
from tests.comparison.traces import Row, make_run_of_ranks

REDUCE = "c10d::allreduce_.default"
Pair = tuple[Run, Run]


def explained(folder: Path, first: list[Row], second: list[Row]) -> tuple[Explanation, Pair]:
    """Return the first finding of two runs of three ranks that all do the same."""
    a = make_run_of_ranks(folder, 0, [first] * 3)
    b = make_run_of_ranks(folder, 1, [second] * 3)
    found = localise(a, b, Interned())
    return explain_sources(found.sources, (a, b), [])[0], (a, b)


def reduced(sizes: list[int]) -> list[Row]:
    return [Row(REDUCE, 50 + size, size, aux=size, line=7) for size in sizes]


def test_other_parts_of_the_same_whole_are_reduced_in_another_order(tmp_path: Path) -> None:
    one, pair = explained(tmp_path, reduced([4, 4]), reduced([8]))
    finding = one.finding
    assert (finding.cause, finding.rule) == (Cause.COLLECTIVE_ORDER, "RA406")
    assert str(finding.location) == "train.py:7 in main"
    assert finding.evidence.notes == (
        "all 3 ranks gave as much in both runs; it was reduced in 2 parts, and in 1",
    )
    assert find_candidates(one, pair, cuda=False)[:2] == ("ddp.buckets", "reduce.rank_order")
    tried = find_candidates(one, pair, cuda=True)
    assert tried[2:4] == ("nccl.ring", "nccl.simple")
    assert "ddp.small_buckets" not in tried


def test_buckets_are_not_suspected_where_the_same_was_reduced_together(tmp_path: Path) -> None:
    one, pair = explained(tmp_path, [Row(REDUCE, 5, 1)], [Row(REDUCE, 6, 1)])
    assert one.finding.evidence.notes == (
        "all 3 ranks gave the same in both runs, and the result was another one",
    )
    assert find_candidates(one, pair, cuda=True)[:2] == ("reduce.rank_order", "nccl.ring")


def test_an_order_that_was_seen_stays_the_cause_whatever_decides_it(tmp_path: Path) -> None:
    one, _ = explained(tmp_path, reduced([4, 4]), reduced([8]))
    corrected = correct_cause(one.finding, ("clock.fixed",))
    assert corrected.cause is Cause.COLLECTIVE_ORDER
    assert corrected.evidence.notes[-1] == "what decides it is repaired by clock.fixed"


def test_messages_of_any_rank_come_in_another_order(tmp_path: Path) -> None:
    def received(*contents: int) -> list[Row]:
        return [Row("c10d::recv_any_source_.default", one, 1, line=3) for one in contents]

    one, pair = explained(tmp_path, received(5, 6), received(6, 5))
    assert one.finding.cause is Cause.COLLECTIVE_ORDER
    assert find_candidates(one, pair, cuda=False) == ("messages.in_turn",)
    other, _ = explained(tmp_path / "other", received(5, 6), received(7, 6))
    assert other.finding.cause is Cause.UNKNOWN


def test_results_that_are_used_as_they_arrive_are_mixed_by_what_joins_them(tmp_path: Path) -> None:
    def used(first: int, second: int, total: int) -> list[Row]:
        return [
            Row(REDUCE, 5, 1, line=1),
            Row(REDUCE, 6, 2, line=2),
            Row("aten::norm", first + 10, first, line=3),
            Row("aten::norm", second + 10, second, line=3),
            Row("aten::add", total, total - 1, line=4),
        ]

    one, pair = explained(tmp_path, used(5, 6, 30), used(6, 5, 40))
    finding = one.finding
    assert (finding.cause, finding.op) == (Cause.COLLECTIVE_ORDER, "aten::add")
    assert find_candidates(one, pair, cuda=False)[0] == "messages.in_turn"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Return what records three ranks of DistributedDataParallel with buckets of a size in MB."""
    folder = tmp_path_factory.mktemp("ranks")

    def record(index: int, size: str, *words: str) -> Run:
        name = f"run-{index}"
        options = ("--quiet", "--steps", "all", "--out", name, *words)
        done = reproaudit(folder, "record", *options, str(PROGRAMS / "ddp_buckets.py"), size)
        assert done.returncode == 0, done.stderr
        return open_run(folder / name, index)

    return record


@pytest.mark.slow
def test_buckets_of_another_size_are_named_where_the_module_is_wrapped(
    recorded: Callable[..., Run],
) -> None:
    a = recorded(0, "0.0005", "--level", "operation")
    b = recorded(1, "25", "--level", "operation")
    assert (a.world, len(a.ranks)) == (3, 3)
    found = localise(a, b, Interned())
    (one,) = explain_sources(found.sources, (a, b), [])
    source = PROGRAMS.joinpath("ddp_buckets.py").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(source, 1) if text.endswith("# the cause"))
    finding = one.finding
    assert (finding.cause, finding.op) == (Cause.COLLECTIVE_ORDER, "c10d::allreduce_")
    assert finding.location is not None
    assert finding.location.line == line
    told = advise_untried(one, (a, b)).fix
    assert told is not None
    assert told.advice == "give DistributedDataParallel a constant bucket_cap_mb"
    assert len(compare_boundaries([a, b], Interned()).classes) == 2


@pytest.mark.slow
def test_buckets_of_another_size_make_no_difference_where_the_size_is_fixed(
    recorded: Callable[..., Run],
) -> None:
    a = recorded(2, "0.0005", "--intervene", "ddp.buckets")
    b = recorded(3, "25", "--intervene", "ddp.buckets")
    assert len(a.ranks) == 3
    assert len(compare_boundaries([a, b], Interned()).classes) == 1
