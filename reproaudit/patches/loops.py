"""Whether a place of a program's text runs again and again, as far as the text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from reproaudit.patches.program_text import ProgramText

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def is_in_loop(program: ProgramText, position: int) -> bool:
    """Return True if what stands at the position runs once for each turn of a loop.

    What a loop goes through is made once, and a function within a loop may not be called there.
    """
    found = False
    waiting: list[tuple[ast.AST, bool]] = [(program.tree, False)]
    while waiting:
        node, is_repeated = waiting.pop()
        if isinstance(node, ast.expr | ast.stmt):
            if not program.find_start(node) <= position <= program.find_end(node):
                continue
            # Inner nodes come later than outer ones.
            found = is_repeated
        waiting += _list_parts(node, is_repeated=is_repeated)
    return found


def _list_parts(node: ast.AST, *, is_repeated: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield the parts of a node, and whether each runs again and again."""
    once: list[ast.AST] = []
    if isinstance(node, ast.For | ast.AsyncFor):
        once = [node.iter, *node.orelse]
    elif isinstance(node, ast.While):
        once = [*node.orelse]
    elif isinstance(node, _COMPREHENSIONS):
        first = node.generators[0]
        yield first.iter, is_repeated
        once = [first.iter]
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.comprehension):
            inner = [part for part in ast.iter_child_nodes(child) if part not in once]
            yield from ((part, True) for part in inner)
        elif isinstance(node, _FUNCTIONS):
            yield child, False
        elif child in once:
            yield child, is_repeated
        else:
            is_loop = isinstance(node, (*_LOOPS, *_COMPREHENSIONS))
            yield child, is_repeated or is_loop
