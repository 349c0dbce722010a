"""Paths in reports start where the user stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproaudit.model.aligned_ops import AlignedOps, Stretch
from reproaudit.model.events import Location, ProgramWarning
from reproaudit.model.excerpt import Excerpt
from reproaudit.model.packed import pack
from reproaudit.model.result import AuditResult, Evidence
from reproaudit.report import render
from reproaudit.report.places import is_own, join_path, move_to_working_folder
from tests.report.cases import INDEX_PUT, ONE_DIVERGENCE

LOCATED = replace(
    INDEX_PUT,
    location=Location("train.py", 41, "forward"),
    evidence=Evidence(notes=("read at train.py:40, not at site-packages/a/train.py:41",)),
)
BELOW = replace(
    ONE_DIVERGENCE,
    folder="examples/net",
    headline="first differs at train.py:41 in forward",
    findings=(LOCATED,),
    warnings=(ProgramWarning("utils.py:3 shuffles", location=Location("utils.py", 3)),),
)


def test_lines_and_sentences_name_the_path_from_the_working_folder() -> None:
    moved = move_to_working_folder(BELOW)
    assert moved.headline == "first differs at examples/net/train.py:41 in forward"
    (finding,) = moved.findings
    assert str(finding.location) == "examples/net/train.py:41 in forward"
    assert finding.evidence.notes == (
        "read at examples/net/train.py:40, not at site-packages/a/train.py:41",
    )
    assert moved.warnings[0].message == "examples/net/utils.py:3 shuffles"
    assert move_to_working_folder(moved) == moved


def test_excerpts_and_operators_name_the_path_from_the_working_folder() -> None:
    empty = pack("|u1", b"")
    stretch = Stretch("", 0, 0, empty, empty, empty, empty, empty, empty)
    lines = (Location("", 0), Location("train.py", 41, "forward"), Location("/usr/a.py", 1))
    result = replace(
        BELOW,
        excerpts=(Excerpt("train.py", 34, ("x = 1",)), Excerpt("/usr/a.py", 1, ("y",))),
        ops=AlignedOps((0, 1), ("a", "b"), ("",), lines, (stretch,)),
    )
    moved = move_to_working_folder(result)
    assert [one.path for one in moved.excerpts] == ["examples/net/train.py", "/usr/a.py"]
    assert moved.ops is not None
    assert [one.path for one in moved.ops.locations] == ["", "examples/net/train.py", "/usr/a.py"]


def test_a_program_that_lies_where_the_user_stands_is_named_as_before() -> None:
    here = replace(BELOW, folder="")
    assert move_to_working_folder(here) is here


def test_foreign_paths_are_left_alone() -> None:
    assert [
        path for path in ("/usr/a.py", "<string>", "site-packages/b.py", "") if is_own(path)
    ] == []
    assert is_own("../data/c.py")
    assert join_path("pygcn/net", "../data/c.py") == "pygcn/data/c.py"


@pytest.mark.parametrize("format", ["terminal", "markdown", "github", "patch"])
def test_no_report_for_people_names_a_line_by_two_paths(format: str) -> None:
    result: AuditResult = BELOW
    text = render(result, format)
    named = text.count("train.py:41")
    assert (
        text.count("examples/net/train.py:41") + text.count("site-packages/a/train.py:41") == named
    )
