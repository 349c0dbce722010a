"""The tables of a trace that is being written: strings, lines of code and threads, each given a
small number."""

from __future__ import annotations

import threading

from reproaudit.files import encode, legible

MAX_TABLE_BYTES = (
    24 << 20
)  # of all strings and locations as JSON: programs that make up names are cut here
_MAX_THREADS = 1 << 16
_MAX_LINE = (1 << 31) - 1

Place = tuple[str, int, str, int]  # path, line, function, cell of a notebook or 0

_PLACE_FIELDS = ("path", "line", "function", "cell")
_RLock = threading.RLock


class Tables:
    """Hands out ids, the same for the same entry. What is in a table never changes; `revision`
    counts the entries."""

    def __init__(self) -> None:
        self.revision = 0
        self.is_full = False  # some string or location got id 0 because there was no room
        self._bytes = 0
        self._string_ids: dict[str, int] = {}
        self._strings: list[str] = []  # as JSON
        self._location_ids: dict[Place, int] = {}
        self._locations: list[
            tuple[Place, str]
        ] = []  # one list, so that a fork cannot see half an entry
        self._thread_ids: dict[str, int] = {}
        self.renew_lock()
        self.string("")
        self.location("", 0, "")
        self.thread("MainThread")

    def renew_lock(self) -> None:
        """Call in a forked child: the parent's lock may have been held by a thread that does not
        exist there."""
        self._lock = _RLock()

    def string(self, text: str) -> int:
        found = self._string_ids.get(text)
        return self._add_string(text) if found is None else found

    def _add_string(self, text: str) -> int:
        with self._lock:
            shown = legible(text)
            found = self._string_ids.get(shown)
            if found is None:
                encoded = encode(shown)
                if not self._has_room(encoded):
                    return 0
                found = len(self._strings)
                self._strings.append(encoded)
                self._string_ids[shown] = found
            self._string_ids[text] = found
            return found

    def location(self, path: str, line: int, function: str, cell: int = 0) -> int:
        found = self._location_ids.get((path, line, function, cell))
        return self._add_location((path, line, function, cell)) if found is None else found

    def _add_location(self, wanted: Place) -> int:
        path, line, function, cell = wanted
        with self._lock:
            place = legible(path), min(max(0, line), _MAX_LINE), legible(function), cell
            found = self._location_ids.get(place)
            if found is None:
                encoded = encode(dict(zip(_PLACE_FIELDS, place, strict=True)))
                if not self._has_room(encoded):
                    return 0
                found = len(self._locations)
                self._locations.append((place, encoded))
                self._location_ids[place] = found
            self._location_ids[wanted] = found
            return found

    def _has_room(self, encoded: str) -> bool:
        if self._bytes + len(encoded) > MAX_TABLE_BYTES:
            self.is_full = True
            return False
        self._bytes += len(encoded) + 2
        self.revision += 1
        return True

    def location_of(self, location: int) -> Place:
        return self._locations[location][0]

    def thread(self, name: str) -> int:
        """Return the id of a thread name. All threads beyond the 65,536th share the last id."""
        with self._lock:
            found = self._thread_ids.get(name)
            if found is None:
                found = min(len(self._thread_ids), _MAX_THREADS - 1)
                if len(self._thread_ids) < _MAX_THREADS:
                    self._thread_ids[name] = found
                    self.revision += 1
            return found

    def as_json(self) -> dict[str, str]:
        """Return the tables as the JSON texts of the header's fields."""
        return {
            "strings": "[" + ",\n".join(self._strings) + "]",
            "locations": "[" + ",\n".join([row for _, row in self._locations]) + "]",
            "threads": encode(list(self._thread_ids)),
        }
