"""Edits of sets that are iterated over: they become dicts, which keep the order of insertion.

Objects that cannot be compared cannot be sorted either. What a dict lacks, as the union of two
sets, makes the patched program fail, and its patch is dropped.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from reproaudit.patches.program_text import (
    Edit,
    ProgramText,
    find_assigned,
    read_function_name,
)

_SETS = ("set", "frozenset")
_CONSUMERS = ("list", "tuple", "enumerate", "iter", "zip", "map", "fromkeys", "join", "extend")
_MAKE = "dict.fromkeys("


def is_set(node: ast.expr) -> bool:
    """Return True if the text alone shows that the expression makes a set."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _SETS
    return isinstance(node, (ast.Set, ast.SetComp))


def find_names_of_sets(program: ProgramText) -> frozenset[str]:
    """Return the names that sets are assigned to somewhere in the file."""
    assigned = find_assigned(ast.walk(program.tree))
    return frozenset(name for name, value in assigned if is_set(value))


def find_iterated(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield the expressions that are iterated over, in an order that shows."""
    for node in nodes:
        if isinstance(node, (ast.comprehension, ast.For)):
            yield node.iter
        elif isinstance(node, ast.Call) and read_function_name(node) in _CONSUMERS:
            yield from node.args


def order_sets(program: ProgramText) -> list[Edit]:
    """Return the edits that make dicts of the sets of a file that are iterated over.

    These are sets in place, and those that a name was given which is iterated over somewhere.
    """
    iterated = list(find_iterated(ast.walk(program.tree)))
    names = {ast.unparse(node) for node in iterated}
    made = [node for node in iterated if _may_be_set(node)]
    changed: set[str] = set()
    for name, value in find_assigned(ast.walk(program.tree)):
        if name in names and _may_be_set(value):
            changed.add(name)
            made.append(value)
    edits: list[Edit] = []
    for node in made:
        edits += _make_dict(program, node)
    return edits + _add_by_key(program, changed)


def _may_be_set(node: ast.expr) -> bool:
    return is_set(node) or (_find_difference(node) is not None)


def _find_difference(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """Return what `set(a) - b` takes of and what it leaves out; None for all else."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return None
    first, left_out = node.left, node.right
    if not isinstance(first, ast.Call) or not is_set(first) or len(first.args) != 1:
        return None
    if not isinstance(left_out, (ast.Name, ast.Attribute)):
        return None
    return first.args[0], left_out


def _make_dict(program: ProgramText, node: ast.expr) -> list[Edit]:
    start, end = program.find_start(node), program.find_end(node)
    difference = _find_difference(node)
    if difference is not None:
        taken, left_out = (ast.unparse(part) for part in difference)
        text = f"{_MAKE}item for item in {taken} if item not in {left_out})"
        return [Edit(start, end, text)]
    if isinstance(node, ast.Call):
        if not node.args:
            return [Edit(start, end, "{}")]
        # A generator that is the one argument has the brackets of the call as its own.
        return [Edit(start, program.find_end(node.func), _MAKE.removesuffix("("))]
    before, after = _MAKE, ")"
    if isinstance(node, ast.Set):
        before, after = f"{_MAKE}[", "])"
    return [Edit(start, start + 1, before), Edit(end - 1, end, after)]


def _add_by_key(program: ProgramText, names: Collection[str]) -> list[Edit]:
    """Return the edits of `add` where the names are no sets any more."""
    edits: list[Edit] = []
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        function = node.func
        if function.attr == "add" and ast.unparse(function.value) in names:
            end = program.find_end(function)
            edits.append(Edit(end - len("add"), end, "setdefault"))
    return edits
