"""A program under variations, in runs that are made. The runs are forks of a warm process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import PROGRAMS, line_of_source, reproaudit
from tests.claims import check_json

pytestmark = [pytest.mark.slow]

PROGRAM = PROGRAMS / "varied.py"


def vary(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    options = ("--quiet", "--report", "json=result.json")
    done = reproaudit(folder, "vary", *options, *words)
    assert (folder / "result.json").exists(), done.stderr
    return done.returncode, json.loads(check_json((folder / "result.json").read_text()))


def test_of_many_values_each_is_told_by_itself_and_only_what_differs_costs_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAME", "1")
    words = [f"env.{pair}" for pair in ("SAME=1,2", "FAIL=1", "VALIDATE=1")]
    code, result = vary(
        tmp_path, *[word for one in words for word in ("--vary", one)], str(PROGRAM)
    )
    assert (code, result["verdict"], result["question"]) == (1, "not-reproducible", "vary")
    own, other, failed, drawn = result["variations"]
    assert (own["dependence"], other["dependence"]) == ("not-tried", "none")
    assert (failed["dependence"], failed["finding"]) == ("fails", None)
    assert "asked to fail" in failed["why"]
    assert result["headline"].startswith("fails under env.FAIL=1; depends on env.VALIDATE")
    finding = result["findings"][drawn["finding"]]
    assert (finding["cause"], finding["location"]["line"], finding["variation"]) == (
        "rng-order",
        line_of_source("varied.py"),
        "env.VALIDATE=1",
    )
    assert (drawn["step"], drawn["tensors"] > 0) == (2, True)
    conditions = [run["condition"] for run in result["run_details"]]
    assert conditions == ["plain", "plain", "env.SAME=2", "env.FAIL=1", "env.VALIDATE=1"]
    # Two as it is, three varied, and two that record operators: one as it is, one varied.
    assert result["runs_made"] == 7


def test_a_program_that_depends_on_nothing_passes(tmp_path: Path) -> None:
    code, result = vary(tmp_path, str(PROGRAM), "--vary", "timezone", "--vary", "env.X=1")
    assert (code, result["verdict"]) == (0, "reproducible")
    assert {one["dependence"] for one in result["variations"]} == {"none"}
    assert result["findings"] == []


def test_what_differs_from_run_to_run_is_repaired_before_it_is_varied(tmp_path: Path) -> None:
    words = ("--env", "UNSEEDED=1", "--vary", "env.VALIDATE=1", str(PROGRAM))
    code, result = vary(tmp_path, *words)
    assert (code, result["verdict"]) == (1, "not-reproducible")
    first, *_ = result["findings"]
    assert (first["cause"], first["fix"]["verified"]) == ("unseeded-rng", True)
    (outcome,) = result["variations"]
    finding = result["findings"][outcome["finding"]]
    assert (finding["cause"], finding["variation"]) == ("rng-order", "env.VALIDATE=1")
    conditions = [run["condition"] for run in result["run_details"]]
    assert conditions[-2:] == [f"with {first['fix']['settings'][0]}", "env.VALIDATE=1"]


def test_what_could_not_be_tried_does_not_pass(tmp_path: Path) -> None:
    words = ("--vary", "env.X=1,2,3,4", "--budget", "1", str(PROGRAM))
    code, result = vary(tmp_path, *words)
    assert (code, result["verdict"]) == (2, "not-audited")
    assert [one["dependence"] for one in result["variations"]].count("not-tried") == 3
    assert "budget" in result["variations"][-1]["why"]
