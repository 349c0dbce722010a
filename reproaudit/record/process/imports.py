"""Acts right after the program's own first import of a module.

The recorder itself never imports torch before the program does.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class ImportWatch:
    """A finder that finds nothing itself and runs actions after a watched module was executed.

    Looking for a spec (`importlib.util.find_spec("torch")`) does not use it up; only the import
    does.
    """

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callable[[], None]]] = {}

    def when_imported(self, name: str, action: Callable[[], None]) -> None:
        """Run `action` once the module is imported, at once if it is.

        Several actions run in the order in which they came.
        """
        if name in sys.modules and name not in self._callbacks:
            action()
            return
        self._callbacks.setdefault(name, []).append(action)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if name not in self._callbacks:
            return None
        spec = _ask_others(self, name, path, target)
        if spec is not None and spec.loader is not None:
            act = functools.partial(self._act, name)
            spec.loader = _Loader(spec.loader, done=act)  # type: ignore[assignment]
        return spec

    def _act(self, name: str) -> None:
        for action in self._callbacks.pop(name, ()):
            action()
        if not self._callbacks:
            self.remove()


class ImportGuard:
    """A finder that finds nothing itself and has modules executed between two calls.

    The first is `before`, the second what that returns.
    A module that is imported at its first use runs once in the life of a process, and may draw from
    a random stream.
    """

    def __init__(self, before: Callable[[], Callable[[], None]]) -> None:
        self._before = before

    def install(self) -> None:
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        spec = _ask_others(self, name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, before=self._before)  # type: ignore[assignment]
        return spec


def _ask_others(
    asking: object, name: str, path: Sequence[str] | None, target: Any
) -> ModuleSpec | None:
    """Return the spec that the first finder behind the one that asks has.

    Those before it were asked already. Two finders of ours would ask each other for ever.
    """
    finders = list(sys.meta_path)
    behind = finders[finders.index(asking) + 1 :] if asking in finders else finders
    for finder in behind:
        if not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(name, path, target)
        if spec is not None:
            return spec
    return None


def _do_nothing() -> None:
    return


def _prepare_nothing() -> Callable[[], None]:
    return _do_nothing


class _Loader:
    """Delegates to the real loader, and puts that into the module before the program can look.

    `before` and what it returns run around the execution of the module; `done` follows only if that
    succeeded.
    """

    def __init__(
        self,
        loader: Any,
        *,
        done: Callable[[], None] = _do_nothing,
        before: Callable[[], Callable[[], None]] = _prepare_nothing,
    ) -> None:
        self._loader = loader
        self._done = done
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        after = self._before()
        try:
            self._loader.exec_module(module)
        finally:
            after()
        self._done()
