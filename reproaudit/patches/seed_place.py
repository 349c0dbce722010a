"""Where lines such as a seed go into a program: before its first draw, or to the other seeds."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reproaudit.patches.first_draw import SEEDING, could_draw, find_first_draw, read_names
from reproaudit.patches.program_text import Edit, ProgramText

_DEEPEST = 4  # functions that call one another, from the program's first line to the place


@dataclass(frozen=True, slots=True)
class _Place:
    """Before the statement of this number in a block; behind the last one if there is none."""

    block: list[ast.stmt]
    number: int
    owner: ast.AST


@dataclass(frozen=True, slots=True)
class _Addition:
    """Lines that need a library, by the name under which they know it."""

    library: str
    lines: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """True if each line is about the library alone, under whatever name."""
        return all(line.startswith(f"{self.library}.") for line in self.lines)

    def write(self, name: str | None) -> list[str]:
        """Return the lines where the library is bound to a name; imported if it has none."""
        if name == self.library:
            return list(self.lines)
        if name is None or not self.is_plain:
            return [f"import {self.library}", *self.lines]
        written: list[str] = []
        for line in self.lines:
            rest = line.removeprefix(f"{self.library}.")
            written.append(f"{name}.{rest}")
        return written


class SeedPlaces:
    """Finds where a program has room for lines that must come before what they govern.

    `folder` is where modules of the program's own lie.
    """

    def __init__(self, program: ProgramText, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._body = program.tree.body
        self._first_draw = find_first_draw(self._body, folder)
        self._places: dict[ast.stmt, _Place] = {}
        self._note_places(program.tree)

    def add_at_start(self, entries: Sequence[Sequence[str]]) -> list[Edit]:
        """Return the edits that put the lines directly behind the import of their library.

        Where that comes too late, or not at all, it is imported before the first statement that
        could draw.
        """
        lines: dict[int, list[str]] = {}
        for entry in entries:
            addition = _read_addition(entry)
            number, name = self._find_import(addition.library)
            lines.setdefault(number, []).extend(addition.write(name))
        edits: list[Edit] = []
        for number, texts in lines.items():
            place = _Place(self._body, number, self._program.tree)
            edits.append(self._insert(place, list(dict.fromkeys(texts))))
        return edits

    def add_beside_seeds(self, entries: Sequence[Sequence[str]]) -> list[Edit]:
        """Return the edits that put the lines behind a seed that the program sets at its start.

        Empty if there is none that surely comes before all draws, or if it is of the same kind: it
        was not enough.
        """
        additions = [_read_addition(entry) for entry in entries]
        found = self._find_seed(additions)
        if found is None:
            return []
        lines: list[str] = []
        for addition in additions:
            lines += addition.write(self._find_bound_name(addition.library, found))
        behind = _Place(found.block, found.number + 1, found.owner)
        indent = self._program.read_indent(found.block[found.number])
        if indent.strip():
            return []
        return [self._insert(behind, list(dict.fromkeys(lines)), indent)]

    # At the start

    def _find_import(self, library: str) -> tuple[int, str | None]:
        """Return the number of the statement to stand before, and the library's name there."""
        partial: int | None = None
        for number, statement in enumerate(self._body[: self._first_draw]):
            name = _find_binding(statement, library)
            if name is not None:
                return number + 1, name
            if partial is None and _imports_part_of(statement, library):
                partial = number
        if partial is not None:
            return partial + 1, None
        return self._first_draw, None

    # Beside other seeds

    def _find_seed(self, additions: Sequence[_Addition]) -> _Place | None:
        wanted = {line.partition("(")[0] for addition in additions for line in addition.lines}
        found: _Place | None = None
        for statement, place in self._places.items():
            call = _read_call(statement)
            if call is None:
                continue
            first, last = read_names(call.func)
            if last not in SEEDING or first == "self":
                continue
            if self._name_in_full(call) in wanted:
                return None
            if found is None and self._is_early(statement, _DEEPEST):
                found = place
        return found

    def _name_in_full(self, call: ast.Call) -> str:
        """Return the called name with its library's own name: `numpy.random.seed`."""
        first, _ = read_names(call.func)
        written = ast.unparse(call.func)
        for statement in self._body:
            if isinstance(statement, ast.Import):
                for alias in statement.names:
                    if alias.asname == first:
                        return alias.name + written.removeprefix(first)
        return written

    def _is_early(self, statement: ast.stmt, deepest: int) -> bool:
        """Return True if nothing that could draw runs before the statement, and it surely runs."""
        place = self._places[statement]
        for earlier in place.block[: place.number]:
            if could_draw(earlier, self._folder):
                return False
        owner = place.owner
        if isinstance(owner, ast.Module):
            return True
        if isinstance(owner, ast.If) and "__name__" in ast.unparse(owner.test):
            return self._is_early(owner, deepest)
        if not isinstance(owner, ast.FunctionDef) or not deepest:
            return False
        for caller in self._places:
            call = _read_call(caller)
            if call is not None and ast.unparse(call.func) == owner.name:
                return self._is_early(caller, deepest - 1)
        return False

    def _find_bound_name(self, library: str, place: _Place) -> str | None:
        known = self._body
        if place.block is self._body:
            known = self._body[: place.number]
        for statement in known:
            name = _find_binding(statement, library)
            if name is not None:
                return name
        return None

    # Both

    def _note_places(self, owner: ast.AST) -> None:
        """Note where each statement stands, in the order of the text."""
        for block in _list_blocks(owner):
            for number, statement in enumerate(block):
                self._places[statement] = _Place(block, number, owner)
                self._note_places(statement)

    def _insert(self, place: _Place, lines: Sequence[str], indent: str = "") -> Edit:
        program = self._program
        previous = place.block[place.number - 1] if place.number else None
        following: ast.stmt | None = None
        if place.number < len(place.block):
            following = place.block[place.number]
        if previous is not None and following is not None:
            if following.lineno == previous.end_lineno:
                at = program.find_start(following)
                return Edit(at, at, "; ".join([*lines, ""]))
        at = program.find_line_start(1)
        if previous is not None:
            assert previous.end_lineno is not None
            at = program.find_line_start(previous.end_lineno + 1)
        elif following is not None:
            at = program.find_line_start(_find_first_line(following))
        newline = program.newline
        text = "".join(f"{indent}{line}{newline}" for line in lines)
        is_at_end = at == len(program.data)
        if is_at_end and program.data and not program.data.endswith(b"\n"):
            text = newline + text.removesuffix(newline)
        return Edit(at, at, text)


