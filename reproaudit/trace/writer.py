"""Writing a trace from inside the audited process: cheap per event, readable after a flush."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from reproaudit import files
from reproaudit.model.events import EventFlag, EventKind, Outcome, OutcomeKind, Unchecked
from reproaudit.trace.ending import outcome_row
from reproaudit.trace.event_calls import Digest, EventCalls, Moment
from reproaudit.trace.facts import NO_RANK_YET, ProcessFacts, RunFacts
from reproaudit.trace.schema import (
    EVENTS_FILE,
    NO_STRING,
    RUN_FILE,
    VALUES_FILE,
)
from reproaudit.trace.tables import Place, Tables
from reproaudit.trace.values import ValuesWriter
from reproaudit.trace.words import PROGRESS_FILE

FLUSH_BYTES = 1 << 20
MAX_NOTES = 1000

_pack = struct.Struct("<BBHiIIIHHQQQQQ").pack  # schema.EVENT_FIELDS
_digest = struct.Struct("<QQ")
_flags = struct.Struct("<H")
# Where they are in a record. NumPy knows as well, but a process that only starts others, or writes,
# need not import it.
_FLAGS_AT = struct.calcsize("<BB")
_INPUTS_AT = struct.calcsize("<BBHiIIIHHQ")
_OUTPUTS_AT = _INPUTS_AT + _digest.size
_RECORD_BITS = 6

_getpid, _RLock, _truncate = os.getpid, threading.RLock, os.truncate


class TraceWriter(EventCalls):
    """The live trace of one process. Safe to use from several threads.

    A full or vanished disk never reaches the program: `failed` then says what happened and nothing
    more is written. While `hold` is True only an explicit `flush` writes events. In a forked child
    nothing is written before `rehome`.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        level: str,
        subject: str,
        command: Sequence[str],
        settings: Mapping[str, object],
        environment: Mapping[str, str],
        version: str,
        values_budget: int,
        process: ProcessFacts = NO_RANK_YET,
    ) -> None:
        self._facts = RunFacts(
            level=level,
            subject=subject,
            command=command,
            settings=settings,
            environment=environment,
            version=version,
            process=process,
        )
        self._tables = Tables()
        self._begin(files.absolute(directory), values_budget)

    def _begin(self, directory: str, values_budget: int) -> None:
        """Start an empty trace that shares the tables, so that ids given out before stay valid."""
        self._lock = _RLock()
        self.hold = False
        self.failed = ""
        self._directory = directory
        self._pid = _getpid()
        self._closed = False
        self._buffer = bytearray()
        self._base = 0  # number of the buffer's first event
        self._steps = 0
        self._outcome = Outcome(OutcomeKind.RUNNING)
        self._changes: list[str] = []
        self._notes: dict[str, None] = {}
        self._revision, self._saved_revision = 1, (0, 0)
        self._values = ValuesWriter(f"{directory}/{VALUES_FILE}", values_budget)
        try:
            files.make_folder(self._directory)
            # Before run.json, so that no trace is without it.
            files.write_at(f"{self._directory}/{EVENTS_FILE}", b"", 0, truncate=True)
            self._save()
        except OSError as error:
            self._fail(error)

    def rehome(self, name: str) -> TraceWriter:
        """Begin the trace of a forked child in the folder `name` inside this one, keeping ids;
        return the writer."""
        self._tables.renew_lock()
        # It has inherited its parent's rank, and is none.
        self._facts.identify(NO_RANK_YET)
        self._begin(f"{self._directory}/{name}", self._values.left)
        return self

    # -- tables

    @property
    def directory(self) -> str:
        return self._directory

    def string(self, text: str) -> int:
        """Return the id of `text`; 0, the id of the empty text, once the table is full."""
        return self._tables.string(text)

    def location(self, path: str, line: int, function: str, cell: int = 0) -> int:
        """Return the id of a line; 0, the id of the unknown line, once the table is full."""
        return self._tables.location(path, line, function, cell)

    def location_of(self, location: int) -> Place:
        """Return path, line, function and cell of a location id."""
        return self._tables.location_of(location)

    def thread(self, name: str) -> int:
        """Return the id of a thread name."""
        return self._tables.thread(name)

    # -- events

    def add_record(self, record: bytes) -> int:
        """Append a packed record, as `pack_op` makes that of an operator; return its number."""
        with self._lock:
            # One operation on the attribute: a signal handler may come in between and flush.
            self._buffer += record
            size = len(self._buffer)
            number = self._base + (size >> _RECORD_BITS) - 1
            if size >= FLUSH_BYTES and not self.hold:
                self._flush()
            return number

    def append(
        self,
        kind: EventKind,
        *,
        at: Moment,
        flags: int = 0,
        name: int = NO_STRING,
        module: int = NO_STRING,
        count: int = 1,
        aux: int = 0,
        inputs: Digest = (0, 0),
        outputs: Digest = (0, 0),
    ) -> int:
        """Append an event of any kind by its fields: `trace/schema.py` has their table.

        The recorder uses the calls above, which know what the fields of their kind mean.
        """
        fields = (kind, at.phase, flags, at.step, name, module, at.location, at.thread, count, aux)
        return self.add_record(_pack(*fields, *inputs, *outputs))

    def patch(
        self,
        event: int,
        *,
        inputs: tuple[int, int] | None = None,
        outputs: tuple[int, int] | None = None,
        clear: int = 0,
    ) -> None:
        """Set digests that were not known when the event was added, and take off the flags `clear`.

        ValueError if the event was flushed since.
        """
        with self._lock:
            start = self._position(event)
            if start is None:
                raise ValueError(f"event {event} is before {self._base}, the first in the buffer")
            if inputs is not None:
                _digest.pack_into(self._buffer, start + _INPUTS_AT, *inputs)
            if outputs is not None:
                _digest.pack_into(self._buffer, start + _OUTPUTS_AT, *outputs)
            if clear:
                at = start + _FLAGS_AT
                _flags.pack_into(self._buffer, at, _flags.unpack_from(self._buffer, at)[0] & ~clear)

    def mark(self, event: int, flags: int) -> bool:
        """Add flags to an event; False, and nothing done, if it was flushed since."""
        with self._lock:
            start = self._position(event)
            if start is None:
                return False
            at = start + _FLAGS_AT
            _flags.pack_into(self._buffer, at, _flags.unpack_from(self._buffer, at)[0] | flags)
            return True

    def _position(self, event: int) -> int | None:
        start = (event - self._base) << _RECORD_BITS
        return start if 0 <= start < len(self._buffer) else None

    # -- values, notes

    @property
    def values_left(self) -> int:
        """How many bytes of tensors may still be kept."""
        return self._values.left

    def keep(self, event: int, k: int, dtype: str, shape: tuple[int, ...], data: Any) -> bool:
        """Write a tensor's bytes as tensor `k` of an event and flag the event; False if there is no
        room for it.

        `data` is a C-contiguous buffer in row-major order. `dtype` is torch's name, bare.
        """
        with self._lock:
            if self.failed or not self._is_open():
                return False
            try:
                kept = self._values.add(f"{event}.{k}", dtype, shape, data)
            except OSError as error:
                self._fail(error)
                return False
            if kept:
                self.mark(event, EventFlag.KEPT)
            return kept

    def note(self, code: Unchecked, what: str, why: str) -> None:
        """Say once that something was not checked."""
        with self._lock:
            row = files.encode({"code": code.value, "what": what, "why": why})
            if row in self._notes or len(self._notes) > MAX_NOTES:
                return
            if len(self._notes) == MAX_NOTES:
                row = files.encode(
                    {
                        "code": Unchecked.TOO_MANY_NOTES.value,
                        "what": "more than can be listed",
                        "why": f"there are {MAX_NOTES:,} other notes",
                    }
                )
            self._notes[row] = None
            self._revision += 1

    def change(self, what: str, before: str, after: str, location: int) -> None:
        """Say that the program itself changed a determinism setting."""
        with self._lock:
            if len(self._changes) < MAX_NOTES:
                row = {"what": what, "before": before, "after": after, "location": location}
                self._changes.append(files.encode(row))
                self._revision += 1

    def learn(self, name: str, value: str) -> None:
        """Add to the environment what shows only later: which device the program uses."""
        with self._lock:
            self._facts.learn(name, value)
            self._revision += 1

    def identify(self, process: ProcessFacts) -> None:
        """Say which of the run's processes this is, which may show only while it runs."""
        with self._lock:
            self._facts.identify(process)
            self._revision += 1

    # -- files

    def flush(self, steps: int) -> int:
        """Write all that was recorded, lest the process be killed; return how many events."""
        with self._lock:
            if steps != self._steps:
                self._steps = steps
                self._revision += 1
            self._flush()
            return self._base

    def cut(self, event: int) -> None:
        """Write what was recorded, and drop the events from number `event` on."""
        with self._lock:
            self._flush()
            try:
                _truncate(f"{self._directory}/{EVENTS_FILE}", event << _RECORD_BITS)
            except OSError as error:
                self._fail(error)
            self._base = event

    def close(self, outcome: Outcome, steps: int) -> None:
        """Write the rest and how the run ended. Only the first call counts, and none in a forked
        child."""
        with self._lock:
            if not self._is_open():
                return
            self._outcome = outcome
            self._revision += 1
            self.flush(steps)
            if self.failed:
                self.note(
                    Unchecked.TRACE_NOT_WRITTEN,
                    "what came after the last flush",
                    f"the trace could not be written: {self.failed}",
                )
                with suppress(OSError):  # the disk may have room again, or for this one file
                    self._save()
            self._closed = True

    def _is_open(self) -> bool:
        # A forked child that has no trace of its own must not write into its parent's.
        return not self._closed and _getpid() == self._pid

    def _flush(self) -> None:
        # Nothing leaves the buffer before it is in the file, at the place that its number gives it:
        # a flush that an exception from a signal handler interrupts is done again by the next.
        data = bytes(self._buffer)
        if self._is_open() and not self.failed:
            try:
                if (self._revision, self._tables.revision) != self._saved_revision:
                    self._save()
                if data:
                    at = self._base << _RECORD_BITS
                    files.write_at(f"{self._directory}/{EVENTS_FILE}", data, at)
                self._values.flush()
            except OSError as error:
                self._fail(error)
        base, rest = self._base + (len(data) >> _RECORD_BITS), self._buffer[len(data) :]
        self._base, self._buffer = base, rest

    def _save(self) -> None:
        if self._tables.is_full:
            self.note(
                Unchecked.TOO_MANY_NAMES,
                "some names and lines of code",
                "the program has more of them than a trace can hold",
            )
        revision = self._revision, self._tables.revision
        growing = self._tables.as_json() | {
            "steps": str(self._steps),
            "events": str(self._base + (len(self._buffer) >> _RECORD_BITS)),
            "outcome": files.encode(outcome_row(self._outcome)),
            "changes": _array(self._changes),
            "notes": _array(list(self._notes)),
        }
        grown = "".join(f',"{key}":{value}' for key, value in growing.items())
        text = f"{self._facts.text}{grown}}}\n"
        files.write_whole(f"{self._directory}/{RUN_FILE}", text.encode("ascii"))
        files.write_at(f"{self._directory}/{PROGRESS_FILE}", str(self._steps).encode("ascii"), 0)
        self._saved_revision = revision

    def _fail(self, error: OSError) -> None:
        self.failed = self.failed or error.strerror or str(error) or type(error).__name__


def _array(rows: list[str]) -> str:
    return "[" + ",\n".join(rows) + "]"
