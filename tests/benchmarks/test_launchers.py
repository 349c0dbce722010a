"""The table of launchers: its programs, and how what an audit says is judged. Nothing is run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def launchers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("launchers")


def make_ending(code: int, left: tuple[str, ...] = ()) -> Any:
    return importlib.import_module("survival").Ending(code, b"", b"", 7.0, left)


def make_result(case: Any, line: str, **more: Any) -> dict[str, Any]:
    path, _, number = line.partition(":")
    finding = {
        "op": "aten::mm",
        "call": "",
        "cause": case.cause,
        "location": {"path": path, "line": int(number)},
        "fix": {"settings": ["threads.one"], "verified": True},
        **more,
    }
    return {"verdict": "not-reproducible", "findings": [finding], "steps": 5}


def test_each_case_has_a_name_of_its_own_and_a_program_with_one_planted_line(
    launchers: ModuleType,
) -> None:
    cases = list(launchers.list_cases())
    assert len({case.name for case in cases}) == len(cases)
    programs = {path.name for path in (ROOT / "benchmarks" / "launchers").glob("*.py")}
    assert {case.program for case in cases} == programs
    for case in cases:
        assert launchers.find_planted_line(case).startswith(f"{case.program}:")


def test_what_is_said_of_a_planted_program_is_right_only_with_line_cause_and_proven_fix(
    launchers: ModuleType,
) -> None:
    case = next(launchers.list_cases())
    line = launchers.find_planted_line(case)

    def judge(code: int, result: dict[str, Any]) -> list[str]:
        found: list[str] = launchers.judge_planted(case, make_ending(code), result)
        return found

    assert judge(1, make_result(case, line)) == []
    assert judge(0, make_result(case, line)) == ["what was planted was not found"]
    assert judge(1, make_result(case, f"{case.program}:1")) == [f"the line is {line}"]
    assert judge(1, make_result(case, line, cause="clock")) == [f"the cause is {case.cause}"]
    assert judge(1, make_result(case, line, fix=None)) == ["no fix was proven"]


def test_a_clean_program_that_is_accused_is_a_false_alarm(launchers: ModuleType) -> None:
    result = {"verdict": "reproducible", "findings": []}
    assert launchers.judge_clean(make_ending(0), result) == []
    result["verdict"] = "not-reproducible"
    assert launchers.judge_clean(make_ending(1), result) == ["a false alarm"]


def test_a_framework_that_is_missing_and_a_row_that_was_not_run_are_said(
    launchers: ModuleType, tmp_path: Path
) -> None:
    case = launchers.Case("a", "gan.py", ("gan.py",), "kernel", ("torch_geometric",))
    assert launchers.find_lacking(case, {"torch": "2"}) == ["torch_geometric"]
    assert launchers.find_lacking(case, {"torch-geometric": "2"}) == []
    rows = [launchers.Row("a", "clean", not_tried="not installed: torch_geometric")]
    launchers.write(rows, tmp_path, {"torch": "2"})
    text = (tmp_path / "table.md").read_text()
    assert "not tried: not installed: torch_geometric" in text
    assert "0 audited, 0 right" in text
    assert sys.prefix not in text
    assert launchers.read_rows(tmp_path) == {("a", "clean"): rows[0]}
