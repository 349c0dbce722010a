"""What is known of code before it runs: its statements, and the variables that each names."""

from __future__ import annotations

import dis
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType

from reproaudit.record.hooks import cells
from reproaudit.record.hooks.callsite import name_function
from reproaudit.record.hooks.frame_locals import is_function
from reproaudit.trace.tables import Place

_open_code = io.open_code
_ACCESS = re.compile(
    r"(LOAD|STORE)_(?:FAST|DEREF|CLASSDEREF|CLOSURE|GLOBAL|NAME|FROM_DICT_OR_(?:DEREF|GLOBALS))"
)
# NumPy's; PyTorch's show in the events of ops.
_LEAVES_UNDEFINED = frozenset(("empty", "empty_like", "ndarray"))


class Statement:
    """One statement of one code object: where it stands, what it reads and writes, its runs."""

    __slots__ = ("is_undefined", "place", "reads", "site", "visits", "writes")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.site = -1  # its location id, once something is told of it
        self.reads: dict[str, None] = {}
        self.writes: dict[str, None] = {}
        self.is_undefined = False
        self.visits = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Where code stands: its file as it is shown, its cell of a notebook or 0.

    `starts` maps the further lines of each statement that spans several to its first line, and
    `lines_before` are the lines of the cell above its first.
    """

    path: str
    starts: Mapping[int, int]
    cell: int = 0
    lines_before: int = 0


class Body:
    """One code object of the program: its statements by line."""

    def __init__(self, code: CodeType, source: Source) -> None:
        self.code = code
        self._source = source
        self.is_function = is_function(code)
        self.own_names = frozenset(code.co_varnames + code.co_cellvars + code.co_freevars)
        self.is_comprehension = code.co_varnames[:1] == (".0",)  # or a generator expression
        count = code.co_argcount + code.co_kwonlyargcount
        count += sum(bool(code.co_flags & flag) for flag in (CO_VARARGS, CO_VARKEYWORDS))
        self.parameters = [name for name in code.co_varnames[:count] if is_followed(name)]
        if self.parameters[:1] in (["self"], ["cls"]):
            del self.parameters[0]
        self.calls = 0
        self.calls_from: dict[Statement, int] = {}
        self._statements: dict[int, Statement] = {}
        for line, access, name in _accesses(code):
            statement = self.statement(line)
            if access == "LOAD":
                statement.reads[name] = None
            elif access:
                statement.writes[name] = None
            statement.is_undefined |= name in _LEAVES_UNDEFINED

    def statement(self, line: int) -> Statement:
        source = self._source
        start = source.starts.get(line, line)
        found = self._statements.get(start)
        if found is None:
            shown = start + source.lines_before
            place = (source.path, shown, name_function(self.code), source.cell)
            found = self._statements[start] = Statement(place)
        return found


def _accesses(code: CodeType) -> Iterator[tuple[int, str, str]]:
    """Yield line, "LOAD" or "STORE", and name of each use of a variable; "" for other names."""
    ranges = iter(code.co_lines())
    end, line = 0, None
    for instruction in dis.get_instructions(code):
        while instruction.offset >= end:
            _, end, line = next(ranges)
        found = instruction.argval
        if line is None or not isinstance(found, (str, tuple)):
            continue
        accesses = _ACCESS.findall(instruction.opname)
        # From Python 3.13 on one instruction may name two variables.
        names = found if isinstance(found, tuple) else (found,)
        for access, name in zip(accesses or [""], names, strict=False):
            if isinstance(name, str) and is_followed(name):
                yield line, access, name


def is_followed(name: str) -> bool:
    return not name.startswith((".", "__"))


def _is_code(token: tokenize.TokenInfo) -> bool:
    is_text = bool(token.string.strip())
    return is_text and token.type not in (tokenize.COMMENT, tokenize.ENCODING)


def read_source(filename: str, show: Callable[[str], str]) -> Source:
    """Return what is known of the code of a file; `show` returns its path as it is shown."""
    cell = cells.find_code(filename)
    if cell is None:
        return Source(show(filename), logical_lines(filename))
    starts = logical_lines(filename, cell.text)
    return Source(show(cell.path), starts, cell.cell, cell.lines_before)


def logical_lines(filename: str, text: str | None = None) -> dict[int, int]:
    """Map the further lines of each statement that spans several to its first line.

    `text` is that of code that has no file. Empty where there is no source.
    """
    starts: dict[int, int] = {}
    first = 0
    try:
        with _open_code(filename) if text is None else io.BytesIO(text.encode()) as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.NEWLINE:
                    starts.update((line, first) for line in range(first + 1, token.start[0] + 1))
                    first = 0
                elif not first and _is_code(token):
                    first = token.start[0]
    # It is no file, or no longer what was compiled.
    except (OSError, SyntaxError, ValueError, tokenize.TokenError):
        return starts
    return starts
