"""The trace format: one directory per run, `run.json`, `events.bin`, `values.safetensors`.

Format history
  1  first version
  2  events of kind LINE, FILE and REPLAY; the flags PINNED and RACED

`events.bin` is a sequence of 64-byte little-endian records (`EVENT`), appended and flushed at each
step, so a killed run leaves a readable prefix. `run.json` is rewritten (temporary name, rename)
before new events are flushed whenever a table grew, so every id in a flushed record resolves.
`values.safetensors` is valid at each flush: its header has a fixed reserved size and is padded with
spaces. Tensor K of event number N is stored under the name "N.K".
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

MAGIC = "reproaudit-trace"
FORMAT_VERSION = 2
RUN_FILE = "run.json"
EVENTS_FILE = "events.bin"
VALUES_FILE = "values.safetensors"
# not part of the trace: the steps flushed so far as ASCII, for whoever waits for the run
PROGRESS_FILE = "progress"
# tensors of an op event: outputs and mutated inputs from 0, copies of its inputs from here
INPUTS_FROM = 1000
NO_LOCATION = 0  # entry 0 of the location table is "unknown"
NO_STRING = 0  # entry 0 of the string table is ""

EVENT = np.dtype(
    [
        ("kind", "u1"),  # model.EventKind
        ("phase", "u1"),  # model.Phase
        ("flags", "<u2"),  # model.EventFlag
        (
            "step",
            "<i4",
        ),  # optimizer steps completed when the event happened: 0 before the first one ends
        (
            "name",
            "<u4",
        ),  # string id: "aten::mm.default", a tensor's name, a random stream, an entropy call
        ("module", "<u4"),  # string id of the module path
        ("location", "<u4"),  # location id of the user's line
        ("thread", "<u2"),  # 0 is the main thread, others in the order in which they were started
        ("count", "<u2"),  # number of output tensors that `outputs` combines
        (
            "aux",
            "<u8",
        ),  # random ops: digest of the generator state; READS_UNDEFINED: event number of the
        # allocation; boundary events: string id of the tensor's description, "float32[8, 3]";
        # alerts: string id of the message; entropy: string id of a shown value, else 0; replays:
        # event number of the op that was repeated
        (
            "inputs",
            "<u8",
            (2,),
        ),  # 128-bit digest over all inputs that the op reads, zero if none; replays: how many
        # were made, and how many differed; alerts that are RACED: string id of the other op and
        # location id of its line
        (
            "outputs",
            "<u8",
            (2,),
        ),  # 128-bit digest over all outputs and mutated inputs, or of the tensor; alerts that
        #                            are RACED: 1 if the race is with the host
    ]
)
assert EVENT.itemsize == 64
# As run.json spells it out: [name, type] or [name, type, [length]].
EVENT_FIELDS: list[list[object]] = [[row[0], row[1], *map(list, row[2:])] for row in EVENT.descr]


class LocationRow(TypedDict):
    path: str
    line: int
    function: str


class NoteRow(TypedDict):
    code: str  # a value of model.events.Unchecked
    what: str
    why: str


class ChangeRow(TypedDict):
    what: str
    before: str
    after: str
    location: int


class OutcomeRow(TypedDict):
    kind: str
    code: int | None
    detail: str


class Header(TypedDict):
    """`run.json`. `events` and `steps` are what the writer believed at its last flush; the file's
    size decides."""

    magic: str
    format: int
    reproaudit: str
    level: str
    subject: str
    command: list[str]
    settings: dict[str, object]
    environment: dict[str, str]
    event_dtype: list[list[object]]
    strings: list[str]
    locations: list[LocationRow]
    threads: list[str]
    steps: int
    events: int
    outcome: OutcomeRow
    changes: list[ChangeRow]
    notes: list[NoteRow]
