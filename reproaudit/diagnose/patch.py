"""A fix as a patch of the user's own file.

Lines are added behind its imports, or the line that is to blame is edited. What to add and what to
edit stands in the table of interventions.
"""

from __future__ import annotations

import ast
import difflib
import io
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
        # Where each line starts; the last number is the end of the text.
        self._starts = [0]
        end = 0
        for line in self.data.splitlines(keepends=True):
            end += len(line)
            self._starts.append(end)

    def find_start(self, node: ast.expr) -> int:
        line_start = self._starts[node.lineno - 1]
        return line_start + node.col_offset

    def find_end(self, node: ast.expr) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        line_start = self._starts[node.end_lineno - 1]
        return line_start + node.end_col_offset

    def find_nodes(self, line: int) -> Iterator[ast.AST]:
        """Yield the nodes that begin on the line, and calls of several lines that reach over it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.comprehension):
                # It has no position of its own, its target does.
                if node.target.lineno == line:
                    yield node
            elif isinstance(node, ast.Call):
                # A finding names the line of a frame, which may be that of an argument.
                last = node.end_lineno or node.lineno
                if node.lineno <= line <= last:
                    yield node
            elif isinstance(node, (ast.expr, ast.For)):
                if node.lineno == line:
                    yield node

    def find_calls(self, line: int) -> Iterator[ast.Call]:
        for node in self.find_nodes(line):
            if isinstance(node, ast.Call):
                yield node

    def find_end_of_imports(self) -> int:
        """Return where the line behind the last import at the top level starts."""
        last = 0
        for node in self.tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                end = node.end_lineno or 0
                last = max(last, end)
        return self._starts[last]

    def sort(self, node: ast.expr) -> list[_Edit]:
        """Return the edits that put sorted() around an expression."""
        start = self.find_start(node)
        end = self.find_end(node)
        before = _Edit(start, start, "sorted(")
        after = _Edit(end, end, ")")
        return [before, after]

    def apply(self, edits: Sequence[_Edit]) -> str:
        """Return the program's text with the edits made."""
        data = self.data
        # As a set: two interventions may ask for the same edit, and it is made once.
        in_order = sorted(set(edits), key=_read_position)
        # From the end, so that offsets of edits still to be made stay right.
        for edit in reversed(in_order):
            before = data[: edit.start]
            after = data[edit.end :]
            data = before + edit.text.encode() + after
        return data.decode()


def _read_position(edit: _Edit) -> tuple[int, int]:
    return edit.start, edit.end


def _split_lines(text: str) -> list[str]:
    """Return the lines with their ends, as Python and `patch` count them.

    `str.splitlines` also divides at form feeds and other characters that end no line of a program.
    """
    return io.StringIO(text, newline="").readlines()


def make_patch(
    text: str,
    path: str,
    names: Sequence[str],
    line: int | None,
    *,
    refuses: bool = False,
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
        # An edit of the line to blame says more than lines at the start of the program.
        found: list[_Edit] = []
        if line is not None:
            found = _edit_line(program, entry.edits, line)
        if found:
            edits += found
        elif entry.at_start:
            added += choose_patch_lines(entry, refuses=refuses)
        else:
            # Half a fix would look like a whole one.
            return ()
    before = _split_lines(text)
    present = {row.rstrip("\r\n") for row in before}
    missing = [f"{row}\n" for row in dict.fromkeys(added) if row not in present]
    at = program.find_end_of_imports()
    changed = program.apply([*edits, _Edit(at, at, "".join(missing))])
    rows = difflib.unified_diff(
        before,
        _split_lines(changed),
        fromfile=path,
        tofile=path,
        n=1,
    )
    return tuple(row.rstrip("\n") for row in rows)


def choose_patch_lines(entry: Intervention, *, refuses: bool) -> tuple[str, ...]:
    """Return the lines to write in place of an intervention.

    `refuses`: some operator of the program raises under the determinism flag.
    """
    if refuses and entry.patch_if_refused:
        return entry.patch_if_refused
    return entry.patch


def _edit_line(
    program: _ProgramText,
    edits: Sequence[LineEdit],
    line: int,
) -> list[_Edit]:
    """Return the first of the edits that the line has a place for; empty if none has."""
    for edit in edits:
        if isinstance(edit, SortCalls):
            found = _sort_calls(program, edit, line)
        elif isinstance(edit, SetKeyword):
            found = _set_keyword(program, edit, line)
        elif isinstance(edit, RenameCalls):
            found = _rename_calls(program, edit, line)
        else:
            found = _sort_iterable(program, line)
        if found:
            return found
    return []


def _read_function_name(call: ast.Call) -> str:
    """Return the last name of what is called; "" for what has no name."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    if isinstance(function, ast.Name):
        return function.id
    return ""


def _sort_iterable(program: _ProgramText, line: int) -> list[_Edit]:
    """Sort what the line iterates over: a set that is made there, else a plain name."""
    consumed: list[ast.expr] = []
    for node in program.find_nodes(line):
        if isinstance(node, (ast.comprehension, ast.For)):
            consumed.append(node.iter)
        elif isinstance(node, ast.Call):
            name = _read_function_name(node)
            if name in _CONSUMERS:
                consumed += node.args
    for node in consumed:
        if _makes_set(node):
            return program.sort(node)
    # Whether a name holds a set cannot be seen, but some iteration of this line has no order.
    for node in consumed:
        if isinstance(node, (ast.Name, ast.Attribute)):
            return program.sort(node)
    return []


def _makes_set(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return _read_function_name(node) in _SETS
    return isinstance(node, (ast.Set, ast.SetComp))


def _sort_calls(program: _ProgramText, edit: SortCalls, line: int) -> list[_Edit]:
    for call in program.find_calls(line):
        name = _read_function_name(call)
        if name in edit.functions:
            return program.sort(call)
    return []


def _set_keyword(program: _ProgramText, edit: SetKeyword, line: int) -> list[_Edit]:
    for call in program.find_calls(line):
        for keyword in call.keywords:
            if keyword.arg != edit.name:
                continue
            start = program.find_start(keyword.value)
            end = program.find_end(keyword.value)
            return [_Edit(start, end, edit.value)]
    return []


def _rename_calls(
    program: _ProgramText,
    edit: RenameCalls,
    line: int,
) -> list[_Edit]:
    for call in program.find_calls(line):
        name = _read_function_name(call)
        if name not in edit.names:
            continue
        has_arguments = bool(call.args or call.keywords)
        if edit.only_bare and has_arguments:
            continue
        # The last name alone, so that `np.random.default_rng` keeps what stands before it.
        end = program.find_end(call.func)
        start = end - len(name.encode())
        new_name = edit.names[name]
        edits = [_Edit(start, end, new_name)]
        if edit.arguments is not None:
            arguments = f"({edit.arguments})"
            end_of_call = program.find_end(call)
            edits.append(_Edit(end, end_of_call, arguments))
        return edits
    return []
