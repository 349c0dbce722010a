"""Which statements of a program could draw random numbers, as far as its text tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

_Function = ast.FunctionDef | ast.AsyncFunctionDef

# Modules, and objects named by custom, none of whose functions draws.
_HARMLESS_ROOTS = frozenset(
    {"os", "sys", "warnings", "logging", "argparse", "pathlib", "matplotlib", "parser", "logger"}
)
_HARMLESS_NAMES = frozenset(
    {
        "ArgumentParser",
        "Path",
        "TypeVar",
        "bool",
        "dataclass",
        "device",
        "dict",
        "field",
        "float",
        "get_args",
        "inference_mode",
        "int",
        "is_available",
        "is_bf16_supported",
        "len",
        "list",
        "namedtuple",
        "no_grad",
        "parse_args",
        "parse_known_args",
        "print",
        "range",
        "str",
        "tuple",
        "use_deterministic_algorithms",
    }
)
# Functions that seed; they draw nothing themselves.
SEEDING = frozenset(
    {
        "manual_seed",
        "manual_seed_all",
        "seed",
        "seed_all",
        "seed_everything",
        "set_random_seed",
        "set_seed",
    }
)


def find_first_draw(body: Sequence[ast.stmt], folder: Path) -> int:
    """Return the number of the first statement that could draw; how many there are if none could.

    A module that lies in `folder`, beside the program, could draw when it is imported.
    """
    for number, statement in enumerate(body):
        if could_draw(statement, folder):
            return number
    return len(body)


def could_draw(statement: ast.stmt, folder: Path) -> bool:
    """Return True if a statement could draw where it stands: calls in functions come later."""
    if isinstance(statement, ast.Import):
        return any(_lies_in(alias.name, folder) for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return statement.level > 0 or _lies_in(statement.module or "", folder)
    if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
        return False
    for node in _walk_now(statement):
        if isinstance(node, ast.Call) and not _is_harmless(node):
            return True
    inner = _list_inner(statement)
    return any(could_draw(child, folder) for child in inner)


def read_names(function: ast.expr) -> tuple[str, str]:
    """Return the first and the last name of `numpy.random.seed`; "" for what is no name."""
    last = ""
    if isinstance(function, ast.Attribute):
        last = function.attr
    root = function
    while isinstance(root, ast.Attribute):
        root = root.value
    first = root.id if isinstance(root, ast.Name) else ""
    return first, last or first


def _lies_in(module: str, folder: Path) -> bool:
    name = module.partition(".")[0]
    if (folder / f"{name}.py").is_file():
        return True
    package = folder / name
    return bool(name) and package.is_dir() and any(package.glob("*.py"))


def _is_harmless(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Constant):
        return True  # a method of a text
    first, last = read_names(call.func)
    return first in _HARMLESS_ROOTS or last in _HARMLESS_NAMES or last in SEEDING


def _list_inner(statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements inside one that run when it does."""
    if isinstance(statement, _Function):
        return []
    inner: list[ast.stmt] = []
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            inner.append(child)
        elif isinstance(child, ast.ExceptHandler):
            inner += child.body
    return inner


def _walk_now(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes that are evaluated with the statement, none of those inside it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.stmt, ast.ExceptHandler, ast.Lambda)):
                waiting.append(child)
