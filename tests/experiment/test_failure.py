"""What is said of a program that failed: whether it fails alone, and what was changed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from reproaudit.config.settings import Settings
from reproaudit.errors import SubjectError
from reproaudit.experiment.failure import add_changes, make_failure_error
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.runs.alone import AloneRun
from reproaudit.runs.lab import Lab
from tests.comparison.traces import make_run

RAISED = Outcome(OutcomeKind.RAISED, 1, "ImportError: no lib")
FAILS = AloneRun(1, 2.0, "ImportError: no lib")
KILLED = AloneRun(-11, 2.0, "")
RUNS = AloneRun(0, 2.0, "done")
GOES_ON = AloneRun(None, 20.0, "step 7")
CHANGED = Settings(seed=1, env=(("A", "b"),))


class FakeLab:
    """Says how the program ends alone."""

    printed = "the end of {}"

    def __init__(self, alone: AloneRun | None, settings: Settings, *, fresh: bool) -> None:
        self.settings = settings
        self.gives_fresh_files = fresh
        self.asked: list[str] = []
        self._alone = alone

    def run_alone(self, name: str, *, like: str) -> AloneRun | None:
        self.asked.append(like)
        return self._alone

    def log_of(self, name: str) -> str:
        return self.printed.format(name)


def explain(
    folder: Path,
    alone: AloneRun | None,
    settings: Settings = Settings(),
    *,
    fresh: bool = False,
    outcome: Outcome = RAISED,
) -> tuple[str, FakeLab]:
    lab = FakeLab(alone, settings, fresh=fresh)
    run = make_run(folder, 0, [], outcome=outcome)
    error = make_failure_error(cast(Lab, lab), run, "run-0", "train.py failed")
    assert error.code == "subject-failed"
    assert error.message == f"train.py failed: raised {outcome.detail}"
    hint, _, output = error.hint.partition("; its last output:\n")
    assert output == "the end of run-0"
    return hint, lab


@pytest.mark.parametrize(
    ("alone", "settings", "fresh", "expected"),
    [
        (
            FAILS,
            CHANGED,
            False,
            "it fails without reproaudit as well (no standard input, output in a file): "
            "ImportError: no lib",
        ),
        (
            KILLED,
            Settings(),
            False,
            "it fails without reproaudit as well (no standard input, output in a file): "
            "exit code -11",
        ),
        (
            RUNS,
            Settings(),
            False,
            "it runs alone, and fails only recorded: that is a fault of reproaudit, please report "
            "it",
        ),
        (
            GOES_ON,
            CHANGED,
            False,
            "alone it was still running after 20 s; what was changed for the audit: seed=1, "
            "env.A=b, and that it was recorded",
        ),
        (
            FAILS,
            Settings(),
            True,
            "without the recorder it fails in a copy of the project as well: ImportError: no lib. "
            "Without --fresh-copy it is run in its own place",
        ),
        (
            RUNS,
            Settings(),
            True,
            "it runs alone; what was changed for the audit: files of its own and an empty TMPDIR "
            "(--fresh-copy), and that it was recorded",
        ),
        (
            None,
            CHANGED,
            False,
            "what was changed for the audit: seed=1, env.A=b",
        ),
        (None, Settings(), False, "nothing was changed but that it was recorded"),
    ],
)
def test_nobody_is_sent_to_run_it_alone(
    tmp_path: Path, alone: AloneRun | None, settings: Settings, fresh: bool, expected: str
) -> None:
    hint, lab = explain(tmp_path, alone, settings, fresh=fresh)
    assert hint == expected
    assert lab.asked == ["run-0"]


def test_what_did_nothing_is_told_what_was_changed(tmp_path: Path) -> None:
    for fresh, expected in ((True, "files of its own"), (False, "")):
        lab = cast(Lab, FakeLab(None, Settings(), fresh=fresh))
        error = add_changes(lab, SubjectError("nothing", code="no-training-step", hint="name it"))
        first, _, added = error.hint.partition("\n  what was changed for the audit: ")
        assert first == "name it"
        assert added.startswith(expected)
        assert bool(added) == fresh


def test_a_question_needs_no_further_run(tmp_path: Path) -> None:
    outcome = Outcome(OutcomeKind.RAISED, 1, "EOFError: EOF when reading a line")
    hint, lab = explain(tmp_path, RUNS, outcome=outcome)
    assert hint.startswith("it asks a question, and an audit has no standard input")
    assert lab.asked == []


def test_a_program_that_exits_in_silence_is_said_to_have_done_so(tmp_path: Path) -> None:
    lab = FakeLab(AloneRun(3, 2.0, ""), Settings(), fresh=False)
    lab.printed = ""
    run = make_run(tmp_path, 0, [], outcome=Outcome(OutcomeKind.EXITED, 3, "sys.exit"))
    error = make_failure_error(cast(Lab, lab), run, "run-0", "train.py failed")
    assert error.message == "train.py failed: it ended itself with exit code 3"
    assert error.hint.endswith("exit code 3; it printed nothing")
