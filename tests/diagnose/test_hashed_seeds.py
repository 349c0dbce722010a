"""Seeds that are made by hash() or id()."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.config.subject import parse_subject
from reproaudit.diagnose.hashed_seeds import name_hash
from reproaudit.model.events import Location, Phase
from reproaudit.model.result import Cause, Finding, Fix

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
