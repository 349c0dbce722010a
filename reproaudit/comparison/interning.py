"""One numbering of names and lines over several traces."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from reproaudit.comparison.numbered_files import match_numbered
from reproaudit.config.tolerance import Ignored
from reproaudit.model.events import Location
from reproaudit.trace.reader import Trace
from reproaudit.trace.shelf import Contents
from reproaudit.trace.words import SAVED_IN

Ids = npt.NDArray[np.int64]


class Interned:
    """Numbers the strings and locations of several traces alike, so that ids can be compared.

    `ignored` says which tensors every comparison under this numbering leaves out: those that decide
    the verdict, and those that diagnose it.
    """

    def __init__(self, ignored: tuple[Ignored, ...] = ()) -> None:
        self.ignored = ignored
        self._strings: dict[str, int] = {"": 0}
        self._locations: dict[tuple[str, int], int] = {}
        # Of what is in memory only: of a thousand traces that are a few.
        self._by_contents: WeakKeyDictionary[Contents, tuple[Ids, Ids]] = WeakKeyDictionary()
        # What the first run saved, by process, in which all others look for theirs.
        self._saved: dict[int, frozenset[str]] = {}
        # The first event that is compared, and what is added to the numbers of steps.
        self._beginnings: WeakKeyDictionary[Trace, tuple[int, int]] = WeakKeyDictionary()

    def string(self, text: str) -> int:
        """Return the common number of a text, which need not be in any trace."""
        return self._strings.setdefault(text, len(self._strings))

    def ids(self, trace: Trace) -> tuple[Ids, Ids]:
        """Return two arrays that map the trace's string and location ids to the common ones."""
        contents = trace.get_contents()
        known = self._by_contents.get(contents)
        if known is not None:
            return known
        string_numbers = [self.string(text) for text in contents.strings]
        location_numbers = [self._location(place) for place in contents.locations]
        strings = np.array(string_numbers, dtype=np.int64)
        locations = np.array(location_numbers, dtype=np.int64)
        self._by_contents[contents] = (strings, locations)
        return strings, locations

    def number_saved(self, trace: Trace, chosen: Ids, *, process: int) -> Ids:
        """Return the common number of the name of each saved tensor among the events `chosen`.

        Files that are numbered by what earlier runs left count as those of the first trace of the
        process: see `match_numbered`.
        """
        strings, _ = self.ids(trace)
        names = trace.columns.name[chosen]
        texts = {int(name): trace.strings[name] for name in np.unique(names)}
        files = {number: text.partition(SAVED_IN)[0] for number, text in texts.items()}
        if not files:
            return strings[names]
        first = self._saved.setdefault(process, frozenset(files.values()))
        matched = match_numbered(files.values(), first)
        common = strings[names]
        for number, file in files.items():
            if file in matched:
                renamed = matched[file] + texts[number][len(file) :]
                common[names == number] = self.string(renamed)
        return common

    def begin(self, trace: Trace, event: int, *, step: int = 0) -> None:
        """Compare a trace from an event on. Its step 0 is step `step` of the others."""
        self._beginnings[trace] = (event, step)

    def leave_out_beginning(self, trace: Trace, events: Ids) -> Ids:
        """Return those of the events that are compared; they rise."""
        first, _ = self._beginnings.get(trace, (0, 0))
        return events[np.searchsorted(events, first) :]

    def count_steps(self, trace: Trace, events: Ids) -> Ids:
        """Return the step of each event, as all traces count it."""
        _, step = self._beginnings.get(trace, (0, 0))
        return trace.columns.step[events].astype(np.int64) + step

    def _location(self, place: Location) -> int:
        # A line is the same line whatever the enclosing function is called: generated names vary.
        key = (place.path, place.line)
        return self._locations.setdefault(key, len(self._locations))
