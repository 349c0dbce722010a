"""What the progress of an audit shows on a terminal, in a log, and where nobody looks."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from reproaudit.model.early import EarlyFact, TrialMade
from reproaudit.model.result import Trial
from reproaudit.runs.progress import (
    LineProgress,
    Prefixed,
    Quiet,
    TerminalProgress,
    progress_for,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_one_line_per_stage_and_none_per_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = LineProgress()
    progress.stage("run 1 of 5", 10)
    progress.step(7)
    progress.close()
    assert capsys.readouterr() == ("", "reproaudit: run 1 of 5\n")


def test_a_prefix_stands_before_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    Prefixed(LineProgress(), "train.py (1 of 2)").stage("run 1 of 5", 10)
    assert capsys.readouterr().err == "reproaudit: train.py (1 of 2): run 1 of 5\n"


@pytest.mark.parametrize("kind", [LineProgress, TerminalProgress])
def test_a_name_from_outside_is_no_command_of_a_terminal_or_a_log(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    progress = Prefixed(kind(), "\x1b[2J\n::error::x")
    progress.stage("run 1 of 5", 10)
    progress.close()
    assert r"\x1b[2J\n::error::x" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()


def test_a_bar_shows_the_furthest_step_and_leaves_no_line_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    progress = TerminalProgress()
    progress.stage("run 1 of 5", 10)
    progress.step(7)
    # Another process of the run may be behind: the bar does not go back.
    progress.step(3)
    progress.stage("run 2 of 5", 10)
    assert "run 1 of 5:   0%" in screen.getvalue()
    assert "run 2 of 5:   0%" in screen.getvalue()
    progress.close()
    assert screen.getvalue().rpartition("\r")[2] == ""
    assert "\n" not in screen.getvalue()


FACT = TrialMade(Trial(("hash.seed",), runs=3, is_equal=True))


def word(fact: EarlyFact) -> tuple[str, ...]:
    assert fact == FACT
    return ("it differs", "because of \x1b[2J")


def test_what_is_known_gets_a_line_each_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    LineProgress(word).tell(FACT)
    Prefixed(LineProgress(), "train.py", word).tell(FACT)
    Quiet().tell(FACT)
    assert capsys.readouterr() == (
        "",
        "reproaudit: it differs\nreproaudit: because of \\x1b[2J\n"
        "reproaudit: train.py: it differs\nreproaudit: train.py: because of \\x1b[2J\n",
    )


def test_what_is_known_stays_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    progress = TerminalProgress(word)
    progress.stage("run 1 of 5", 10)
    progress.tell(FACT)
    progress.close()
    lines = [line.rpartition("\r")[2] for line in screen.getvalue().split("\n")]
    assert lines[:2] == ["it differs", "because of \\x1b[2J"]
    assert lines[2:] == [""]


def test_what_is_shown_fits_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(progress_for(quiet=False), TerminalProgress)
    assert isinstance(progress_for(quiet=True), Quiet)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(progress_for(quiet=False), LineProgress)
