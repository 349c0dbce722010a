"""Which cell of a notebook is executed, what its code is called, and how the notebook ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from reproaudit.config.notebook import Cell, Notebook
from reproaudit.model.events import Outcome, OutcomeKind
from reproaudit.record.hooks import cells
from reproaudit.record.process.notebook import CellProgress


class Shell:
    """Stands in for IPython's shell: names code by its text, and runs nothing."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[Any], None]] = {}
        self.events = SimpleNamespace(register=self.handlers.__setitem__)
        self.compile = SimpleNamespace(cache=self.cache)

    def cache(self, transformed: str, number: int = 0, raw_code: str | None = None) -> str:
        return f"/tmp/ipykernel_1/{raw_code}"

    def run(
        self, source: str, error: BaseException | None = None, *, inner: str = "", kept: bool = True
    ) -> str:
        """Execute a cell, which may run a part of itself; return the name of its code."""
        info = SimpleNamespace(raw_cell=source, store_history=kept)
        self.handlers["pre_run_cell"](info)
        name = str(self.compile.cache(source.lstrip("\n"), raw_code=source))
        if inner:
            name = self.run(inner, kept=False)
        result = SimpleNamespace(info=info, error_before_exec=None, error_in_exec=error)
        self.handlers["post_run_cell"](result)
        return name


ENDS: list[Outcome] = []


@pytest.fixture
def shell() -> Iterator[Shell]:
    made = Shell()
    sources = ("a = 1", "train()", "\n\nb", "%%capture out\nc = 1\nd", "train()", "e")
    found = [Cell(place, source) for place, source in enumerate(sources, start=1)]
    found[5] = Cell(6, "e", may_fail=True)
    ENDS.clear()
    notebook = Notebook(tuple(found))
    CellProgress("/project/n.ipynb", notebook, made.compile, ENDS.append).watch(made)
    yield made
    cells._known.clear()


def place(name: str, line: int = 1) -> tuple[int, int]:
    """Return the cell and the line of it at which line `line` of the code stands."""
    code = cells.find_code(name)
    assert code is not None
    return code.cell, code.line(line)


def test_of_two_cells_with_one_text_the_one_whose_turn_it_is_stands(shell: Shell) -> None:
    shell.run("a = 1")
    assert place(shell.run("train()")) == (2, 1)
    shell.run("\n\nb")
    assert place(shell.run("train()")) == (5, 1)


def test_empty_lines_above_count_though_ipython_drops_them(shell: Shell) -> None:
    assert place(shell.run("\n\nb")) == (3, 3)


def test_what_a_magic_runs_of_its_cell_has_the_lines_of_the_cell(shell: Shell) -> None:
    name = shell.run("%%capture out\nc = 1\nd", inner="c = 1\nd")
    assert place(name, 2) == (4, 3)
    assert place("<timed exec>") == (4, 2)
    shell.run("train()")
    assert cells.find_code("<timed exec>") is None


def test_code_that_is_of_no_cell_keeps_its_name(shell: Shell) -> None:
    assert cells.find_code(shell.run("import debugger_of_jupyter")) is None


def test_the_notebook_ends_as_its_last_cell_did(shell: Shell) -> None:
    shell.run("a = 1")
    assert ENDS[-1] == Outcome(OutcomeKind.COMPLETED, 0)
    shell.run("train()", ZeroDivisionError("division by zero"))
    said = "in cell 2: ZeroDivisionError: division by zero"
    assert ENDS[-1] == Outcome(OutcomeKind.RAISED, 1, said)
    shell.run("\n\nb", SystemExit(3))
    assert ENDS[-1] == Outcome(OutcomeKind.EXITED, 3, "in cell 3: sys.exit")


def test_a_cell_whose_tag_allows_an_error_does_not_fail_the_notebook(shell: Shell) -> None:
    shell.run("e", ValueError("wanted"))
    assert [Outcome(OutcomeKind.COMPLETED, 0)] == ENDS
