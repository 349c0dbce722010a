"""Whole questions after the seed of a program that uses it well or badly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import PROGRAMS, audit, reproaudit

pytestmark = [pytest.mark.slow]

PROGRAM = "seeded.py"
LIBRARY = """
import random
import torch


def prepare(seed=42):
    random.seed(seed)
    torch.manual_seed(seed)
"""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a short name: workers that load data open sockets below it, whose paths
    the system limits to 107 characters."""
    return tmp_path_factory.mktemp("s")


def make_program(folder: Path) -> None:
    """Put the program there, beside an installed library."""
    library = folder / "site-packages"
    library.mkdir()
    (library / "helper_library.py").write_text(LIBRARY)
    text = (PROGRAMS / PROGRAM).read_text()
    find = "import sys\n\nsys.path.insert(0, 'site-packages')\n"
    # Behind the docstring, on as many lines as there were: the marked lines keep their numbers.
    (folder / PROGRAM).write_text(text.replace("import argparse\n", f"{find}import argparse\n", 1))


def ask(folder: Path, way: str, *words: str) -> tuple[int, dict[str, Any]]:
    make_program(folder)
    given = ("--seed-arg", "--seed", *words, PROGRAM, "--way", way)
    return audit(folder, *given, question="seeds")


def line_of(folder: Path, mark: str) -> int:
    lines = (folder / PROGRAM).read_text().splitlines()
    return next(number for number, text in enumerate(lines, 1) if text.endswith(f"# {mark}"))


def effects(result: dict[str, Any]) -> dict[str, set[str]]:
    """Return what the seed does to what is drawn, by what it is drawn for."""
    found: dict[str, set[str]] = {}
    for stream in result["streams"]:
        found.setdefault(stream["use"], set()).add(stream["effect"])
    return found


@pytest.mark.parametrize(
    ("way", "rule", "mark", "constant"),
    [
        ("ignored", "RA620", "own function", {"initial weights", "data order", "forward pass"}),
        ("overwritten", "RA621", "overwritten", {"data order", "forward pass"}),
        ("constant", "RA625", "constant", {"data"}),
        ("workers", "RA627", "worker seed", {"data"}),
    ],
)
def test_what_does_not_follow_the_seed_is_named_at_the_line_to_mend(
    folder: Path, way: str, rule: str, mark: str, constant: set[str]
) -> None:
    code, result = ask(folder, way, "--seeds", "1,2")
    assert (code, result["verdict"], result["question"]) == (1, "not-reproducible", "seeds")
    rules = {finding["rule"] for finding in result["findings"]}
    assert rules == {rule}
    lines = {finding["location"]["line"] for finding in result["findings"]}
    assert line_of(folder, mark) in lines
    found = effects(result)
    assert {use for use in found if "constant" in found[use]} >= constant
    assert all("unseeded" not in effect for effect in found.values())


def test_weights_that_were_drawn_before_the_seed_was_set_are_told_as_such(folder: Path) -> None:
    code, result = ask(folder, "late", "--seeds", "1,2")
    (finding,) = result["findings"]
    assert (code, finding["rule"]) == (1, "RA622")
    found = effects(result)
    assert found["initial weights"] == {"constant"}
    assert found["data order"] == {"follows"}
    undone = [row for row in result["timeline"] if row["undoes"] is not None]
    assert {row["what"] for row in undone} >= {"torch.manual_seed", "random.seed"}


def test_a_seed_of_zero_that_is_taken_for_none_is_found_at_the_test_of_its_truth(
    folder: Path,
) -> None:
    code, result = ask(folder, "zero")
    (finding,) = result["findings"]
    assert (code, finding["rule"]) == (1, "RA623")
    assert finding["location"]["line"] == line_of(folder, "zero")
    assert finding["variation"] == "--seed 0"
    # Under other seeds all is well.
    assert set().union(*effects(result).values()) == {"follows"}


def test_a_stream_without_a_seed_is_the_reason_why_one_seed_gives_two_results(
    folder: Path,
) -> None:
    code, result = ask(folder, "unseeded", "--seeds", "1,2")
    assert code == 1
    assert result["headline"].startswith("the same seed does not give the same")
    first = result["findings"][0]
    assert first["rule"] == "RA624"
    assert first["location"]["line"] == line_of(folder, "unseeded")
    assert first["fix"]["verified"] is True
    assert first["fix"]["settings"]


@pytest.mark.parametrize("way", ["well", "well-workers", "generators"])
def test_a_program_whose_seed_reaches_all_is_clean(folder: Path, way: str) -> None:
    code, result = ask(folder, way, "--seeds", "1,0")
    assert (code, result["verdict"], result["findings"]) == (0, "reproducible", [])
    assert set().union(*effects(result).values()) == {"follows"}
    assert len(result["classes"]) == 2
    conditions = [run["condition"] for run in result["run_details"]]
    assert conditions == ["--seed 1"] * 4 + ["--seed 0"]


def test_an_option_that_the_program_does_not_know_is_told_in_its_own_words(folder: Path) -> None:
    make_program(folder)
    done = reproaudit(folder, "seeds", "--quiet", "--seed-arg", "--sede", PROGRAM)
    assert done.returncode == 2
    assert "unrecognized arguments: --sede 1" in done.stderr
    assert "[seed-argument-unknown]" in done.stderr


def test_the_timeline_says_what_was_set_too_late_and_what_was_overwritten(folder: Path) -> None:
    shutil.copy(PROGRAMS / "timeline.py", folder)
    code, result = audit(folder, "--timeline", "timeline.py", question="seeds", is_fresh=True)
    lines = (folder / "timeline.py").read_text().splitlines()
    assert (code, result["runs_made"]) == (1, 1)
    told = {
        lines[row["location"]["line"] - 1].rpartition("# ")[2]: row
        for row in result["timeline"]
        if row["why"]
    }
    assert set(told) == {"late variable", "late seed", "overwrites", "late flag"}
    assert "model Sequential" in told["late seed"]["made"]
    undone = told["overwrites"]["undoes"]
    assert result["timeline"][undone]["value"] == "1"
    assert told["late flag"]["step"] == 2
