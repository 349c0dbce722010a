"""Whether a finding keeps its identity where it should, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.cause import Cause
from reproaudit.model.events import Location, Phase
from reproaudit.model.identity import fingerprints
from reproaudit.model.result import Finding

FINDING = Finding(
    "RA401",
    Cause.KERNEL,
    "adds in any order",
    Phase.BACKWARD,
    0,
    "aten::index_put",
    "layers.1",
    Location("a.py", 3, "f"),
)


def test_a_moved_line_another_step_and_another_count_are_the_same_finding() -> None:
    moved = replace(FINDING, location=Location("a.py", 90, "f"), step=4, count=9)
    assert fingerprints("train.py", [moved]) == fingerprints("train.py", [FINDING])


@pytest.mark.parametrize(
    "other",
    [
        replace(FINDING, rule="RA402"),
        replace(FINDING, op="aten::add"),
        replace(FINDING, phase=Phase.FORWARD),
        replace(FINDING, module="layers.2"),
        replace(FINDING, location=Location("b.py", 3, "f")),
        replace(FINDING, location=Location("a.py", 3, "g")),
        replace(FINDING, location=None),
    ],
)
def test_another_source_is_another_finding(other: Finding) -> None:
    assert fingerprints("train.py", [other]) != fingerprints("train.py", [FINDING])


def test_another_subject_is_another_finding() -> None:
    assert fingerprints("other.py", [FINDING]) != fingerprints("train.py", [FINDING])


def test_findings_that_agree_are_numbered() -> None:
    twice = fingerprints("train.py", [FINDING, replace(FINDING, step=2)])
    assert twice[0] == fingerprints("train.py", [FINDING])[0]
    assert len(set(twice)) == 2
