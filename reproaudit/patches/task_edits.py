"""Edits of tasks that go to a pool's workers: each gets a seed, its number among the tasks."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from reproaudit.patches.program_text import Edit, ProgramText, read_function_name

_WRAPPER = "delayed"
_NAME = "call_with_seed"
_NUMBERS = ("seed", "task_seed", "seed_of_task")
# What a worker may draw from, by the name under which the program imports it.
_SEEDINGS = {
    "random": "random.seed(seed)",
    "numpy": "numpy.random.seed(seed)",
    "torch": "torch.manual_seed(seed)",
}


def seed_tasks(program: ProgramText, nodes: Iterable[ast.AST]) -> list[Edit]:
    """Return the edits that number the tasks of `delayed(f)(x) for x in xs`, and seed each."""
    edits: list[Edit] = []
    for node in nodes:
        if isinstance(node, (ast.GeneratorExp, ast.ListComp)) and len(node.generators) == 1:
            edits += _seed_each(program, node)
    if edits:
        edits += _define_seeding(program, min(edit.start for edit in edits))
    return edits


def _seed_each(program: ProgramText, tasks: ast.GeneratorExp | ast.ListComp) -> Iterator[Edit]:
    call, generator = tasks.elt, tasks.generators[0]
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Call):
        return
    wrapped = call.func
    if read_function_name(wrapped) != _WRAPPER or len(wrapped.args) != 1 or generator.is_async:
        return
    (function,) = wrapped.args
    taken = {name.id for name in ast.walk(tasks) if isinstance(name, ast.Name)}
    number = next((name for name in _NUMBERS if name not in taken), None)
    if number is None:
        return
    yield Edit(program.find_start(function), program.find_end(function), _NAME)
    behind = program.data.index(b"(", program.find_end(wrapped)) + 1
    rest = ", " if call.args or call.keywords else ""
    yield Edit(behind, behind, f"{number}, {ast.unparse(function)}{rest}")
    target, source = generator.target, generator.iter
    start, end = program.find_start(target), program.find_end(target)
    written = program.data[start:end].decode()
    if isinstance(target, ast.Tuple) and not written.startswith("("):
        written = f"({written})"
    yield Edit(start, end, f"{number}, {written}")
    yield Edit(program.find_start(source), program.find_start(source), "enumerate(")
    yield Edit(program.find_end(source), program.find_end(source), ")")


def _define_seeding(program: ProgramText, place: int) -> Iterator[Edit]:
    """Yield the function that seeds, before the outermost statement that holds the place."""
    for statement in program.tree.body:
        if not program.find_start(statement) <= place < program.find_end(statement):
            continue
        decorators = getattr(statement, "decorator_list", [])
        line = min([statement.lineno, *(node.lineno for node in decorators)])
        at = program.find_line_start(line)
        rows = _write_function(_list_imported(program))
        yield Edit(at, at, "".join(f"{row}{program.newline}" for row in rows))


def _write_function(imported: frozenset[str]) -> list[str]:
    libraries = [name for name in _SEEDINGS if name in imported or name == "random"]
    rows = [f"def {_NAME}(seed, function, /, *args, **kwargs):"]
    rows += [f"    import {name}" for name in libraries]
    rows.append("")
    rows += [f"    {_SEEDINGS[name]}" for name in libraries]
    rows += ["    return function(*args, **kwargs)", "", ""]
    return rows


def _list_imported(program: ProgramText) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return frozenset(found)
