"""What is said of messages whose results differ, and what is tried against it."""

from __future__ import annotations

from pathlib import Path

from reproaudit.compare.interning import Interned
from reproaudit.compare.localise import localise
from reproaudit.diagnose.attribute import correct_cause
from reproaudit.diagnose.candidates import find_candidates
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.model.result import Cause
from reproaudit.trace.runs import Run
from tests.compare.traces import Row, make_run_of_ranks

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
