"""The command from its first import on: interrupts, signals, and what cannot start."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence

import pytest

from reproaudit import __main__ as entry
from reproaudit.cli import main as main_module
from reproaudit.cli import traces


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Failing:
    """An import hook: the command's own module cannot be imported."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name == "reproaudit.cli.main":
            raise self._error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "reproaudit: interrupted\n"),
        (
            ModuleNotFoundError("No module named 'numpy'"),
            "reproaudit: error: cannot start: ModuleNotFoundError: No module named 'numpy' "
            "[internal]\n",
        ),
    ],
    ids=["interrupted", "broken"],
)
def test_what_ends_the_imports_costs_one_line_and_never_exit_code_1(
    error: BaseException,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delitem(sys.modules, "reproaudit.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Failing(error), *sys.meta_path])
    assert entry.run() == 2
    assert capsys.readouterr().err == said


def test_a_signal_that_was_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(words: list[str]) -> int:
        seen.extend([signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM)])
        return 0

    monkeypatch.setattr(traces, "explain", look)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    assert main_module.main(["explain"]) == 0
    assert seen[0] is signal.SIG_IGN
    assert callable(seen[1])
