"""Looking up names that a library does not promise to keep: what is there, what is not, and what
is lost without it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace
from typing import Any


class Need(Enum):
    """Who has a use for a name. Without that use its absence is no loss."""

    EVERY_RUN = "every run"
    OPERATIONS = "runs that record operators"
    CUDA = "builds of torch for CUDA"
    REPAIRS = "runs with an intervention"
    SURVEY = "the atlas"


@dataclass(frozen=True, slots=True)
class Name:
    """One private name: where it is, what is lost without it, and whether it is there.

    `lost` is empty where another way gives the same.
    """

    path: str
    need: Need
    lost: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class Place:
    """An attribute that is to be replaced: `owner.name`.

    Where it is not there, `owner` stands alone, so that replacing its attribute changes nothing.
    """

    owner: Any
    name: str

    @property
    def value(self) -> Any:
        return getattr(self.owner, self.name)


class Names:
    """The private names of one library, each looked up once, when the table of them is imported."""

    def __init__(self) -> None:
        self._names: dict[str, Name] = {}

    def __iter__(self) -> Iterator[Name]:
        return iter(self._names.values())

    def find(self, path: str, instead: Any, *, lost: str = "", need: Need = Need.EVERY_RUN) -> Any:
        """Return what `path` names, `instead` where there is no such thing."""
        try:
            value = resolve(path)
        except (ImportError, AttributeError):
            self._enter(Name(path, need, lost, is_there=False))
            return instead
        self._enter(Name(path, need, lost, is_there=True))
        return value

    def find_place(
        self, path: str, instead: Any, *, lost: str = "", need: Need = Need.EVERY_RUN
    ) -> Place:
        """Return where `path` is, to be replaced there."""
        owner, _, name = path.rpartition(".")
        value = self.find(path, _ABSENT, lost=lost, need=need)
        if value is _ABSENT:
            return Place(SimpleNamespace(**{name: instead}), name)
        return Place(resolve(owner), name)

    def missing(self, *needs: Need) -> list[Name]:
        """Return the names that are not there and without which something is lost, for `needs`."""
        return [name for name in self if not name.is_there and name.lost and name.need in needs]

    def _enter(self, name: Name) -> None:
        if name.path in self._names:
            raise ValueError(f"{name.path} is looked up twice")
        self._names[name.path] = name


_ABSENT = object()


def resolve(path: str) -> Any:
    """Return what a dotted path names. Raises ImportError or AttributeError where nothing does."""
    parts = path.split(".")
    value: Any = importlib.import_module(parts[0])
    reached = parts[0]
    for part in parts[1:]:
        reached = f"{reached}.{part}"
        try:
            value = getattr(value, part)
        except AttributeError:
            # A submodule that nobody has imported yet is no attribute of its package.
            if not hasattr(value, "__path__"):
                raise
            value = importlib.import_module(reached)
    return value


# -- stand-ins


def do_nothing(*args: Any, **kwargs: Any) -> None:
    return


class NoMode:
    """Stands in for a mode, as a base class and as a context: entering it changes nothing."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *raised: Any) -> None:
        return


class NoLoader:
    """Stands in for a class of DataLoader's: what replaces its methods is never called."""

    def __next__(self) -> Any:
        raise StopIteration

    def _reset(self) -> None:
        return

    def _next_index(self) -> Any:
        raise StopIteration

    def fetch(self) -> None:
        return
