"""What the fuzzer prints becomes figures; an ending that is not explained is a fault."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRINTED = """\
#4\tINITED cov: 98 ft: 120 corp: 1/300b exec/s: 0 rss: 80Mb
#9000\tNEW    cov: 150 ft: 300 corp: 40/9Kb exec/s: 3000 rss: 90Mb
stat::number_of_executed_units: 35578
"""


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("fuzz")


def test_the_figures_are_those_that_were_printed(fuzz: ModuleType) -> None:
    figures = fuzz.read_figures("lock", 12, PRINTED, 0)
    assert figures == fuzz.Figures("lock", 12, 35_578, 98, 150, "")


@pytest.mark.parametrize(
    ("said", "code", "fault"),
    [
        (" === Uncaught Python exception: ===\nKeyError: 'a'\nTraceback …", 77, "KeyError: 'a'"),
        ("==1== ERROR: libFuzzer: timeout after 10 seconds", 70, "timeout after 10 seconds"),
        ("", 9, "exit code 9"),
    ],
)
def test_an_ending_before_the_time_is_a_fault(
    fuzz: ModuleType, said: str, code: int, fault: str
) -> None:
    assert fuzz.read_figures("lock", 12, said, code).fault.endswith(fault)


def test_a_word_of_the_dictionary_is_written_in_bytes(fuzz: ModuleType) -> None:
    assert fuzz.quote_word(b'a"') == '"\\x61\\x22"\n'
