"""What a command shows on a real terminal, and that it shows as before everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.report.json_report import to_json
from reproaudit.report.terminal import TerminalOptions, TerminalReport
from tests.report.drawn import DRAWN, make_hostile
from tests.screen import Shown, run_on_terminal

pytestmark = pytest.mark.slow
PLAIN = TerminalReport().render(DRAWN)
WITHOUT_RICH = """
import sys
sys.modules["rich"] = None
from importlib import util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name == "rich" else find(name, *rest)
from reproaudit.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def saved(tmp_path: Path) -> str:
    path = tmp_path / "result.json"
    path.write_text(to_json(DRAWN))
    return str(path)


def report(*words: str, columns: int = 100, **environment: str) -> Shown:
    shown = run_on_terminal(
        ["-m", "reproaudit", "report", *words], columns=columns, environment=environment
    )
    assert shown.code == 1
    return shown


def test_a_terminal_shows_pictures_as_wide_as_it_is(saved: str) -> None:
    shown = report(saved, columns=80)
    assert shown.has_colours
    lines = shown.screen.split("\n")
    assert lines[0].startswith("≠ not reproducible: ")
    assert "Operators where the runs part" in lines
    assert any("❱ 41" in line for line in lines)
    wide = report(saved, columns=160).screen.split("\n")
    assert 80 < max(map(len, wide)) <= 160


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        ((), {"NO_COLOR": "1"}),
        ((), {"TERM": "dumb"}),
        ((), {"PYTHONIOENCODING": "ascii:replace", "NO_COLOR": ""}),
        (("--plain",), {}),
    ],
)
def test_whoever_wants_plain_text_gets_it_to_the_byte(
    words: tuple[str, ...], environment: dict[str, str], saved: str
) -> None:
    shown = report(saved, *words, **environment)
    expected = PLAIN
    if "PYTHONIOENCODING" in environment:
        expected = PLAIN.encode("ascii", "replace").decode()
    assert shown.raw == expected


def test_without_rich_a_terminal_shows_plain_text_in_colours(saved: str) -> None:
    shown = run_on_terminal(["-c", WITHOUT_RICH, "report", saved])
    assert shown.code == 1
    assert shown.raw == TerminalReport(TerminalOptions(colour=True)).render(DRAWN)


def test_a_file_and_a_report_on_stdout_are_plain_on_a_terminal_too(
    saved: str, tmp_path: Path
) -> None:
    written = tmp_path / "report.txt"
    report(saved, "--report", f"terminal={written}")
    assert written.read_text() == PLAIN
    assert report(saved, "--report", "terminal=-").raw == PLAIN


def test_a_hostile_result_gives_the_terminal_no_order(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(to_json(make_hostile()))
    # What stands on the screen can only be read if every sequence is one that colours.
    screen = report(str(path)).screen
    assert r"[bold red]x[/]\x1b[31m\u202e:smile:\n" in screen


def test_an_audit_on_a_terminal_leaves_its_answer_and_no_progress(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text(
        "import torch\nmodel = torch.nn.Linear(2, 2)\n\n"
        "def step():\n    model(torch.ones(3, 2)).sum().backward()\n"
    )
    words = ["--runs", "2", "--steps", "2", "--no-alerts", "--seed", "0", "step.py::step"]
    shown = run_on_terminal(["-m", "reproaudit", *words], cwd=tmp_path)
    assert shown.code == 0
    assert "run 1 of 2" in shown.raw
    assert "run 1 of 2" not in shown.screen
    first, second, *_ = shown.screen.split("\n")
    assert first == "reproducible: 2 runs are bitwise equal over 2 steps"
    assert second.startswith("✓ reproducible: 2 runs are bitwise equal")
