"""The imports that a script begins with.

Those of libraries may be done before the run's turn has come. Each is the script's own statement,
executed once, at its place: the same run, which merely pauses. Files of the user are not imported
so: they may do anything.
"""

from __future__ import annotations
import __future__

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from types import CodeType

from reproaudit.record.process.imports import ImportWatch
from reproaudit.record.process.turn import Turn

_LIBRARY = os.path.dirname(os.__file__)
_PACKAGES = ("site-packages", "dist-packages")
_WITHOUT_FILE = ("built-in", "frozen")
_FINDERS = (BuiltinImporter, FrozenImporter, PathFinder)
# Those that come first and find nothing which a program imports by itself.
_HARMLESS = "_distutils_hack"
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag

_dirname = os.path.dirname


@dataclass(frozen=True, slots=True)
class Import:
    """An import statement: the packages that it names, and its code."""

    packages: tuple[str, ...]
    code: CodeType

    def is_of_libraries(self) -> bool:
        """Return True if, as things are now, the statement imports from libraries alone."""
        return all(map(is_of_library, self.packages))


@dataclass(frozen=True, slots=True)
class Script:
    """A compiled script: the imports that it begins with, and all that follows."""

    imports: tuple[Import, ...]
    rest: CodeType


def compile_in_parts(source: bytes, path: str) -> Script:
    """Compile a script so that it can be paused between its first imports.

    Raises what compiling it raises.
    """
    tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    imports: list[Import] = []
    flags = 0
    docstring: list[ast.stmt] = []
    body = tree.body
    while body:
        statement = body[0]
        if _is_text(statement):
            # A docstring belongs to the first statement; a later text has no effect.
            if not imports:
                docstring = docstring or [statement]
        else:
            packages = _list_packages(statement)
            if not packages:
                break
            code = _compile([*docstring, statement], path, flags)
            docstring = []
            flags |= code.co_flags & _FUTURE
            imports.append(Import(packages, code))
        body = body[1:]
    return Script(tuple(imports), _compile([*docstring, *body], path, flags))


def pause_among_imports(source: bytes, path: str, turn: Turn) -> Iterator[CodeType]:
    """Yield the code of a script in parts; those behind its first imports of libraries follow when
    the turn has come."""
    script = compile_in_parts(source, path)
    for statement in script.imports:
        if not turn.has_come and not statement.is_of_libraries():
            turn.wait()
        yield statement.code
    if not turn.has_come:
        turn.wait()
    yield script.rest


def is_of_library(name: str) -> bool:
    """Return True if the top-level module `name` is, or will be, one of the standard library or
    of an installed package."""
    module = sys.modules.get(name)
    spec = _find(name) if module is None else getattr(module, "__spec__", None)
    if spec is None:
        return False
    if spec.origin in _WITHOUT_FILE:
        return True
    if not spec.has_location or not spec.origin:
        return False  # a namespace: its parts may lie anywhere
    place = _dirname(spec.origin)
    if spec.submodule_search_locations is not None:
        place = _dirname(place)
    return place in _list_libraries()


def _find(name: str) -> ModuleSpec | None:
    """Return the spec that an import would find; None if that cannot be known beforehand."""
    for finder in sys.meta_path:
        if finder in _FINDERS:
            spec = finder.find_spec(name, None)
            if spec is not None:
                return spec
        elif not isinstance(finder, ImportWatch) and type(finder).__module__ != _HARMLESS:
            return None
    return None


def _list_libraries() -> list[str]:
    # The first place is the program's own, wherever it lies.
    return [
        place
        for place in sys.path[1:]
        if place.startswith(_LIBRARY) or place.rstrip(os.sep).endswith(_PACKAGES)
    ]


def _list_packages(statement: ast.stmt) -> tuple[str, ...]:
    """Return what an import statement names, by its first parts; nothing for any other."""
    if isinstance(statement, ast.Import):
        return tuple(alias.name.partition(".")[0] for alias in statement.names)
    if isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
        return (statement.module.partition(".")[0],)
    return ()


def _is_text(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant and isinstance(statement.value.value, str)  # type: ignore[attr-defined]


def _compile(body: Sequence[ast.stmt], path: str, flags: int) -> CodeType:
    module = ast.Module(list(body), type_ignores=[])
    code: CodeType = compile(module, path, "exec", flags, dont_inherit=True)
    return code
