"""A fix as a patch of the user's own file: lines at its start, or an edit of the line that is to
blame."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.knowledge.interventions import INTERVENTIONS

_SETS = ("set", "frozenset")
_CONSUMERS = ("list", "tuple", "enumerate", "iter", "zip", "map", "fromkeys", "join", "extend")
_LISTINGS = ("listdir", "glob", "iglob", "iterdir", "rglob")
_FILLED = {"empty": "zeros", "new_empty": "new_zeros", "empty_like": "zeros_like"}


@dataclass(frozen=True, slots=True)
class _Edit:
    """Bytes from `start` to `end` of the source are replaced."""

    start: int
    end: int
    text: str


class _Source:
    """A program's text, with positions of syntax nodes as byte offsets: that is how the ast module
    counts columns."""

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
        """Yield the nodes that begin on the line or, of a statement of several lines, reach over
        it."""
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.expr, ast.comprehension, ast.For)):
                first = node.target.lineno if isinstance(node, ast.comprehension) else node.lineno
                if first == line or (
                    isinstance(node, ast.Call) and first <= line <= (node.end_lineno or first)
                ):
                    yield node

    def after_imports(self) -> int:
        """Return how many lines there are down to the end of the last import at the top level."""
        return max(
            (
                node.end_lineno or 0
                for node in self.tree.body
                if isinstance(node, (ast.Import, ast.ImportFrom))
            ),
            default=0,
        )

    def wrapped(self, node: ast.expr, function: str) -> list[_Edit]:
        start, end = self.start(node), self.end(node)
        return [_Edit(start, start, f"{function}("), _Edit(end, end, ")")]

    def renamed(self, call: ast.Call, new: str, arguments: str | None = None) -> list[_Edit]:
        """Give a called function another name, and if asked for, other arguments."""
        end = self.end(call.func)
        edits = [_Edit(end - len(_called(call).encode()), end, new)]
        return (
            edits if arguments is None else [*edits, _Edit(end, self.end(call), f"({arguments})")]
        )


def ready_patch(text: str, path: str, names: Sequence[str], line: int | None) -> tuple[str, ...]:
    """Return a unified diff of the file that does what the interventions do; empty if that cannot
    be written for it.

    `line` is the finding's, if it lies in this file. The diff is made by editing syntax, not by
    running anything.
    """
    try:
        source = _Source(text)
    except (SyntaxError, ValueError):
        return ()
    edits: list[_Edit] = []
    start: list[str] = []
    for name in names:
        found = _EDITS[name](source, line) if name in _EDITS and line is not None else []
        if found:
            edits += found
        elif INTERVENTIONS[name].at_start:
            start += [row for row in INTERVENTIONS[name].patch if row not in start]
        else:
            return ()
    changed = _edited(source, edits).decode().splitlines(keepends=True)
    at = source.after_imports()
    bound = text.splitlines()
    changed[at:at] = [f"{row}\n" for row in start if row not in bound]
    before = text.splitlines(keepends=True)
    return tuple(row.rstrip("\n") for row in difflib.unified_diff(before, changed, path, path, n=1))


def _edited(source: _Source, edits: Sequence[_Edit]) -> bytes:
    data = source.data
    for edit in sorted(set(edits), key=lambda edit: (edit.start, edit.end), reverse=True):
        data = data[: edit.start] + edit.text.encode() + data[edit.end :]
    return data


# -- edits of the line that is to blame
# --------------------------------------------------------------------------------


def _calls(source: _Source, line: int, names: Sequence[str]) -> Iterator[ast.Call]:
    for node in source.nodes_at(line):
        if isinstance(node, ast.Call) and _called(node) in names:
            yield node


def _called(call: ast.Call) -> str:
    function = call.func
    return (
        function.attr
        if isinstance(function, ast.Attribute)
        else function.id
        if isinstance(function, ast.Name)
        else ""
    )


def _sorted_iteration(source: _Source, line: int) -> list[_Edit]:
    """Sort what the line iterates over: a set that is made there, else a plain name."""
    consumed: list[ast.expr] = []
    for node in source.nodes_at(line):
        if isinstance(node, (ast.comprehension, ast.For)):
            consumed.append(node.iter)
        elif isinstance(node, ast.Call) and _called(node) in _CONSUMERS:
            consumed += node.args
    made = [node for node in consumed if _makes_set(node)]
    named = [node for node in consumed if isinstance(node, (ast.Name, ast.Attribute))]
    return source.wrapped((made or named)[0], "sorted") if made or named else []


def _makes_set(node: ast.expr) -> bool:
    return isinstance(node, (ast.Set, ast.SetComp)) or (
        isinstance(node, ast.Call) and _called(node) in _SETS
    )


def _sorted_listing(source: _Source, line: int) -> list[_Edit]:
    found = next(_calls(source, line, _LISTINGS), None)
    return source.wrapped(found, "sorted") if found is not None else []


def _renaming(
    new: dict[str, str], arguments: str | None = None, *, bare: bool = False
) -> _LineEdit:
    """Make an edit that renames calls. `bare`: only of calls without arguments."""

    def edit(source: _Source, line: int) -> list[_Edit]:
        for call in _calls(source, line, tuple(new)):
            if not (bare and (call.args or call.keywords)):
                return source.renamed(call, new[_called(call)], arguments)
        return []

    return edit


def _in_order(source: _Source, line: int) -> list[_Edit]:
    for node in source.nodes_at(line):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "in_order":
                return [_Edit(source.start(keyword.value), source.end(keyword.value), "True")]
    return _renaming({"imap_unordered": "imap"})(source, line)


_LineEdit = Callable[[_Source, int], list[_Edit]]
_EDITS: dict[str, _LineEdit] = {
    "hash.seed": _sorted_iteration,
    "files.sorted": _sorted_listing,
    "order.arrival": _in_order,
    "memory.fill": _renaming(_FILLED),
    "seed.torch_generators": _renaming({"seed": "manual_seed"}, "0", bare=True),
    "seed.numpy_generators": _renaming({"default_rng": "default_rng"}, "0", bare=True),
}
