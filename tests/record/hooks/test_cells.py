"""Which code is of which cell, and whose code it then is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from reproaudit.record.hooks import cells
from reproaudit.record.hooks.callsite import LIBRARY, OWN, USER, FrameKinds, find_line
from reproaudit.record.hooks.cells import CellCode
from reproaudit.record.lines.statements import Body, read_source

NAME = "<timed exec>"
SOURCE = "import sys\n\ndef look():\n    return sys._getframe()\nfound = look()\n"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    cells._known.clear()


def look(source: str) -> FrameType:
    scope: dict[str, FrameType] = {}
    exec(compile(source, NAME, "exec"), scope)
    return scope["found"]


def test_code_is_the_programs_only_while_its_name_is_a_cells() -> None:
    kinds = FrameKinds()
    assert kinds.of_file(NAME) == OWN
    cells.name_code(NAME, CellCode("/project/n.ipynb", 4, 1, SOURCE))
    assert kinds.of_file(NAME) == USER
    cells.forget_code(NAME)
    assert kinds.of_file(NAME) == OWN


def test_the_line_of_a_cell_counts_what_stands_above_its_code() -> None:
    cells.name_code(NAME, CellCode("/project/n.ipynb", 4, 1, SOURCE))
    assert find_line(look(SOURCE)) == ("/project/n.ipynb", 5, "look", 4)


def test_a_file_has_no_cell() -> None:
    path, _, function, cell = find_line(sys._getframe())
    assert (path, function, cell) == (__file__, "test_a_file_has_no_cell", 0)


def test_what_executes_cells_is_no_library_of_the_program() -> None:
    file = str(Path("/venv/lib/site-packages/ipykernel/kernelbase.py"))
    assert FrameKinds().of_file(file) == LIBRARY
    cells.name_code("cell", CellCode("/project/n.ipynb", 1, 0, ""))
    assert FrameKinds().of_file(file) == OWN


def test_statements_of_a_cell_have_its_number_and_lines() -> None:
    cells.name_code(NAME, CellCode("/project/n.ipynb", 2, 3, "x = (\n  1)\n"))
    body = Body(compile("x = (\n  1)\n", NAME, "exec"), read_source(NAME, str.upper))
    assert body.statement(2).place == ("/PROJECT/N.IPYNB", 4, "<module>", 2)


def test_what_ipython_puts_beside_the_variables_of_cells_is_none_of_theirs() -> None:
    names = ("exit", "In", "_", "_i3", "_12", "_oh", "index", "_items", "i3", "_i_3")
    assert not any(map(cells.is_of_shell, names))
    cells.name_code("cell", CellCode("/project/n.ipynb", 1, 0, ""))
    assert [name for name in names if cells.is_of_shell(name)] == [*names[:6]]
