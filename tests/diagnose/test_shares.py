"""Findings that turn out to be one are shown once, with what repairs each."""

from __future__ import annotations

from dataclasses import replace

from reproaudit.diagnose.shares import leave_out_parts, unite_findings
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import Finding, Fix

HALF = Fix(("hash.seed",), verified=True, runs=3, together=("seed.numpy",))
ONE = Finding(
    "RA202", Cause.HASH_ORDER, "", Phase.DATA, 0, location=Location("train.py", 3), fix=HALF
)


def test_two_findings_of_one_cause_operator_and_line_are_one_with_both_repairs() -> None:
    other = replace(ONE, count=2, fix=Fix(("seed.numpy",), "", True, 3, together=("hash.seed",)))
    (united,) = unite_findings([ONE, other])
    assert united.count == 3
    assert united.fix is not None
    assert (united.fix.settings, united.fix.together) == (("hash.seed", "seed.numpy"), ())


def test_a_repair_that_was_proven_wins_over_one_that_was_not() -> None:
    (united,) = unite_findings([replace(ONE, fix=Fix(advice="sort")), ONE])
    assert united.fix == HALF


def test_findings_of_other_lines_stay_apart() -> None:
    elsewhere = replace(ONE, location=Location("train.py", 4))
    assert unite_findings([ONE, elsewhere]) == (ONE, elsewhere)


def test_what_one_number_of_threads_rounds_otherwise_is_one_finding() -> None:
    first = replace(ONE, cause=Cause.THREAD_COUNT, op="aten::dot")
    (united,) = unite_findings([first, replace(first, op="aten::mm", count=2)])
    assert (united.op, united.count) == ("aten::dot", 3)


def test_what_no_part_of_a_fix_holds_is_left() -> None:
    assert leave_out_parts(("a", "b", "c"), [("b",), ()]) == ["a", "c"]