def _read_addition(entry: Sequence[str]) -> _Addition:
    imports = [line for line in entry if line.startswith("import ")]
    lines = tuple(line for line in entry if not line.startswith("import "))
    library = lines[0].partition(".")[0]
    if imports:
        library = imports[0].removeprefix("import ")
    return _Addition(library, lines)


def _find_binding(statement: ast.stmt, library: str) -> str | None:
    """Return the name that an import gives to the library itself; None if it gives none."""
    if not isinstance(statement, ast.Import):
        return None
    for alias in statement.names:
        if alias.name == library:
            return alias.asname or library
        if alias.asname is None and alias.name.startswith(f"{library}."):
            return library
    return None


def _imports_part_of(statement: ast.stmt, library: str) -> bool:
    names: list[str] = []
    if isinstance(statement, ast.Import):
        names = [alias.name for alias in statement.names]
    elif isinstance(statement, ast.ImportFrom) and statement.module:
        names = [statement.module]
    return any(name.partition(".")[0] == library for name in names)


def _read_call(statement: ast.stmt) -> ast.Call | None:
    """Return the call that a statement is, or whose result it assigns or returns."""
    value: ast.expr | None = None
    if isinstance(statement, (ast.Expr, ast.Assign, ast.Return)):
        value = statement.value
    return value if isinstance(value, ast.Call) else None


def _list_blocks(owner: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(owner, name, None)
        if isinstance(block, list):
            yield block
    for handler in getattr(owner, "handlers", []):
        yield from _list_blocks(handler)


def _find_first_line(statement: ast.stmt) -> int:
    """Return the line of a statement, or of the first of its decorators."""
    lines = [statement.lineno]
    for decorator in getattr(statement, "decorator_list", []):
        lines.append(decorator.lineno)
    return min(lines)
