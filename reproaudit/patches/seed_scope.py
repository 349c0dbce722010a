"""What to seed a generator with, by who runs the line: a constant is right only where that is once.

In a worker that loads data it gives each worker the same numbers, and in what is done for each
sample the same ones for all samples: runs are equal by it, and what they train is another thing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from reproaudit.patches.program_text import Edit, ProgramText, add_import, read_function_name

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# A worker's torch is seeded by its loader's seed and its number, before the program's code runs.
WORKER_SEED = "{torch}.initial_seed() % 2**32"
# Launchers of torch set the variable before the program starts.
_RANK_SEED = 'int(os.environ.get("RANK", 0))'
_SAMPLE_SEED = "{torch}.randint(2**32, ()).item()"

_SAMPLE_METHODS = ("__getitem__", "__getitems__")
# Of threads and pools. What has methods of these names besides (a table's `apply`, a data set's
# `map`, a module's `apply`) calls the function for each of many, too.
_TAKES_TASK = (
    "Process Thread Timer apply apply_async delayed imap imap_unordered map map_async spawn "
    "starmap start_processes submit run_in_executor to_thread"
).split()
_DEEPEST = 8  # functions that call one another


class Scope(Enum):
    """Who runs a line, and how often."""

    ONCE = "the program, as far as its text tells"
    RANK = "each of several processes that train together"
    WORKER = "each worker of a DataLoader, when it starts or begins an epoch"
    SAMPLE = "each worker of a DataLoader, for each sample"
    TASK = "each thread, job of a pool, or call by a method such as map"


@dataclass(frozen=True, slots=True)
class Seed:
    """The text of a seed, and the edits that it needs elsewhere in the file."""

    text: str
    edits: tuple[Edit, ...] = ()


def write_seed(program: ProgramText, node: ast.expr, text: str, scope: Scope) -> Seed | None:
    """Return the seed for a node: `text` where that is right, else one of the worker's own.

    None where nothing in the text tells jobs apart: each has to be given a seed. `scope` is who is
    known to run it, ONCE if nobody is known.
    """
    found = find_scope(program, node)
    if found is Scope.ONCE:
        found = scope
    if found is Scope.ONCE or not text.isdigit():
        return Seed(text)
    if found is Scope.TASK:
        return None
    if found is Scope.RANK:
        return Seed(_RANK_SEED, tuple(add_import(program, "os")))
    name, edits = _name_torch(program)
    wanted = WORKER_SEED if found is Scope.WORKER else _SAMPLE_SEED
    return Seed(wanted.format(torch=name), edits)


def find_scope(program: ProgramText, node: ast.expr) -> Scope:
    """Return who runs a node, as far as the program's text tells."""
    scopes = _list_scopes(program)
    start, end = program.find_start(node), program.find_end(node)
    found = Scope.ONCE
    for function, scope in scopes.items():
        if program.find_start(function) <= start and end <= program.find_end(function):
            found = scope
    return found


def find_scope_of_line(program: ProgramText, line: int) -> Scope:
    """Return who runs a line, as far as the program's text tells."""
    for node in ast.walk(program.tree):
        if isinstance(node, ast.expr) and node.lineno == line:
            return find_scope(program, node)
    return Scope.ONCE


def has_only_loaders(program: ProgramText) -> bool:
    """Return True if the file makes a DataLoader, and gives no function to a thread or a pool."""
    if any(scope is Scope.TASK for _, scope in _list_given(program)):
        return False
    calls = (node for node in ast.walk(program.tree) if isinstance(node, ast.Call))
    return any(read_function_name(call) == "DataLoader" for call in calls)


def _list_scopes(program: ProgramText) -> Mapping[_Function, Scope]:
    """Return who runs the functions that others than the program itself run, outer ones first."""
    functions = [node for node in ast.walk(program.tree) if isinstance(node, _Function)]
    by_name: dict[str, list[_Function]] = {}
    for function in functions:
        by_name.setdefault(function.name, []).append(function)
    given = dict(_list_given(program))
    found: dict[_Function, Scope] = {}
    for function in functions:
        if function.name in _SAMPLE_METHODS:
            found[function] = Scope.SAMPLE
        elif function.name in given:
            found[function] = given[function.name]
    for owner in ast.walk(program.tree):
        if isinstance(owner, ast.ClassDef) and _is_iterable_dataset(owner):
            for member in owner.body:
                if isinstance(member, _Function) and member.name == "__iter__":
                    found[member] = Scope.WORKER
    for _ in range(_DEEPEST):
        known = len(found)
        for function, scope in list(found.items()):
            for called in _list_called(function):
                for other in by_name.get(called, ()):
                    found.setdefault(other, scope)
        if len(found) == known:
            break
    return {function: found[function] for function in functions if function in found}


def _list_given(program: ProgramText) -> Iterator[tuple[str, Scope]]:
    """Yield the functions that are given to a loader, a thread or a pool, by their names."""
    for call in ast.walk(program.tree):
        if not isinstance(call, ast.Call):
            continue
        for keyword in call.keywords:
            if keyword.arg == "worker_init_fn":
                yield from ((name, Scope.WORKER) for name in _read_names(keyword.value))
            elif keyword.arg in ("target", "initializer"):
                yield from ((name, Scope.TASK) for name in _read_names(keyword.value))
        is_built_in = isinstance(call.func, ast.Name) and call.func.id == "map"
        if read_function_name(call) in _TAKES_TASK and not is_built_in:
            for argument in call.args[:2]:
                yield from ((name, Scope.TASK) for name in _read_names(argument))


def _read_names(given: ast.expr) -> Iterator[str]:
    """Yield the name of a function that is given as it is, or bound to arguments."""
    if isinstance(given, ast.Name):
        yield given.id
    elif isinstance(given, ast.Attribute):
        yield given.attr
    elif isinstance(given, ast.Call) and read_function_name(given) == "partial" and given.args:
        yield from _read_names(given.args[0])


def _is_iterable_dataset(owner: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("IterableDataset") for base in owner.bases)


def _list_called(function: _Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield read_function_name(node)


def _name_torch(program: ProgramText) -> tuple[str, tuple[Edit, ...]]:
    """Return the name under which the file knows torch, and the edit that imports it if it does
    not."""
    for statement in program.tree.body:
        if not isinstance(statement, ast.Import):
            continue
        for alias in statement.names:
            if alias.name == "torch":
                return alias.asname or "torch", ()
            if alias.asname is None and alias.name.startswith("torch."):
                return "torch", ()
    return "torch", tuple(add_import(program, "torch"))
