"""A fix as a patch of the user's own file.

Lines are added behind its imports, or the line that is to blame is edited. What to add and what to
edit stands in the table of interventions.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reproaudit.knowledge.interventions import INTERVENTIONS
from reproaudit.knowledge.traits import (
    Intervention,
    LineEdit,
    RenameCalls,
    SetKeyword,
    SortCalls,
)

_SETS = ("set", "frozenset")
_CONSUMERS = ("list", "tuple", "enumerate", "iter", "zip", "map", "fromkeys", "join", "extend")


@dataclass(frozen=True, slots=True)
class _Edit:
    """Bytes from `start` to `end` of the program's text are replaced."""

    start: int
    end: int
    text: str


class _ProgramText:
    """A program's text and syntax.

    Positions are byte offsets: that is how the ast module counts columns.
    """

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self.tree = ast.parse(text)
        self._starts = [0]
        for line in self.data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: ast.expr) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def nodes_at(self, line: int) -> Iterator[ast.AST]:
        """Yield the nodes that begin on the line, and calls of several lines that reach over it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.comprehension):
                if node.target.lineno == line:
                    yield node
            elif isinstance(node, (ast.expr, ast.For)):
                last = node.end_lineno or node.lineno
                is_over = isinstance(node, ast.Call) and node.lineno <= line <= last
                if node.lineno == line or is_over:
                    yield node

    def calls_at(self, line: int) -> Iterator[ast.Call]:
        for node in self.nodes_at(line):
            if isinstance(node, ast.Call):
                yield node

    def count_lines_to_last_import(self) -> int:
        """Return how many lines there are down to the end of the last import at the top level."""
        last = 0
        for node in self.tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                last = max(last, node.end_lineno or 0)
        return last

    def sort(self, node: ast.expr) -> list[_Edit]:
        """Return the edits that put sorted() around an expression."""
        start, end = self.start(node), self.end(node)
        return [_Edit(start, start, "sorted("), _Edit(end, end, ")")]

    def apply(self, edits: Sequence[_Edit]) -> str:
        """Return the program's text with the edits made."""
        data = self.data
        # From the end, so that offsets of edits still to be made stay right.
        in_order = sorted(set(edits), key=lambda edit: (edit.start, edit.end))
        for edit in reversed(in_order):
            data = data[: edit.start] + edit.text.encode() + data[edit.end :]
        return data.decode()


def make_patch(
    text: str, path: str, names: Sequence[str], line: int | None, *, refuses: bool = False
) -> tuple[str, ...]:
    """Return a unified diff of the file that does what the interventions do.

    Empty if that cannot be written for this file. `line` is the finding's, if it lies in this file.
    `refuses`: some operator of the program raises under the determinism flag. The diff is made by
    editing syntax, not by running anything.
    """
    try:
        program = _ProgramText(text)
    except (SyntaxError, ValueError):
        return ()
    edits: list[_Edit] = []
    added: list[str] = []
    for name in names:
        entry = INTERVENTIONS[name]
        found = _edit_line(program, entry.edits, line) if line is not None else []
        if found:
            edits += found
        elif entry.at_start:
            added += [row for row in choose_patch_lines(entry, refuses=refuses) if row not in added]
        else:
            return ()
    present = text.splitlines()
    at = program.count_lines_to_last_import()
    changed = program.apply(edits).splitlines(keepends=True)
    changed[at:at] = [f"{row}\n" for row in added if row not in present]
    before = text.splitlines(keepends=True)
    rows = difflib.unified_diff(before, changed, fromfile=path, tofile=path, n=1)
    return tuple(row.rstrip("\n") for row in rows)


def choose_patch_lines(entry: Intervention, *, refuses: bool) -> tuple[str, ...]:
    """Return the lines to write in place of an intervention.

    `refuses`: some operator of the program raises under the determinism flag.
    """
    if refuses and entry.patch_if_refused:
        return entry.patch_if_refused
    return entry.patch


def _edit_line(program: _ProgramText, edits: Sequence[LineEdit], line: int) -> list[_Edit]:
    """Return the first of the edits that the line has a place for; empty if none has."""
    for edit in edits:
        if isinstance(edit, SortCalls):
            found = _sort_calls(program, edit, line)
        elif isinstance(edit, SetKeyword):
            found = _set_keyword(program, edit, line)
        elif isinstance(edit, RenameCalls):
            found = _rename_calls(program, edit, line)
        else:
            found = _sort_iterated(program, line)
        if found:
            return found
    return []


def _name_called(call: ast.Call) -> str:
    """Return the last name of what is called; "" for what has no name."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _sort_iterated(program: _ProgramText, line: int) -> list[_Edit]:
    """Sort what the line iterates over: a set that is made there, else a plain name."""
    consumed: list[ast.expr] = []
    for node in program.nodes_at(line):
        if isinstance(node, (ast.comprehension, ast.For)):
            consumed.append(node.iter)
        elif isinstance(node, ast.Call) and _name_called(node) in _CONSUMERS:
            consumed += node.args
    for node in consumed:
        if _makes_set(node):
            return program.sort(node)
    for node in consumed:
        if isinstance(node, (ast.Name, ast.Attribute)):
            return program.sort(node)
    return []


def _makes_set(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return _name_called(node) in _SETS
    return isinstance(node, (ast.Set, ast.SetComp))


def _sort_calls(program: _ProgramText, edit: SortCalls, line: int) -> list[_Edit]:
    for call in program.calls_at(line):
        if _name_called(call) in edit.functions:
            return program.sort(call)
    return []


def _set_keyword(program: _ProgramText, edit: SetKeyword, line: int) -> list[_Edit]:
    for call in program.calls_at(line):
        for keyword in call.keywords:
            if keyword.arg == edit.name:
                start, end = program.start(keyword.value), program.end(keyword.value)
                return [_Edit(start, end, edit.value)]
    return []


def _rename_calls(program: _ProgramText, edit: RenameCalls, line: int) -> list[_Edit]:
    for call in program.calls_at(line):
        name = _name_called(call)
        has_arguments = bool(call.args or call.keywords)
        if name not in edit.names or (edit.only_bare and has_arguments):
            continue
        end = program.end(call.func)
        edits = [_Edit(end - len(name.encode()), end, edit.names[name])]
        if edit.arguments is not None:
            edits.append(_Edit(end, program.end(call), f"({edit.arguments})"))
        return edits
    return []
