"""Stands for a session of pytest, where a real one would cost a process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest


class Config:
    """What a session knows.

    `line` is what its command line says, `file` its configuration. It was started in `folder`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        line: Mapping[str, Any] | None = None,
        file: Mapping[str, Any] | None = None,
        plugins: tuple[str, ...] = (),
    ) -> None:
        self.rootpath = folder
        self.inipath: Path | None = None
        self.invocation_params = SimpleNamespace(dir=folder)
        self.registered: list[str] = []
        self.lines: list[tuple[str, str]] = []
        self.pluginmanager = SimpleNamespace(
            hasplugin=lambda name: name in plugins,
            register=lambda plugin, name: self.registered.append(name),
        )
        self._line = {"reproaudit_report": [], **(line or {})}
        self._file = {"reproaudit_report": [], **(file or {})}

    def getoption(self, name: str, default: Any = None) -> Any:
        return self._line.get(name, default)

    def getini(self, name: str) -> Any:
        return self._file.get(name)

    def addinivalue_line(self, name: str, line: str) -> None:
        self.lines.append((name, line))


def as_config(config: Config) -> pytest.Config:
    return cast(pytest.Config, config)


def make_item(config: Config, nodeid: str, *, marked: bool = False) -> pytest.Item:
    """Return a test that pytest has collected, marked `reproducible` or not."""
    marker = pytest.mark.reproducible.mark if marked else None
    item = SimpleNamespace(
        config=config,
        nodeid=nodeid,
        path=config.rootpath / nodeid.partition("::")[0],
        stash=pytest.Stash(),
        get_closest_marker=lambda name: marker,
    )
    return cast(pytest.Item, item)
