"""The progress line that rich draws: what stands there, what stays, and that no name is obeyed."""

from __future__ import annotations

import io
import sys

import pytest

from reproaudit.model.early import EarlyFact, TrialMade
from reproaudit.model.result import Trial
from reproaudit.runs.progress import DrawnProgress, Prefixed, TerminalProgress, progress_for
from reproaudit.runs.rich_progress import RichLine
from tests.screen import read_screen

FACT = TrialMade(Trial(("hash.seed",), runs=3, is_equal=True))
HOSTILE = "[bold red]x[/] :smile: \x1b[2J\n"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def open_screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of standard error."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


def test_a_line_shows_the_run_its_steps_and_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = open_screen(monkeypatch)
    clock = Clock()
    line = RichLine(clock)
    line.stage("run 1 of 5", 10, 4)
    assert read_screen(screen.getvalue()).split() == [
        "run",
        "1",
        "of",
        "5",
        "━" * 24,
        "0/10",
        "steps",
    ]
    for done in range(1, 6):
        clock.now_s = 10.0 * done
        line.step(done)
    shown = read_screen(screen.getvalue())
    # Half of a run of 100 s, and four more.
    assert shown.endswith("5/10 steps, about 8 min left")
    assert "\n" not in shown
    clock.now_s = 60
    line.stage("run 2 of 5", 10, 3)
    assert read_screen(screen.getvalue()).endswith("0/10 steps, about 4 min left")
    line.close()
    assert read_screen(screen.getvalue()).strip() == ""


def test_nothing_is_said_of_the_time_where_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = open_screen(monkeypatch)
    line = RichLine(Clock())
    line.stage("recording", None)
    line.step(3)
    assert read_screen(screen.getvalue()).split()[0] == "recording"
    assert "left" not in screen.getvalue()
    assert "steps" not in screen.getvalue()
    line.close()


def test_a_line_is_not_drawn_for_each_of_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    clock = Clock()
    line = RichLine(clock)
    line.stage("run 1 of 5", 10_000)
    for done in range(1, 10_000):
        clock.now_s += 0.001
        line.step(done)
    drawn = screen.getvalue().count("steps")
    line.close()
    assert 80 < drawn < 120


def test_the_furthest_of_several_processes_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    clock = Clock()
    line = RichLine(clock)
    line.stage("run 1 of 5", 10)
    for done in (7, 3):
        clock.now_s += 1
        line.step(done)
    assert "7/10 steps" in read_screen(screen.getvalue())
    line.close()


def test_what_is_known_stays_above_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    progress = DrawnProgress(lambda fact: ("it differs", "because of \x1b[2J"))
    progress.tell(FACT)
    progress.stage("run 1 of 5", 10)
    progress.tell(FACT)
    shown = read_screen(screen.getvalue()).split("\n")
    assert shown[:4] == ["it differs", "because of \\x1b[2J"] * 2
    assert shown[4].startswith("run 1 of 5")
    progress.close()
    progress.close()
    assert read_screen(screen.getvalue()).rstrip("\n").split("\n") == shown[:4]


def test_a_name_is_neither_markup_nor_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    progress = Prefixed(DrawnProgress(word), HOSTILE, word)
    progress.stage("run 1 of 5", 10)
    progress.tell(FACT)
    shown = read_screen(screen.getvalue())
    assert shown.count(r"[bold red]x[/] :smile: \x1b[2J\n: ") == 2
    assert "\x1b[2J" not in screen.getvalue()
    progress.close()


def word(fact: EarlyFact) -> tuple[str, ...]:
    return ("known",)


def test_the_cursor_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    progress = DrawnProgress()
    progress.stage("run 1 of 5", 10)
    progress.close()
    assert "\x1b[?25" not in screen.getvalue()


def test_a_narrow_screen_has_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = open_screen(monkeypatch)
    monkeypatch.setenv("COLUMNS", "40")
    progress = DrawnProgress()
    progress.stage("trying kernels.deterministic, run 2", 10)
    assert "\n" not in read_screen(screen.getvalue())
    assert len(read_screen(screen.getvalue())) <= 40
    progress.close()


def test_it_is_drawn_where_the_screen_shows_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    open_screen(monkeypatch)
    assert isinstance(progress_for(quiet=False), DrawnProgress)
    assert isinstance(progress_for(quiet=False, plain=True), TerminalProgress)
    monkeypatch.setenv("NO_COLOR", "1")
    assert isinstance(progress_for(quiet=False), TerminalProgress)
