"""Races on a device as evidence: which finding they explain, and which they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.boundaries import compare_boundaries
from reproaudit.comparison.entropy import EntropyCall, strength_of
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.judge import judge
from reproaudit.comparison.localise import Origin, localise
from reproaudit.diagnose.attribute import make_finding_without_place
from reproaudit.diagnose.candidates import find_candidates
from reproaudit.diagnose.races import DeviceRace, find_race
from reproaudit.diagnose.sources import Explanation, explain_sources
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventKind, Location, Phase
from reproaudit.model.result import Finding, Fix
from reproaudit.trace.runs import MAIN_PROCESS, Run
from tests.comparison.traces import Row, make_run

MUL, COPY = "aten::mul.Tensor", "aten::copy_.default"
READER, WRITER = Location("train.py", 8, "main"), Location("train.py", 5, "main")
STREAMS = DeviceRace(
    MUL, READER, COPY, WRITER, "reads float32[4] on stream 1, unordered with the write at"
)
HOST = DeviceRace(
    MUL, READER, COPY, WRITER, "reads float32[4] on the host, while it is copied at", is_host=True
)


def runs_that_differ(
    folder: Path, *, op: str = MUL, line: int = 8, inputs: int = 0
) -> tuple[Run, Run]:
    """Two runs in which `op` at `line` differs: in its output, and, unless `inputs` is 0, in its
    inputs too."""

    def rows(content: int) -> list[Row]:
        return [
            Row(COPY, 3, 3, line=5),
            Row(op, content, content + inputs if inputs else 3, line=line),
            Row("loss", content, kind=EventKind.OUTPUT),
        ]

    return make_run(folder, 0, rows(10)), make_run(folder, 1, rows(20))


def first(
    runs: tuple[Run, Run], races: tuple[DeviceRace, ...], calls: list[EntropyCall] | None = None
) -> Explanation:
    sources = localise(*runs, Interned()).sources
    return explain_sources(sources, runs, calls or [], races=races)[0]


@pytest.mark.parametrize("inputs", [0, 100])
def test_a_difference_where_a_stream_reads_unordered_is_a_race(tmp_path: Path, inputs: int) -> None:
    runs = runs_that_differ(tmp_path, inputs=inputs)
    found = first(runs, (STREAMS,))
    assert found.finding.cause is Cause.THREAD_RACE
    assert found.finding.evidence.notes[-1] == f"it {STREAMS.message} train.py:5"
    assert found.has_exact_line
    assert find_candidates(found, runs, cuda=True)[0] == "streams.serial"


def test_without_the_race_the_same_difference_is_a_kernel_or_unknown(tmp_path: Path) -> None:
    assert first(runs_that_differ(tmp_path / "op"), ()).finding.cause is Cause.KERNEL
    assert (
        first(runs_that_differ(tmp_path / "input", inputs=100), ()).finding.cause is Cause.UNKNOWN
    )


def test_a_race_elsewhere_explains_nothing(tmp_path: Path) -> None:
    assert (
        first(runs_that_differ(tmp_path / "line", line=9), (STREAMS,)).finding.cause is Cause.KERNEL
    )
    assert (
        first(
            runs_that_differ(tmp_path / "op", op="aten::index_add.default"), (STREAMS,)
        ).finding.cause
        is Cause.KERNEL
    )


def test_what_a_kernel_writes_is_not_blamed_on_the_stream_that_reads_it_later(
    tmp_path: Path,
) -> None:
    finding = Finding("", Cause.KERNEL, "", Phase.FORWARD, 0, op="aten::copy_", location=WRITER)
    assert find_race(finding, Origin.OP, (STREAMS,)) is None
    assert find_race(finding, Origin.OP, (HOST,)) is HOST


def test_a_host_that_reads_too_early_is_repaired_by_copies_that_wait(tmp_path: Path) -> None:
    runs = runs_that_differ(tmp_path)
    assert find_candidates(first(runs, (HOST,)), runs, cuda=True)[:2] == (
        "copies.blocking",
        "streams.serial",
    )


def test_a_call_that_is_known_to_bring_the_difference_in_wins(tmp_path: Path) -> None:
    call = EntropyCall(
        "random.random", MAIN_PROCESS, 0, 0, strength_of("random.random"), "", "", False
    )
    assert (
        first(runs_that_differ(tmp_path, inputs=100), (STREAMS,), [call]).finding.cause
        is Cause.UNSEEDED_RNG
    )


def test_a_race_that_recording_hides_is_named_if_its_own_repair_is_proven(tmp_path: Path) -> None:
    runs = runs_that_differ(tmp_path)
    judged = judge(runs, compare_boundaries(runs, Interned()), {})
    proven, other = (
        make_finding_without_place(judged, Fix((name,), verified=True), (), (STREAMS,))
        for name in ("streams.serial", "threads.serial")
    )
    assert (proven.cause, proven.location, proven.op) == (Cause.THREAD_RACE, READER, MUL)
    assert (other.cause, other.location) == (Cause.THREAD_RACE, None)
