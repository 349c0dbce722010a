"""Modules beside a script that have the names of others, as a `random.py`: the program imports its
own, and the recorder what it needs, whenever either imports it.

What the recorder has imported is kept out of `sys.modules` where the program has another of that
name, and put there while the recorder imports. Its own modules, where they are loaded alone, have
their builtins as they were at the start: a program may replace `open`, `id` or `__import__`.
"""

from __future__ import annotations

import builtins
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_NAME = os.path.basename(_PACKAGE)
_LIBRARY = os.path.dirname(os.__file__)
_SUFFIXES = (".py", ".so", ".pyd")
# What the recorder imports that is not of the standard library, and what a package of that name has
# if it is the library: people install into the folder of their program.
_LIBRARIES = {"numpy": ("core", "_core"), "xxhash": ("version.py",)}
# What a module has that is the library of its name. Without it, it is one of the program's own.
_MARKS = {"torch": "_C", "numpy": "ndarray"}

_isdir = os.path.isdir
_isfile = os.path.isfile
_join = os.path.join
_listdir = os.listdir
_realpath = os.path.realpath
_import = builtins.__import__

_names: set[str] = set()  # modules of the program that have a name which the recorder uses
_folders: set[str] = set()  # in which they were found
_ours: dict[str, ModuleType] = {}  # what the recorder has imported under these names


def import_alone(order: Callable[[list[str]], list[str]]) -> None:
    """Have modules of the recorder that are imported from now on see neither the program's modules
    nor builtins that it replaces.

    `order` makes of `sys.path` the path on which the recorder looks.
    """
    _own_modules.finder = _Finder()
    _own_modules.order = order


def hide_shadows(folders: Iterable[str], loaded_at_start: Collection[str]) -> None:
    """Have the program find what lies in its folders, as it would without the recorder.

    What an interpreter loads before any program, `loaded_at_start`, a program cannot shadow either.
    """
    for folder in map(_realpath, folders):
        _folders.add(folder)
        for name in _list_shadows(folder):
            if name not in loaded_at_start or _lies_in_folders(sys.modules.get(name)):
                _names.add(name)
    theirs = {name for name in _names if _lies_in_folders(sys.modules.get(name))}
    for name in _list_shared():
        if name.partition(".")[0] not in theirs:
            _ours[name] = sys.modules.pop(name)


def places_before_library() -> list[str]:
    """Return the places of `sys.path` where a module hides one of the standard library."""
    places = []
    for place in sys.path:
        if place.startswith(_LIBRARY):
            break
        places.append(place)
    return places


def is_of_program(name: str) -> bool:
    """Return True if the module that was imported as `name` is the program's own, and no library of
    that name."""
    top = name.partition(".")[0]
    module = sys.modules.get(top)
    if top in _MARKS:
        return not hasattr(module, _MARKS[top])
    return _lies_in_folders(module) and not hasattr(module, "__version__")


class _OwnModules:
    """What is imported within finds the recorder's modules, and none of the program's that has the
    name of one."""

    def __init__(self) -> None:
        self.depth = 0
        self.finder: _Finder | None = None
        self.order: Callable[[list[str]], list[str]] = list
        self.path: list[str] = []
        self.theirs: dict[str, ModuleType] = {}

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        if self.finder is not None:
            sys.meta_path.insert(0, self.finder)
        self.path, self.theirs = list(sys.path), {}
        if _names:
            self.theirs = {name: sys.modules.pop(name) for name in _list_shared()}
            sys.modules.update(_ours)
            sys.path[:] = self.order(self.path)

    def __exit__(self, *raised: object) -> None:
        self.depth -= 1
        if self.depth:
            return
        if self.finder is not None and self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
        if _names:
            _ours.update({name: sys.modules.pop(name) for name in _list_shared()})
            sys.modules.update(self.theirs)
            sys.path[:] = self.path


_own_modules = _OwnModules()


def own_modules() -> _OwnModules:
    """Let what is imported within find the modules that are hidden from the program."""
    return _own_modules


class _Finder:
    """Finds the recorder's own modules, and has them executed with builtins of their own."""

    def __init__(self) -> None:
        self._builtins = {**vars(builtins), "__import__": _import_among_ours}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith(f"{_NAME}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self._builtins)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, own_builtins: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._builtins = own_builtins

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._builtins
        super().exec_module(module)


def _import_among_ours(*args: Any, **kwargs: Any) -> ModuleType:
    with _own_modules:
        return _import(*args, **kwargs)


def _list_shared() -> list[str]:
    """Return the names of modules, imported by whomever, that program and recorder both have."""
    return [name for name in list(sys.modules) if name.partition(".")[0] in _names]


def _lies_in_folders(module: ModuleType | None) -> bool:
    """Return True if the module is a file, or a package, right in one of the program's folders."""
    path = getattr(module, "__file__", None)
    if not isinstance(path, str):
        return False
    path = _realpath(path)
    if path.startswith(_PACKAGE + os.sep):
        return False
    folder, file = os.path.split(path)
    if file.startswith("__init__."):
        folder = os.path.dirname(folder)
    return folder in _folders


def _list_shadows(folder: str) -> set[str]:
    """Return the names under which files and packages of the folder are imported in place of what
    the recorder uses."""
    found: set[str] = set()
    try:
        entries = _listdir(folder)
    except OSError:
        return found
    for entry in entries:
        name = entry.partition(".")[0]
        path = _join(folder, entry)
        if name == _NAME:
            is_other = _realpath(path) != _PACKAGE
        elif name in _LIBRARIES:
            parts = _LIBRARIES[name] if _isdir(path) else ()
            is_other = not any(os.path.exists(_join(path, part)) for part in parts)
        else:
            is_other = name in sys.stdlib_module_names
        if is_other and (entry.endswith(_SUFFIXES) or _isfile(_join(path, "__init__.py"))):
            found.add(name)
    return found
