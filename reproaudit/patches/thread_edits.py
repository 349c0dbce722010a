"""Edits of threads that a program starts: each is waited for before the next one starts."""

from __future__ import annotations

import ast

from reproaudit.patches.program_text import Edit, ProgramText, read_function_name

_KINDS = ("Thread", "Process")


def join_threads(program: ProgramText) -> list[Edit]:
    """Return the edits that join each thread at the statement that starts it.

    A thread that waits for its starter makes the patched program hang, and its patch is dropped.
    """
    names = _find_threads(program)
    edits: list[Edit] = []
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            continue
        function = node.value.func
        if not isinstance(function, ast.Attribute) or function.attr != "start":
            continue
        thread = ast.unparse(function.value)
        if thread in names:
            end = program.find_end(node)
            edits.append(Edit(end, end, f"; {thread}.join()"))
    return edits


def _find_threads(program: ProgramText) -> frozenset[str]:
    """Return the names that are given to threads: where they are made, or one of a list of them."""
    lists: set[str] = set()
    names: set[str] = set()
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and _makes_thread(node.value):
            is_one = isinstance(node.value, ast.Call)
            (names if is_one else lists).update(map(ast.unparse, node.targets))
    for node in ast.walk(program.tree):
        if isinstance(node, ast.For) and ast.unparse(node.iter) in lists:
            names.add(ast.unparse(node.target))
    return frozenset(names)


def _makes_thread(value: ast.expr) -> bool:
    made = value
    if isinstance(value, ast.ListComp):
        made = value.elt
    elif isinstance(value, ast.List) and value.elts:
        made = value.elts[0]
    return isinstance(made, ast.Call) and read_function_name(made) in _KINDS
