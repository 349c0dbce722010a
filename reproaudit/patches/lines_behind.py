"""What of a program's text goes into a line: what is assigned to its names, and what it calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from reproaudit.patches.program_text import ProgramText, read_function_name

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def list_nodes_behind(program: ProgramText, line: int) -> list[ast.AST]:
    """Return the nodes of the line's statement, and of all that the file says goes into them.

    It is what is assigned to the names that they use, wherever in the file, and what the file's
    functions do that they call. More may be returned than goes into the line, never less of what
    the file says by names.
    """
    given: dict[str, list[ast.AST]] = {}
    for name, nodes in _list_given(program.tree):
        given.setdefault(name, []).extend(nodes)
    groups = list(program.group_nodes(line))
    waiting = list(groups[-1]) if groups else []
    found: list[ast.AST] = []
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        found.append(node)
        name = ""
        if isinstance(node, ast.Name):
            name = node.id
        elif isinstance(node, ast.Call):
            name = read_function_name(node)
        if name in seen:
            continue
        seen.add(name)
        waiting += given.get(name, ())
    return found


def _list_given(tree: ast.Module) -> Iterator[tuple[str, list[ast.AST]]]:
    """Yield each name that the file gives to something, with the nodes of what it is given to."""
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            yield node.name, list(ast.walk(node))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in _list_names(target):
                    yield name, list(ast.walk(node.value))
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            if node.value is not None:
                for name in _list_names(node.target):
                    yield name, list(ast.walk(node.value))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            iterated = [node, *ast.walk(node.iter)]
            for name in _list_names(node.target):
                yield name, iterated
            # What a loop fills follows the order of the loop.
            if not isinstance(node, ast.comprehension):
                for name in _list_filled(node):
                    yield name, iterated
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            for name in _list_names(node.optional_vars):
                yield name, list(ast.walk(node.context_expr))


def _list_filled(loop: ast.For | ast.AsyncFor) -> Iterator[str]:
    """Yield the names that the body of a loop gives something to, or calls a method of."""
    for statement in loop.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from _list_names(node.func.value)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    yield from _list_names(target)


def _list_names(target: ast.AST) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            yield node.id
