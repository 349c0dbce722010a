"""Whole questions after the seed of a program that uses it well or badly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from reproaudit.config.seed_argument import SeedArgument, SeedPlace
from reproaudit.config.subject import parse_subject
from reproaudit.errors import SubjectError
from reproaudit.experiment.options import AuditOptions
from reproaudit.experiment.seed_runs import SeedOptions
from reproaudit.experiment.seeds import find_seed_effects
from reproaudit.model.events import Outcome, OutcomeKind, Unchecked
from reproaudit.model.question import SeedEffect
from reproaudit.model.result import AuditResult
from reproaudit.model.verdict import Verdict
from reproaudit.runs.budget import RunsSpent
from reproaudit.runs.lab import Lab
from reproaudit.runs.request import RunRequest
from reproaudit.trace.runs import Run, open_run
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


def rules_and_lines(result: dict[str, Any]) -> set[tuple[str, int]]:
    return {(finding["rule"], finding["location"]["line"]) for finding in result["findings"]}


def test_a_seed_that_is_ignored_is_named_at_the_call_that_seeds_with_a_constant(
    folder: Path,
) -> None:
    code, result = ask(folder, "ignored", "--seeds", "1,2")
    assert (code, result["verdict"], result["question"]) == (1, "not-reproducible", "seeds")
    assert rules_and_lines(result) == {("RA620", line_of(folder, "own function"))}
    assert set().union(*effects(result).values()) == {"constant"}


def test_what_a_library_and_workers_seed_otherwise_is_named_at_the_lines_to_mend(
    folder: Path,
) -> None:
    code, result = ask(folder, "overwritten,workers", "--seeds", "1,2")
    assert (code, result["verdict"]) == (1, "not-reproducible")
    assert rules_and_lines(result) == {
        ("RA621", line_of(folder, "overwritten")),
        ("RA627", line_of(folder, "worker seed")),
    }
    found = effects(result)
    assert found["initial weights"] == {"follows"}
    assert found["data order"] == found["forward pass"] == found["data"] == {"constant"}


def test_what_is_drawn_before_the_seed_or_from_a_constant_is_told_as_such(folder: Path) -> None:
    code, result = ask(folder, "late,constant", "--seeds", "1,2")
    assert code == 1
    rules = {finding["rule"] for finding in result["findings"]}
    assert rules == {"RA622", "RA625"}
    assert ("RA625", line_of(folder, "constant")) in rules_and_lines(result)
    found = effects(result)
    assert found["initial weights"] == {"constant"}
    assert found["data order"] == {"follows"}
    undone = [row for row in result["timeline"] if row["undoes"] is not None]
    assert {row["what"] for row in undone} >= {"torch.manual_seed", "random.seed"}


def test_a_seed_of_zero_that_is_taken_for_none_and_a_rate_made_of_the_seed_are_found(
    folder: Path,
) -> None:
    code, result = ask(folder, "zero,rate")
    zero, rate = result["findings"]
    assert (code, zero["rule"], rate["rule"]) == (1, "RA623", "RA628")
    assert zero["location"]["line"] == line_of(folder, "zero")
    assert zero["variation"] == "--seed 0"
    assert rate["location"]["line"] == line_of(folder, "rate")
    assert "lr of SGD is 0.125 with --seed 1 and 0.25 with --seed 2" in rate["evidence"]["notes"]
    # Under other seeds all that is drawn is well.
    assert set().union(*effects(result).values()) == {"follows"}


def test_a_stream_without_a_seed_is_the_reason_why_one_seed_gives_two_results(
    folder: Path,
) -> None:
    code, result = ask(folder, "unseeded", "--seeds", "1,2")
    # Its proven fix makes the program as it is no better.
    assert (code, result["verdict"]) == (1, "not-reproducible")
    assert result["headline"].startswith(
        "the same seed does not give the same: 4 runs with --seed 1, 4 distinct"
    )
    first = result["findings"][0]
    assert first["rule"] == "RA624"
    assert first["location"]["line"] == line_of(folder, "unseeded")
    assert first["fix"]["verified"] is True
    assert first["fix"]["settings"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, dict[str, Any]]:
    """Return the folder of a program whose seed reaches all, and what was said of it; its traces
    are kept in the folder `out`."""
    folder = tmp_path_factory.mktemp("s")
    code, result = ask(folder, "well-workers,generators", "--out", "out")
    return folder, code, result


def test_a_program_whose_seed_reaches_all_and_changes_nothing_else_is_clean(
    clean: tuple[Path, int, dict[str, Any]],
) -> None:
    _, code, result = clean
    assert (code, result["verdict"], result["findings"]) == (0, "reproducible", [])
    assert set().union(*effects(result).values()) == {"follows"}
    conditions = [run["condition"] for run in result["run_details"]]
    held = "--seed 2, drawing as with --seed 1"
    assert conditions == ["--seed 1"] * 4 + ["--seed 2", "--seed 0", held]
    # The last run is given another seed and draws as the first ones.
    assert result["classes"] == [[0, 1, 2, 3, 6], [4], [5]]


class NoProgress:
    """Shows nothing."""

    def stage(self, what: str, steps: int | None, more: int = 0) -> None: ...

    def step(self, done: int) -> None: ...

    def tell(self, fact: object) -> None: ...

    def close(self) -> None: ...


def ask_again(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    at: int | None = None,
    error: BaseException | None = None,
    failing: tuple[int, ...] = (),
) -> AuditResult:
    """Ask the same with the runs that are kept there. In the place of run `at` there is an error;
    `failing` are runs that have failed."""
    usual = Run.outcome.fget
    assert usual is not None
    failed = Outcome(OutcomeKind.RAISED, 1, "ValueError: no such seed")

    def run(lab: Lab, request: RunRequest) -> Run:
        if request.index == at and error is not None:
            raise error
        return open_run(folder / "out" / request.name, request.index)

    monkeypatch.setattr(Lab, "run", run)
    outcome = property(lambda one: failed if one.index in failing else usual(one))
    monkeypatch.setattr(Run, "outcome", outcome)
    argv = ["--way", "well-workers,generators"]
    audited = AuditOptions(subject=parse_subject(str(folder / PROGRAM), argv))
    return find_seed_effects(
        SeedOptions(audited, SeedArgument(SeedPlace.ARGUMENT, "--seed")), NoProgress()
    )


@pytest.mark.parametrize(
    ("at", "error", "said"),
    [
        (2, KeyboardInterrupt(), "it was interrupted before a run was made with --seed 1"),
        (4, RunsSpent(), "its runs were spent before a run was made with --seed 2; --budget"),
        (6, KeyboardInterrupt(), "it was interrupted before a run was made with --seed 2, drawing"),
    ],
    ids=["before anything was recorded", "before another seed", "before the last one"],
)
def test_what_ends_it_early_keeps_what_was_compared_and_passes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    clean: tuple[Path, int, dict[str, Any]],
    at: int,
    error: BaseException,
    said: str,
) -> None:
    result = ask_again(monkeypatch, clean[0], at=at, error=error)
    assert result.verdict is Verdict.NOT_AUDITED
    assert len(result.runs) == at
    note = result.not_checked[0]
    assert note.code is Unchecked.AUDIT_ENDED
    assert said in note.why
    assert result.headline.startswith("what another seed changes is not known: it")
    assert result.headline.endswith("; the same seed gives the same over 2 steps")
    effects = {stream.effect for stream in result.streams}
    assert effects == {2: set(), 4: {SeedEffect.UNKNOWN}, 6: {SeedEffect.FOLLOWS}}[at]


def test_before_two_runs_were_compared_there_is_nothing_to_keep(
    monkeypatch: pytest.MonkeyPatch, clean: tuple[Path, int, dict[str, Any]]
) -> None:
    with pytest.raises(SubjectError, match="the audit was interrupted"):
        ask_again(monkeypatch, clean[0], at=1, error=KeyboardInterrupt())


def test_a_seed_with_which_the_program_fails_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, clean: tuple[Path, int, dict[str, Any]]
) -> None:
    # The run that draws as the first seed does would now be one with seed 0, which is not kept.
    error = SubjectError("not kept", code="x")
    result = ask_again(monkeypatch, clean[0], at=6, error=error, failing=(4,))
    (note,) = [one for one in result.not_checked if one.code is Unchecked.SUBJECT_FAILED]
    assert (note.what, note.why) == (
        "--seed 2",
        "the program ends with it: ValueError: no such seed",
    )
    # The other one tells.
    assert {stream.effect for stream in result.streams} == {SeedEffect.FOLLOWS}


@pytest.mark.parametrize(
    ("parse", "said"),
    [
        ("import argparse; argparse.ArgumentParser().parse_args()", "unrecognized arguments"),
        ("import click; click.command()(lambda: None)()", "No such option"),
        (
            "import sys; raise ValueError(f'unknown key: {sys.argv[1][2:]}')",
            "ValueError: unknown key: sede",
        ),
    ],
    ids=["argparse", "click", "its own"],
)
def test_an_option_that_the_program_does_not_know_is_told_in_its_own_words(
    folder: Path, parse: str, said: str
) -> None:
    if parse.startswith("import click"):
        pytest.importorskip("click", reason="a program that parses with click")
    (folder / "strict.py").write_text(f"import torch\n{parse}\n")
    done = reproaudit(folder, "seeds", "--quiet", "--seed-arg", "--sede", "strict.py")
    assert done.returncode == 2
    assert f"the program does not take --sede 1: {said}" in done.stderr
    assert "[seed-argument-unknown]" in done.stderr


def test_an_error_that_only_names_the_seed_is_not_taken_for_an_unknown_option(
    folder: Path,
) -> None:
    (folder / "broken.py").write_text("import torch\nprint(seed)\n")
    done = reproaudit(folder, "seeds", "--quiet", "--seed-arg", "--seed", "broken.py")
    assert done.returncode == 2
    assert "name 'seed' is not defined" in done.stderr
    assert "does not take" not in done.stderr


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
