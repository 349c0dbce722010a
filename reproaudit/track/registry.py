"""Owns the table of trackers. A new tracker is one module and one entry here."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from reproaudit.errors import ReproauditError, UsageError, did_you_mean

if TYPE_CHECKING:
    from reproaudit.track.record import Tracker

NONE = "none"  # names no tracker: where the configuration names some, it takes them back


@dataclass(frozen=True, slots=True)
class Entry:
    """`library` is what the adapter needs, from the extra of the tracker's name; `oldest` the first
    version of it that the adapter knows."""

    module: str
    adapter: str
    library: str
    oldest: str


TRACKERS = {
    "mlflow": Entry("reproaudit.track.to_mlflow", "MlflowTracker", "mlflow", "3.0"),
    "wandb": Entry("reproaudit.track.to_wandb", "WandbTracker", "wandb", "0.19"),
    "tensorboard": Entry(
        "reproaudit.track.to_tensorboard", "TensorboardTracker", "tensorboard", "2.16"
    ),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tracker and where in it: see `Tracker.log`."""

    tracker: str
    place: str = ""


def read_wanted(words: Iterable[str]) -> tuple[Wanted, ...]:
    """Read `mlflow` and `mlflow=PLACE`, each once; `none` names no tracker.

    Raises UsageError for an unknown tracker and for one whose library is not installed.
    """
    found: dict[Wanted, None] = {}
    for word in words:
        name, equals, place = word.partition("=")
        if word == NONE:
            continue
        require_tracker(name)
        if equals and not place:
            raise UsageError(
                f"{word!r} names no place", code="usage", hint=f"--track {name}, or {name}=PLACE"
            )
        found[Wanted(name, place)] = None
    return tuple(found)


def require_tracker(name: str) -> None:
    """Raise UsageError for an unknown tracker and for one whose library is not installed.

    The library is not imported: that takes seconds.
    """
    if name not in TRACKERS:
        raise UsageError(
            f"there is no tracker {name!r}",
            code="tracker-unknown",
            hint=did_you_mean(name, (*TRACKERS, NONE)),
        )
    library = TRACKERS[name].library
    if not _is_installed(library):
        raise UsageError(
            f"tracker {name!r} needs {library}, which is not installed",
            code="extra-missing",
            hint=f"pip install 'reproaudit[{name}]'",
        )


def _is_installed(library: str) -> bool:
    if library in sys.modules:
        return True
    spec = find_spec(library)
    # Any folder of that name is a package without a file, and trackers make such folders.
    return spec is not None and spec.origin is not None


def load_tracker(entry: Entry) -> Tracker:
    """Import the adapter, but not yet its library."""
    make = getattr(importlib.import_module(entry.module), entry.adapter)
    return cast("Tracker", make())


def import_tracker(entry: Entry) -> Tracker:
    """Import the adapter and its library. Raises ReproauditError if the library is too old."""
    library = importlib.import_module(entry.library)
    found = str(library.__version__)
    if _read_version(found) < _read_version(entry.oldest):
        raise ReproauditError(
            f"{entry.library} {found} is too old: {entry.oldest} or newer is needed",
            code="track-failed",
        )
    return load_tracker(entry)


def _read_version(text: str) -> list[int]:
    """Return the first two numbers of a version."""
    return [int(number) for number in re.findall(r"\d+", text)[:2]]


def find_active() -> tuple[Wanted, ...]:
    """Return the trackers that have a run under way in this process."""
    active = []
    for name, entry in TRACKERS.items():
        if entry.library in sys.modules and load_tracker(entry).has_active_run():
            active.append(Wanted(name))
    return tuple(active)
