"""A program's text beside its syntax, the edits that change it, and the difference as a patch."""

from __future__ import annotations

import ast
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_BYTE_ORDER_MARK = "\ufeff"
_NO_NEWLINE = "\\ No newline at end of file"
# Names that `patch` reads only between quotes.
_NEEDS_QUOTES = re.compile(r'[\s"\\\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes from `start` to `end` of the program's text are replaced."""

    start: int
    end: int
    text: str


class ProgramText:
    """A program's text and syntax.

    Positions are byte offsets: that is how the ast module counts columns. Raises SyntaxError or
    ValueError for text that is no Python, or whose lines `patch` would count otherwise.
    """

    def __init__(self, text: str) -> None:
        mark = ""
        if text.startswith(_BYTE_ORDER_MARK):
            mark = _BYTE_ORDER_MARK
        if "\r" in text.replace("\r\n", ""):
            raise ValueError("lines that end in a carriage return alone")
        self.text = text
        self.data = text.encode()
        self.tree = ast.parse(text.removeprefix(mark))
        self.newline = "\r\n" if "\r\n" in text else "\n"
        # Where each line starts; the last number is the end of the text.
        self._starts = [0]
        end = 0
        for line in self.data.splitlines(keepends=True):
            end += len(line)
            self._starts.append(end)
        self._starts[0] = len(mark.encode())

    def find_start(self, node: ast.expr | ast.stmt) -> int:
        line_start = self._starts[node.lineno - 1]
        return line_start + node.col_offset

    def find_end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        line_start = self._starts[node.end_lineno - 1]
        return line_start + node.end_col_offset

    def find_line_start(self, line: int) -> int:
        """Return where the line starts, counted from 1; the line behind the last is the end."""
        return self._starts[min(line, len(self._starts)) - 1]

    def read_indent(self, node: ast.stmt) -> str:
        """Return what stands before a statement on its line."""
        line_start = self._starts[node.lineno - 1]
        return self.data[line_start : self.find_start(node)].decode()

    def group_nodes(self, line: int) -> Iterator[list[ast.AST]]:
        """Yield the nodes that begin on the line, then all of the statement that it belongs to.

        A finding names the line of a frame, which may be that of an argument.
        """
        exact = [node for node in ast.walk(self.tree) if _begins_on(node, line)]
        yield exact
        statement = self._find_statement(line)
        if statement is not None:
            yield list(_walk_statement(statement))

    def _find_statement(self, line: int) -> ast.stmt | None:
        """Return the innermost statement that reaches over the line."""
        found: ast.stmt | None = None
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.stmt):
                continue
            last = node.end_lineno or node.lineno
            # Inner ones are walked later than outer ones.
            if node.lineno <= line <= last:
                found = node
        return found

    def apply(self, edits: Sequence[Edit]) -> str:
        """Return the program's text with the edits made.

        Edits at one place are made in the order in which they are given.
        """
        data = self.data
        # Two interventions may ask for the same edit, and it is made once.
        in_order = sorted(dict.fromkeys(edits), key=_read_position)
        # From the end, so that offsets of edits still to be made stay right.
        for edit in reversed(in_order):
            before = data[: edit.start]
            after = data[edit.end :]
            data = before + edit.text.encode() + after
        return data.decode()


def read_function_name(call: ast.Call) -> str:
    """Return the last name of what is called; "" for what has no name."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    if isinstance(function, ast.Name):
        return function.id
    return ""


def find_assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what the nodes assign, each beside the text of the target that it is given to."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield ast.unparse(target), node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield ast.unparse(node.target), node.value


def make_diff(before: str, after: str, path: str) -> tuple[str, ...]:
    """Return the unified diff of two texts of a file, as lines for `patch -p0`."""
    name = quote_path(path)
    rows = difflib.unified_diff(
        split_lines(before),
        split_lines(after),
        fromfile=name,
        tofile=name,
        n=1,
    )
    shown: list[str] = []
    for row in rows:
        shown.append(row.removesuffix("\n"))
        if not row.endswith("\n"):
            shown.append(_NO_NEWLINE)
    return tuple(shown)


def quote_path(path: str) -> str:
    """Return the name of a file as `patch` reads it: in C's quotes where it would end early."""
    if not _NEEDS_QUOTES.search(path):
        return path
    letters: list[str] = []
    for letter in path:
        if letter in '"\\':
            letters.append(f"\\{letter}")
        elif letter < " " or letter == "\x7f":
            letters.append(f"\\{ord(letter):03o}")
        else:
            letters.append(letter)
    quoted = "".join(letters)
    return f'"{quoted}"'


def split_lines(text: str) -> list[str]:
    """Return the lines with their ends, as Python and `patch` count them.

    `str.splitlines` also divides at form feeds and other characters that end no line of a program.
    """
    return io.StringIO(text, newline="").readlines()


def add_import(program: ProgramText, module: str) -> list[Edit]:
    """Return the edit that imports a module before all else, if the file does not import it."""
    for statement in program.tree.body:
        if isinstance(statement, ast.Import):
            if any(alias.name == module and not alias.asname for alias in statement.names):
                return []
    at = program.find_line_start(1)
    for statement in program.tree.body:
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_first = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not is_text and not is_first:
            decorators = getattr(statement, "decorator_list", [])
            line = min([statement.lineno, *(node.lineno for node in decorators)])
            at = program.find_line_start(line)
            break
    return [Edit(at, at, f"import {module}{program.newline}")]


def _read_position(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def _begins_on(node: ast.AST, line: int) -> bool:
    if isinstance(node, ast.comprehension):
        # It has no position of its own, its target does.
        return node.target.lineno == line
    if isinstance(node, ast.Call):
        last = node.end_lineno or node.lineno
        return node.lineno <= line <= last
    if isinstance(node, (ast.expr, ast.For, ast.Assign)):
        return node.lineno == line
    return False


def _walk_statement(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement, without the statements inside it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        yield node
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.stmt, ast.ExceptHandler)):
                waiting.append(child)
