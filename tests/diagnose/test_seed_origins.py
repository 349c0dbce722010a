"""Where the seed of a generator comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.comparison.entropy import EntropyCall, strength_of
from reproaudit.config.subject import parse_subject
from reproaudit.diagnose.seed_origins import follow_seed, name_hash
from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import Finding, Fix
from reproaudit.trace.runs import MAIN_PROCESS

PROGRAM = """\
import torch

class Stage:
    def seed(self):
        return 7 + hash(self.name)

    def build(self):
        return torch.Generator().manual_seed(self.seed())
"""
SEEDED = Location("train.py", 8, "build")


def make_finding(
    cause: Cause = Cause.HASH_ORDER, call: str = "torch.Generator.manual_seed"
) -> Finding:
    fix = Fix(("hash.seed",), "sort before iterating", verified=True, runs=3)
    return Finding("", cause, "", Phase.FORWARD, 0, location=SEEDED, fix=fix, call=call)


def named(folder: Path, finding: Finding, text: str = PROGRAM) -> Finding:
    (folder / "train.py").write_text(text)
    return name_hash(finding, parse_subject("train.py", cwd=folder))


def test_the_line_that_makes_the_seed_is_named_and_not_the_one_that_is_given_it(
    tmp_path: Path,
) -> None:
    finding = named(tmp_path, make_finding())
    assert finding.location == Location("train.py", 5, "seed")
    assert finding.evidence.notes == (f"torch.Generator.manual_seed is given the seed at {SEEDED}",)


def test_the_advice_is_about_seeds_and_not_about_sets(tmp_path: Path) -> None:
    finding = named(tmp_path, make_finding())
    assert finding.fix is not None
    assert "zlib.crc32" in finding.fix.advice
    assert "sort" not in finding.fix.advice
    assert finding.title.startswith("a seed is made of a hash")


@pytest.mark.parametrize(
    "text",
    [
        PROGRAM.replace("self.seed()", "id(self)"),
        PROGRAM + "\n\nother = hash('b')\n",
        PROGRAM.replace("hash(", "crc("),
        "not Python\n",
    ],
    ids=["it stands on the line", "several lines", "none", "unreadable"],
)
def test_where_the_text_does_not_tell_the_line_of_the_seed_stands(
    tmp_path: Path, text: str
) -> None:
    assert named(tmp_path, make_finding(), text).location == SEEDED


@pytest.mark.parametrize(
    "finding",
    [make_finding(Cause.CLOCK), make_finding(call="")],
    ids=["another cause", "no seed"],
)
def test_nothing_else_is_changed(tmp_path: Path, finding: Finding) -> None:
    assert named(tmp_path, finding) == finding


def call(
    name: str,
    event: int,
    shown: tuple[str, str],
    *,
    process: str = MAIN_PROCESS,
    drew: bool = False,
) -> EntropyCall:
    strength = strength_of(name)
    first, second = shown
    return EntropyCall(name, process, event, event, strength, first, second, drew)


CLOCK = call("time.time", 1, ("1732801661.25", "1732801663.5"))
DRAWN = call("random.randint", 2, ("4321", "77"), drew=True)
NAMED = call("uuid.uuid4", 3, ("UUID('1')", "UUID('2')"))
SEEDS = call("random.seed", 4, ("(4321,)", "(77,)"))
SEEDED_TORCH = call("torch.manual_seed", 5, ("(4321,)", "(77,)"))
CALLS = [CLOCK, DRAWN, NAMED, SEEDS, SEEDED_TORCH]


def test_a_seed_is_followed_to_the_call_that_returned_it() -> None:
    assert follow_seed(SEEDED_TORCH, CALLS) == [SEEDED_TORCH, DRAWN]


def test_a_draw_from_a_stream_is_followed_through_its_seed() -> None:
    later = call("random.shuffle", 9, ("", ""), drew=True)
    assert follow_seed(later, [*CALLS, later]) == [later, SEEDS, DRAWN]
    other = call("numpy.random.shuffle", 9, ("", ""), drew=True)
    assert follow_seed(other, [*CALLS, other]) == [other]


def test_a_seed_that_is_drawn_from_a_stream_with_such_a_seed_is_followed_on() -> None:
    seeds = call("random.seed", 2, ("(1732801661,)", "(1732801663,)"))
    drawn = call("random.getrandbits", 3, ("4321", "77"), drew=True)
    assert follow_seed(SEEDED_TORCH, [CLOCK, seeds, drawn, SEEDED_TORCH])[-1] == CLOCK


@pytest.mark.parametrize(
    "calls",
    [[CLOCK, NAMED, SEEDED_TORCH], [SEEDED_TORCH, call("random.randint", 7, ("4321", "77"))]],
    ids=["made of nothing known", "later"],
)
def test_a_seed_of_nothing_that_is_known_is_followed_nowhere(calls: list[EntropyCall]) -> None:
    assert follow_seed(SEEDED_TORCH, calls) == [SEEDED_TORCH]


def test_in_a_worker_process_nothing_is_followed() -> None:
    drawn = call("random.randint", 2, ("4321", "77"), process="child-1", drew=True)
    seeding = call("torch.manual_seed", 5, ("(4321,)", "(77,)"), process="child-1")
    assert follow_seed(seeding, [drawn, seeding]) == [seeding]
