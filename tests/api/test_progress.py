"""What a notebook shows while an audit goes on."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from reproaudit.api.progress import NotebookProgress, choose_progress, is_notebook
from reproaudit.model.early import EarlyFact
from reproaudit.runs.progress import LineProgress, Quiet


class Output:
    """Stands in for the output of a cell: all that it was told to show, in turn."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, content: dict[str, str], **options: Any) -> Output:
        self.shown.append(content["text/plain"])
        return self

    def update(self, content: dict[str, str], **options: Any) -> None:
        self.shown.append(content["text/plain"])


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Output:
    found = Output()
    ipython: Any = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    display: Any = ModuleType("IPython.display")
    display.display = found.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return found


def word(fact: EarlyFact) -> tuple[str, ...]:
    return (f"known: {fact}",)


def test_what_is_known_stays_and_how_far_it_is_goes(output: Output) -> None:
    now = [0.0]
    progress = NotebookProgress(word, lambda: now[0])
    progress.stage("run 1 of 2", 10)
    progress.step(1)  # at once after the last output: not shown
    now[0] = 1.0
    progress.step(2)
    progress.tell("a verdict")  # type: ignore[arg-type]
    progress.stage("run 2 of 2\x1b[31m", None)
    progress.close()
    assert output.shown == [
        "run 1 of 2: 0/10 steps",
        "run 1 of 2: 2/10 steps",
        "known: a verdict\nrun 1 of 2: 2/10 steps",
        "known: a verdict\nrun 2 of 2\\x1b[31m",
        "known: a verdict",
    ]


def test_a_notebook_is_told_from_a_terminal(output: Output) -> None:
    assert is_notebook()
    assert isinstance(choose_progress(False, word), NotebookProgress)
    assert isinstance(choose_progress(True, word), Quiet)


def test_without_a_kernel_progress_is_the_command_line_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not is_notebook()
    assert isinstance(choose_progress(False, word), LineProgress)
