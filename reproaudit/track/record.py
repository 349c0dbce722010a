"""Owns what is given to a tracker: plain figures, texts and files, which know nothing of audits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """Each row has a cell for each column."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over steps, which rise: (step, value), …"""

    name: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by the inclusive upper ends of their bins, which rise: (upper end, count), …"""

    name: str
    step: int
    bins: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What a run in a tracker is to hold.

    `name` is the run's, `note` says in Markdown what it is. `metrics` are figures, finite ones;
    `params` are what it was made with; `tags` are what runs are found by, and are also set on the
    run that it was logged from. Params may be called anything; no other name is empty. `texts` are
    Markdown, `files` anything, by the names of files. `left_out` are sentences on what a tracker
    was not given.
    """

    name: str
    note: str = ""
    metrics: tuple[tuple[str, float], ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    series: tuple[Series, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a record went. `run` is what the tracker calls the run, `place` where to look at it:
    an address, a folder or a command."""

    tracker: str
    run: str
    place: str = ""


class Tracker(Protocol):
    """One adapter. It raises whatever its library raises: whoever calls it tells that."""

    def has_active_run(self) -> bool:
        """Tell whether the process has a run of this tracker under way."""
        ...

    def log(self, record: TrackRecord, place: str = "") -> Logged:
        """Log the record into the run under way, or into a new one.

        `place` says where a new one is made: an experiment, a project or a folder; "": as the
        tracker's own variables say.
        """
        ...

    def close(self) -> None:
        """Wait for what the library does besides. Called where nobody else uses it, at the end."""
        ...
