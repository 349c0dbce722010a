"""Texts that hold paths, as a run in a copy of a folder must find them: words of the command line,
and variables of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Before a path in a text: its start, what parts it from other words, a URL's scheme (an SQLite URL
# has one slash more), a compiler's option.
_BEFORE = r"(?:(?<![\w.~/\-])|(?<=://)|(?<=:///)|(?<=-[IL]))"
_AFTER = r"(?=/|$|[:;,\s'\")\]}>])"
_REST = re.compile(r"[^:;,\s'\"]*")
# They name an installed interpreter, or are ours.
_KEPT_VARIABLES = frozenset(
    {"CONDA_PREFIX", "PYTHONEXECUTABLE", "PYTHONHOME", "TMPDIR", "VIRTUAL_ENV", "_"}
)
_OUR_VARIABLES = "REPROAUDIT_"


@dataclass(frozen=True, slots=True)
class Move:
    """A folder and its copy; what lies at the paths `kept`, relative to it, is no part of that."""

    old: Path
    new: Path
    kept: tuple[str, ...] = ()


class MovedPaths:
    """Rewrites texts for a run that starts in the copy of the folder `cwd`.

    `moves` are tried in their order.
    """

    def __init__(self, moves: Sequence[Move], cwd: Path) -> None:
        self._moves = {spelling: move for move in moves for spelling in _spell(move.old, cwd)}
        # The longest first: one folder may lie in another.
        spellings = sorted(self._moves, key=len, reverse=True)
        found = "|".join(re.escape(spelling) for spelling in spellings)
        self._pattern = re.compile(f"{_BEFORE}({found}){_AFTER}")
        self._cwd = Path(os.path.realpath(cwd))

    def map_path(self, path: Path) -> Path:
        """Return where the absolute `path` lies in a copy; itself outside of all copies."""
        return Path(self._map_absolute(str(path)))

    def map_word(self, word: str) -> str:
        """Return a word of the command line with its paths, also `--data=PATH`."""
        name, equals, value = word.rpartition("=")
        return self._map_absolute(f"{name}{equals}{self._leave_copy(value)}")

    def map_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables whose values hold paths that are to be others."""
        changed: dict[str, str] = {}
        for name, value in environment.items():
            if name in _KEPT_VARIABLES or name.startswith(_OUR_VARIABLES):
                continue
            parts = [self._leave_copy(part) for part in value.split(os.pathsep)]
            mapped = self._map_absolute(os.pathsep.join(parts))
            if mapped != value:
                changed[name] = mapped
        return changed

    def _map_absolute(self, text: str) -> str:
        return self._pattern.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        move = self._moves[found[1]]
        rest = _REST.match(found.string, found.end())
        below = "" if rest is None else os.path.normpath(rest[0].lstrip("/"))
        if any(below == kept or below.startswith(kept + os.sep) for kept in move.kept):
            return found[0]
        return str(move.new)

    def _leave_copy(self, text: str) -> str:
        """Return a relative path that leads out of what is copied as an absolute one.

        Others stay: they lead to the same place in the copy.
        """
        if not text.startswith(".") and "/../" not in text:
            return text
        path = os.path.normpath(self._cwd / text)
        if self._lies_in_a_copy(path) or not os.path.exists(os.path.dirname(path)):
            return text
        return path

    def _lies_in_a_copy(self, path: str) -> bool:
        move = next(
            (move for move in self._moves.values() if self._cwd.is_relative_to(move.old)), None
        )
        return move is not None and Path(path).is_relative_to(move.old)


def _spell(folder: Path, cwd: Path) -> list[str]:
    """Return the ways in which texts may name a folder: through links, too."""
    spellings = [str(folder), os.path.realpath(folder)]
    # A shell names the folder that it is in by the links that led there.
    logical = os.environ.get("PWD", "")
    real = os.path.realpath(logical) if logical else ""
    below = os.path.relpath(os.path.realpath(cwd), os.path.realpath(folder))
    if real == os.path.realpath(cwd):
        if below == ".":
            spellings.append(logical)
        elif logical.endswith(os.sep + below):
            spellings.append(logical[: -len(below) - 1])
    return list(dict.fromkeys(spelling for spelling in spellings if len(spelling) > 1))
