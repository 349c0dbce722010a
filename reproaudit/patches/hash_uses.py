"""Where a program's text uses what hashes decide: the order of sets, and the numbers themselves."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reproaudit.patches.lines_behind import list_nodes_behind
from reproaudit.patches.program_text import ProgramText, read_function_name
from reproaudit.patches.set_edits import find_iterated, find_names_of_sets, is_set

BUILTINS = ("hash", "id")
_METHOD = "__hash__"
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class HashCall:
    """A line that takes a hash or an address as a number: by "hash" or "id"."""

    name: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class HashUses:
    """What some lines do with hashes. `iterates_sets`: as far as the text tells sets."""

    calls: tuple[HashCall, ...] = ()
    iterates_sets: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.calls and not self.iterates_sets


def list_hash_uses(
    program: ProgramText, line: int, names: Collection[str] = BUILTINS
) -> Iterator[HashUses]:
    """Yield what a line does, what the file's functions do that it calls, and what the file does.

    Of the builtins only those of the `names` count.
    """
    functions = _name_functions(program.tree)
    everything = list(ast.walk(program.tree))
    wanted = frozenset(names) - frozenset(_find_bound(everything))
    sets = find_names_of_sets(program)
    nodes = [node for group in program.group_nodes(line) for node in group]
    for part in (nodes, _find_called(nodes, functions), everything):
        calls = dict.fromkeys(_find_calls(part, functions, wanted))
        iterated = find_iterated(part)
        is_iterated = any(is_set(node) or ast.unparse(node) in sets for node in iterated)
        yield HashUses(tuple(calls), is_iterated)


def list_hash_lines_behind(
    program: ProgramText, line: int, names: Collection[str] = BUILTINS
) -> tuple[HashCall, ...]:
    """Return each line that uses what hashes decide, of all that goes into a line.

    The iteration over a set has the name "set". Draws of Python's or NumPy's generators that go
    into the line leave open which of both it is, so that nothing is returned then.
    """
    functions = _name_functions(program.tree)
    nodes = list_nodes_behind(program, line)
    if any(_is_draw(node) for node in nodes):
        return ()
    wanted = frozenset(names) - frozenset(_find_bound(ast.walk(program.tree)))
    sets = find_names_of_sets(program)
    uses = list(_find_calls(nodes, functions, wanted))
    for node in find_iterated(nodes):
        if is_set(node) or ast.unparse(node) in sets:
            uses.append(HashCall("set", node.lineno, _name_function(node.lineno, functions)))
    return tuple(dict.fromkeys(uses))


def _is_draw(node: ast.AST) -> bool:
    """Return True for a call of a function of the modules called random."""
    if not isinstance(node, ast.Call):
        return False
    names = ast.unparse(node.func).split(".")
    return "random" in names[:-1] or names[-1] == "default_rng"


def takes_hash(node: ast.AST) -> bool:
    """Return True for a call of hash() or id()."""
    return isinstance(node, ast.Call) and _name_builtin(node.func) != ""


def _name_builtin(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute) and function.attr == _METHOD:
        return "hash"
    is_builtin = isinstance(function, ast.Name) and function.id in BUILTINS
    return ast.unparse(function) if is_builtin else ""


def _find_bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield names that a file gives to something: they are no builtins there."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, _Function):
            yield node.name


def _find_calls(
    nodes: Iterable[ast.AST], functions: Sequence[_Function], wanted: Collection[str]
) -> Iterator[HashCall]:
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        # Also where it is handed on, as in sorted(names, key=hash) and map(hash, names).
        handed = [keyword.value for keyword in node.keywords if keyword.arg == "key"]
        if read_function_name(node) == "map":
            handed += node.args[:1]
        for function in (node.func, *handed):
            name = _name_builtin(function)
            inside = _name_function(node.lineno, functions)
            # What an object hashes by decides the order of a set: it is no number of its own.
            if name in wanted and inside != _METHOD:
                yield HashCall(name, node.lineno, inside)


def _name_functions(tree: ast.Module) -> list[_Function]:
    return [node for node in ast.walk(tree) if isinstance(node, _Function)]


def _name_function(line: int, functions: Iterable[_Function]) -> str:
    """Return the innermost function that the line stands in."""
    found = "<module>"
    # Inner ones are walked later than outer ones.
    for function in functions:
        if function.lineno <= line <= (function.end_lineno or function.lineno):
            found = function.name
    return found


def _find_called(nodes: Sequence[ast.AST], functions: Sequence[_Function]) -> list[ast.AST]:
    """Return the nodes of the file's functions that the nodes call, and of those that they call."""
    waiting = list(nodes)
    found: list[ast.AST] = []
    left = list(functions)
    while waiting:
        node = waiting.pop()
        name = node.id if isinstance(node, ast.Name) else ""
        if isinstance(node, ast.Call):
            name = read_function_name(node)
        for function in [one for one in left if one.name == name]:
            left.remove(function)
            inner = list(ast.walk(function))
            found += inner
            waiting += inner
    return found
