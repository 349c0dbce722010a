"""What the text says of hashes chooses the first trial, and the line. No program is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.entropy import EntropyCall, Strength
from reproaudit.comparison.localise import Origin, Source
from reproaudit.config.subject import SubjectSpec, parse_subject
from reproaudit.diagnose.sources import Explanation
from reproaudit.diagnose.text_evidence import name_hash_line, put_first
from reproaudit.model.cause import Cause
from reproaudit.model.events import EventKind, Location, Phase
from reproaudit.model.result import Finding
from reproaudit.trace.runs import Run
from reproaudit.trace.words import HASH_SEED
from tests.comparison.traces import Row, make_run

TEXT = """\
import time
import helper
started = time.time()
names = "a b c d".split()
table = {name: number for number, name in enumerate(set(names))}
ids = [table[name] for name in names]
"""
NAMED = ("clock.fixed", "seed.torch", "hash.seed")


def explain(
    line: int, origin: Origin = Origin.BIRTH, call: EntropyCall | None = None
) -> Explanation:
    place = Location("train.py", line)
    finding = Finding("", Cause.HASH_ORDER, "", Phase.DATA, 0, location=place)
    source = Source(origin, "", 0, 0, 0)
    return Explanation(finding, source, call, arrival=place)


def write(folder: Path, text: str = TEXT) -> SubjectSpec:
    (folder / "train.py").write_text(text)
    return parse_subject("train.py", cwd=folder)


def make_hashing_run(folder: Path, *, is_random: bool = True) -> Run:
    rows = [Row(HASH_SEED, kind=EventKind.ENTROPY)] if is_random else []
    return make_run(folder, 0, rows)


CLOCK = EntropyCall("time.time", "", 0, 0, Strength.CLOCK, "1", "2", state_differed=False)
SPECIFIC = EntropyCall("uuid.uuid4", "", 0, 0, Strength.SPECIFIC, "1", "2", state_differed=False)


@pytest.mark.parametrize("call", [None, CLOCK], ids=["no call", "a clock"])
def test_a_set_that_goes_into_the_line_is_tried_before_a_clock_that_is_asked_elsewhere(
    tmp_path: Path, call: EntropyCall | None
) -> None:
    subject, run = write(tmp_path), make_hashing_run(tmp_path)
    assert put_first(NAMED, explain(6, call=call), run, subject)[0] == "hash.seed"
    # Nothing of a set goes into the list of names.
    assert put_first(NAMED, explain(4, call=call), run, subject) == NAMED


def test_what_is_seen_says_more_than_the_text(tmp_path: Path) -> None:
    subject, run = write(tmp_path), make_hashing_run(tmp_path)
    assert put_first(NAMED, explain(6, call=SPECIFIC), run, subject) == NAMED
    assert put_first(NAMED, explain(6, Origin.OP), run, subject) == NAMED
    fixed = make_hashing_run(tmp_path / "fixed", is_random=False)
    assert put_first(NAMED, explain(6), fixed, subject) == NAMED


def test_the_only_set_on_the_way_is_the_line(tmp_path: Path) -> None:
    explained = explain(6)
    named = name_hash_line(explained.finding, explained, write(tmp_path))
    assert named is not None
    assert named.location is not None
    assert named.location.line == 5
    assert named.evidence.notes == ("the text of the line takes the order of a set",)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("names]", "names] + list(set(names))"),
        TEXT.replace("in names]", "in helper.order(names)]"),
        TEXT.replace("set(names)", "names"),
    ],
    ids=["two sets", "another file of the program", "none"],
)
def test_where_another_line_could_be_it_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "helper.py").write_text("def order(names):\n    return names\n")
    explained = explain(6)
    assert name_hash_line(explained.finding, explained, write(tmp_path, text)) is None
