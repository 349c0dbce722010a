"""What is said of a constant seed in a line that runs several times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.comparison.interning import Interned
from reproaudit.comparison.localise import localise
from reproaudit.config.subject import parse_subject
from reproaudit.diagnose.constant_seeds import count_calls, warn_of_repetition
from reproaudit.diagnose.pinning import FoundSource
from reproaudit.diagnose.source_calls import RunPair
from reproaudit.diagnose.sources import explain_sources
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventFlag, EventKind, LibraryCall, Location, Phase
from reproaudit.model.result import Finding, Fix
from reproaudit.trace.runs import MAIN_PROCESS
from tests.comparison.traces import Row, make_run

PROGRAM = """\
import numpy as np

rng = np.random.default_rng()
for step in range(3):
    noise = np.random.default_rng().normal()

def draw():
    return np.random.default_rng().normal()
"""


def make_finding(line: int, fix: str, below: LibraryCall | None = None, call: str = "") -> Finding:
    place = Location("train.py", line, "draw")
    proven = Fix((fix,), "seed it once", verified=True, runs=3)
    finding = Finding("RA101", Cause.UNSEEDED_RNG, "", Phase.DATA, 0, location=place, fix=proven)
    return replace(finding, call=call, below=below)


def told(folder: Path, finding: Finding, made: int) -> str:
    (folder / "train.py").write_text(PROGRAM)
    found = warn_of_repetition(finding, parse_subject("train.py", cwd=folder), made)
    assert found.fix is not None
    return found.fix.advice


@pytest.mark.parametrize(
    ("line", "made", "fix", "is_said"),
    [
        (3, 1, "seed.numpy_generators", False),
        (5, 1, "seed.numpy_generators", True),
        (8, 1, "seed.numpy_generators", False),
        (8, 2, "seed.numpy_generators", True),
        (5, 9, "seed.numpy", False),  # it is seeded at the start of the program
        (5, 9, "hash.seed", False),
    ],
)
def test_it_is_said_where_the_line_lies_in_a_loop_or_was_seen_to_run_again(
    tmp_path: Path, line: int, made: int, fix: str, is_said: bool
) -> None:
    advice = told(tmp_path, make_finding(line, fix), made)
    assert advice.startswith("seed it once")
    assert ("each time draws the same numbers" in advice) == is_said


@pytest.mark.parametrize(
    ("made", "call", "is_said"),
    [
        (1, "numpy.random.SeedSequence", False),
        (2, "numpy.random.SeedSequence", True),
        (2, "numpy.random.shuffle", False),
    ],
    ids=["once", "twice", "from the global stream"],
)
def test_a_seed_that_a_library_is_given_is_a_constant_too(
    tmp_path: Path, made: int, call: str, is_said: bool
) -> None:
    below = LibraryCall("networkx.gnp", "networkx.gnp", "seed")
    finding = make_finding(3, "seed.numpy_generators", below, call)
    assert ("draws the same numbers" in told(tmp_path, finding, made)) == is_said


def test_calls_are_counted_at_the_line_that_is_to_blame(tmp_path: Path) -> None:
    rows = [
        Row("numpy.random.SeedSequence", 3, kind=EventKind.ENTROPY, line=5),
        Row("numpy.random.SeedSequence", 4, kind=EventKind.ENTROPY, line=3),
        Row("numpy.random.SeedSequence", 6, kind=EventKind.ENTROPY, line=5),
        Row("aten::lift_fresh", 7, flags=EventFlag.BIRTH, line=6),
    ]
    others = [replace(row, outputs=row.outputs + 10) for row in rows]
    a, b = (make_run(tmp_path, n, each) for n, each in enumerate((rows, others)))
    call = EntropyCall(
        "numpy.random.SeedSequence",
        MAIN_PROCESS,
        0,
        int(a.main.columns.location[0]),
        Strength.SPECIFIC,
        "",
        "",
        False,
    )
    localisation = localise(a, b, Interned())
    (explained,) = explain_sources(localisation.sources, (a, b), [call])
    known = FoundSource(explained, RunPair(a, b, localisation), None, ())
    assert count_calls(known) == 2
    assert count_calls(None) == 0
