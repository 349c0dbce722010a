"""The table of what ranks survive: its cases, and how one is judged. Nothing is run."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reproaudit.trace.runs import open_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("rank_faults")


def make_ending(code: int, said: str) -> Any:
    return importlib.import_module("survival").Ending(code, b"", said.encode(), 7.0)


def test_each_case_has_a_name_of_its_own(faults: ModuleType) -> None:
    cases = faults.list_cases()
    assert len(cases) >= 25
    assert len({case.name for case in cases}) == len(cases)


def test_a_case_is_judged_by_its_code_what_is_said_and_what_is_left(
    faults: ModuleType, tmp_path: Path
) -> None:
    case = faults.Case("a", ("ls",), says="no torch", adds="hint")
    ending = make_ending(2, "reproaudit: error: no torch\n  hint: b\n")
    assert faults.judge(case, ending, tmp_path, []) == ["no trace is left"]
    faults.write_run(tmp_path / "run-0", 2)
    assert faults.judge(case, ending, tmp_path, []) == []
    assert faults.judge(case, make_ending(0, "all is well"), tmp_path, ["run-1"]) == [
        "a trace cannot be read: run-1",
        "exit code 0 instead of 2",
        "it does not say 'no torch'",
        "nowhere does it say 'hint'",
    ]


def test_a_run_that_never_ended_by_its_trace_is_a_fault(faults: ModuleType, tmp_path: Path) -> None:
    from tests.trace.sample import new_writer

    new_writer(tmp_path / "run-0").flush(1)
    ending = make_ending(2, "reproaudit: error: x\n")
    killed = faults.Case("a", (), faults.KILLED)
    assert faults.judge(faults.Case("a", ()), ending, tmp_path, []) == [
        "the trace of run-0 says that it runs"
    ]
    assert faults.judge(killed, make_ending(-9, ""), tmp_path, []) == []


@pytest.mark.parametrize(("spoil", "ranks"), [("remove_rank", 63), ("empty_rank", 63)])
def test_traces_of_many_ranks_are_made_and_one_is_spoilt(
    faults: ModuleType, tmp_path: Path, spoil: str, ranks: int
) -> None:
    faults.write_traces(spoil=getattr(faults, spoil))(tmp_path)
    counts = [len(open_run(tmp_path / "out" / f"run-{index}", index).ranks) for index in range(2)]
    assert counts == [64, ranks]
