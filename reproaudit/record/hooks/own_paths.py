"""Functions on paths that no program can replace: a copy of `os.path`, made at import.

A reference to `os.path.realpath` is not enough, since it looks up `join` in its own module.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any


def _copy_os_path() -> ModuleType:
    spec = importlib.util.find_spec(os.path.__name__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    vars(copy)["os"] = SimpleNamespace(**vars(os))
    return copy


_paths: Any = _copy_os_path()
basename: Callable[[str], str] = _paths.basename
dirname: Callable[[str], str] = _paths.dirname
isabs: Callable[[str], bool] = _paths.isabs
join: Callable[..., str] = _paths.join
realpath: Callable[[Any], str] = _paths.realpath
relpath: Callable[[str, str], str] = _paths.relpath
splitext: Callable[[str], tuple[str, str]] = _paths.splitext
