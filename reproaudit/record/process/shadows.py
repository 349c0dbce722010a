"""Modules beside a script that have the names of others, as a `random.py`: the program imports its
own, although the recorder has imported the other before."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import ModuleType

_SUFFIXES = (".py", ".so", ".pyd")

_forgotten: dict[str, ModuleType] = {}


def forget_shadowed(folder: str, loaded_at_start: Collection[str]) -> None:
    """Have the program find what lies in its folder, as it would without the recorder.

    What an interpreter loads before any program, `loaded_at_start`, a program cannot shadow either.
    Who has imported a module that is forgotten here keeps it.
    """
    own = _list_modules(folder)
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        # Without ours nothing is recorded.
        if top not in own or top in loaded_at_start or top == "reproaudit":
            continue
        origin = getattr(module, "__file__", None)
        if origin is None or not os.path.realpath(origin).startswith(folder + os.sep):
            _forgotten[name] = sys.modules.pop(name)


@contextmanager
def own_modules() -> Iterator[None]:
    """Let what is imported within find the modules that were forgotten for the program."""
    theirs = {name: sys.modules.get(name) for name in _forgotten}
    sys.modules.update(_forgotten)
    try:
        yield
    finally:
        for name, module in theirs.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def _list_modules(folder: str) -> set[str]:
    """Return the names under which files and packages of the folder are imported."""
    found: set[str] = set()
    try:
        entries = os.listdir(folder)
    except OSError:
        return found
    for entry in entries:
        if entry.endswith(_SUFFIXES):
            found.add(entry.partition(".")[0])
        elif os.path.isfile(os.path.join(folder, entry, "__init__.py")):
            found.add(entry)
    return found
