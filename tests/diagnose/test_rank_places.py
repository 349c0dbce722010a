"""A place in the program where several ranks differ between runs is one finding of those ranks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import differing_calls
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.diagnose.sources import explain_sources
from reproaudit.model.events import EventKind
from reproaudit.model.result import Finding
from reproaudit.report.moments import name_when
from reproaudit.trace.runs import Run
from tests.comparison.traces import Row, make_run


def make_ranks(folder: Path, index: int, *ranks: Sequence[Row]) -> Run:
    traces = []
    for rank, rows in enumerate(ranks):
        trace = make_run(folder / f"rank-{rank}", index, rows).main
        trace.header["process"].update({"rank": rank, "world": len(ranks)})
        traces.append((f"rank-{rank}", trace))
    return Run(index, tuple(traces))


def find(folder: Path, *changed: int) -> Finding:
    """Return the finding of an op that differs between two runs of 3 ranks, on those `changed`."""
    same = [Row("aten::mul", 5, inputs=4, line=2), Row("aten::add", 7, inputs=5, line=3)]
    other = [same[0], Row("aten::add", 8, inputs=5, line=3)]
    a = make_ranks(folder, 0, same, same, same)
    b = make_ranks(folder, 1, *(other if rank in changed else same for rank in range(3)))
    (explanation,) = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    return explanation.finding


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ((1,), "forward pass of step 0, on rank 1 only"),
        ((0, 2), "forward pass of step 0, on ranks 0 and 2 of 3"),
        ((0, 1, 2), "forward pass of step 0, on all 3 ranks"),
    ],
)
def test_a_finding_names_the_ranks_that_differ(
    tmp_path: Path, changed: tuple[int, ...], said: str
) -> None:
    finding = find(tmp_path, *changed)
    assert (finding.ranks, finding.world) == (changed, 3)
    assert name_when(finding) == said


def test_without_ranks_none_are_named(tmp_path: Path) -> None:
    rows = [[Row("aten::add", content, inputs=5)] for content in (7, 8)]
    a, b = (make_run(tmp_path, index, rows[index]) for index in range(2))
    (explanation,) = explain_sources(localise(a, b, Interned()).sources, (a, b), [])
    assert (explanation.finding.ranks, explanation.finding.world) == ((), 0)
    assert name_when(explanation.finding) == "forward pass of step 0"


def test_what_a_rank_was_given_stands_behind_what_another_made(tmp_path: Path) -> None:
    # Rank 0 reads what rank 1 sent, and nothing was seen of how it arrived.
    given = [Row("aten::mul", 5, inputs=4, line=2)]
    given_other = [Row("aten::mul", 6, inputs=9, line=2)]
    made = [Row("aten::add", 7, inputs=5, line=3)]
    made_other = [Row("aten::add", 8, inputs=5, line=3)]
    a = make_ranks(tmp_path, 0, given, made)
    b = make_ranks(tmp_path, 1, given_other, made_other)
    sources = localise(a, b, Interned()).sources
    assert [source.process for source in sources] == ["rank-1", "rank-0"]
    (explanation, *_) = explain_sources(sources, (a, b), [])
    assert explanation.finding.ranks == (1,)


def test_a_call_of_another_rank_names_that_rank(tmp_path: Path) -> None:
    given = [Row("aten::mul", 5, inputs=4, line=2)]
    given_other = [Row("aten::mul", 6, inputs=9, line=2)]
    calls = [Row("os.urandom", content, kind=EventKind.ENTROPY, line=9) for content in (1, 2)]
    a = make_ranks(tmp_path, 0, given, [calls[0]], [calls[0]])
    b = make_ranks(tmp_path, 1, given_other, [calls[1]], [calls[1]])
    differing = differing_calls(a, b, Interned())
    (explanation,) = explain_sources(localise(a, b, Interned()).sources, (a, b), differing)
    assert explanation.finding.call == "os.urandom"
    assert explanation.finding.ranks == (1, 2)
