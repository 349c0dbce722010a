"""What is advised about messages where nothing can be tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.sources import explain_sources
from reproaudit.diagnose.untried import advise_untried
from reproaudit.model.events import EventKind
from reproaudit.model.result import Fix
from tests.comparison.traces import Row, make_run_of_ranks

REDUCE = Row("c10d::allreduce_.default", line=7)
WRAP = Row("Net", kind=EventKind.REPLICA, line=7)
PARTS = [replace(REDUCE, outputs=54, inputs=4, aux=4)] * 2
WHOLE = [replace(REDUCE, outputs=58, inputs=8, aux=8)]


def advised(folder: Path, first: list[Row], second: list[Row]) -> Fix:
    a = make_run_of_ranks(folder, 0, [first] * 3)
    b = make_run_of_ranks(folder, 1, [second] * 3)
    one, *_ = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    fix = advise_untried(one, (a, b)).fix
    assert fix is not None
    return fix


@pytest.mark.parametrize(
    ("wrap", "advice", "written"),
    [
        ([WRAP], "give DistributedDataParallel a constant bucket_cap_mb", "bucket_cap_mb=25"),
        ([replace(WRAP, line=3)], "reduce the same tensors together in each run", "all_gather"),
        ([], "reduce the same tensors together in each run", "all_gather"),
    ],
    ids=["its buckets", "wrapped elsewhere", "nothing wrapped"],
)
def test_buckets_are_spoken_of_only_where_the_line_wraps_a_module(
    tmp_path: Path, wrap: list[Row], advice: str, written: str
) -> None:
    fix = advised(tmp_path, [*wrap, *PARTS], [*wrap, *WHOLE])
    assert fix.advice.startswith(advice)
    assert any(written in line for line in fix.patch)
    assert not fix.verified
    assert fix.settings == ()


def test_messages_of_any_rank_are_to_be_taken_in_turn(tmp_path: Path) -> None:
    def receive(*contents: int) -> list[Row]:
        return [Row("c10d::recv_any_source_.default", one, 1, line=3) for one in contents]

    fix = advised(tmp_path, receive(5, 6), receive(6, 5))
    assert fix.advice.startswith("use what arrives in a fixed order")
    assert "NCCL" not in fix.advice


def test_other_findings_keep_what_their_rule_advises(tmp_path: Path) -> None:
    kernel = Row("aten::mm.default", 5, 1)
    fix = advised(tmp_path, [kernel], [replace(kernel, outputs=6)])
    assert fix.patch == ()
