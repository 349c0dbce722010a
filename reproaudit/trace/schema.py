"""The trace format: one directory per run, `run.json`, `events.bin`, `values.safetensors`.

Format history
  1  first version
  2  events of kind LINE, FILE and REPLAY; the flags PINNED and RACED
  3  a note has a code, a value of model.events.Unchecked
  4  run.json says which of a run's processes it is about, and a location its cell; events of kind
     REPLICA, BUFFER and STATE
  5  events of kind PIECE and SETTING; of ops, the flag IN_TURNS

`events.bin` is a sequence of 64-byte little-endian records (`EVENT_FIELDS`), appended and flushed
at each step, so a killed run leaves a readable prefix. `run.json` is rewritten (temporary name,
rename) before new events are flushed whenever a table grew, so every id in a flushed record
resolves.
`values.safetensors` is valid at each flush: its header has a fixed reserved size and is padded with
spaces. Tensor K of event number N is stored under the name "N.K". A run that was asked for them has
digests of slices in `slices.safetensors`, which `trace/slices.py` describes.
"""

from __future__ import annotations

from typing import Any, TypedDict

MAGIC = "reproaudit-trace"
FORMAT_VERSION = 5
RUN_FILE = "run.json"
EVENTS_FILE = "events.bin"
VALUES_FILE = "values.safetensors"
# tensors of an op event: outputs and mutated inputs from 0, copies of its inputs from here
INPUTS_FROM = 1000
NO_LOCATION = 0  # entry 0 of the location table is "unknown"
NO_STRING = 0  # entry 0 of the string table is ""
NO_RANK = -1

# A record has the same fields whatever its kind; what the last of them hold depends on it. The
# writer has a call for each kind (`trace/writer.py`), and a view of each names them
# (`trace/views.py`): nobody else reads a field.
#
# kind      name             module        aux                     inputs[2]        outputs[2]
# --------- ---------------- ------------- ---------------------   ---------------- --------------
# OP        "aten::mm.…"     module's path RANDOM: digest of the   digest, 0: none  digest of
#                                          generator's state;                       outputs and of
#                                          READS_UNDEFINED, a                       mutated inputs
#                                          copy that is
#                                          UNDEFINED: event that
#                                          allocated;
#                                          OUTSIDE_WRITE: event
#                                          that made the memory, or
#                                          wrote it in another
#                                          thread; else of an op
#                                          that ranks reduce by:
#                                          the bytes it was given
# BATCH …   its name         -             string:                 -                digest
# FINAL                                    "float32[8, 3]"
# GRADIENT, its name         ranks         string: as above        -                digest
# PARAMETER,
# BUFFER,
# STATE
# SAVED     "FILE: its name" -             string: as above        file, its save   digest
# REPLICA   its class        ranks         1: its buffers, too     -                -
# RNG       random stream    -             -                       -                its state
#           "epoch:STREAM"   what for      the sampler's share     loader, iterator its state
#           "fetch:STREAM"   -             -                       loader, iterator its state
#           "draw:OP"        module's path -                       -                its state
#           "seed:STREAM"    -             -                       -                its state
#           "worker:STREAM:  what for      number of the worker    loader, iterator its state
#             WHEN"
#           "seed-after-     -             -                       -                its state
#             draw:STREAM"
# ALERT     op               module's path string: the message     -                -
#   RACED   op               module's path string: the message     string: other op, 1: with the
#                                                                  its location     host, 0
# ENTROPY   call             library call  string: shown value     generator's state digest of value
# SETTING   what was set     by: library   string: its value       string: what     -
#                            function                              was made before
# FILE      path as shown    absolute path string: kind of access  -                digest of it
# LINE      variable,        -             string: shown value     what it read, or its value, or
#           "return",                                              state before     state after
#           "stream:NAME",
#           "" (ran)
# REPLAY    op               -             event of the op         made, differing  -
# PIECE     its name; ""     kind of state string: shown value     moment; file     digest of it
#           that of none:
#           a moment
#           path of a file   writer        -                       moment; file     -
#
# "ranks" are those on which DistributedDataParallel keeps copies of it: "0,1"; "-" where each rank
# has a share of its own; "" where neither is known.
# `count` is the number of tensors that `outputs` combines; of a worker's stream the batches so far;
# of a replay the way of repeating (`words.ReplayWay`).
# As run.json spells it out: [name, type] or [name, type, [length]], the types as NumPy names them.
EVENT_FIELDS: list[list[Any]] = [
    ["kind", "|u1"],  # model.EventKind
    ["phase", "|u1"],  # model.Phase
    ["flags", "<u2"],  # model.EventFlag
    # optimizer steps completed when the event happened: 0 before the first one ends
    ["step", "<i4"],
    ["name", "<u4"],  # string id
    ["module", "<u4"],  # string id
    ["location", "<u4"],  # location id of the user's line
    ["thread", "<u2"],  # 0 is the main thread, others in the order in which they were started
    ["count", "<u2"],
    ["aux", "<u8"],
    ["inputs", "<u8", [2]],
    ["outputs", "<u8", [2]],
]


class LocationRow(TypedDict):
    path: str
    line: int
    function: str
    cell: int  # of a notebook; 0: none


class NoteRow(TypedDict):
    code: str  # a value of model.events.Unchecked
    what: str
    why: str


class ChangeRow(TypedDict):
    what: str
    before: str
    after: str
    location: int


class ProcessRow(TypedDict):
    rank: int
    world: int
    restart: int
    is_launcher: bool


class OutcomeRow(TypedDict):
    kind: str
    code: int | None
    detail: str


class Header(TypedDict):
    """`run.json` without its tables of names and lines.

    `events` and `steps` are what the writer believed at its last flush; the file's size decides.
    """

    magic: str
    format: int
    reproaudit: str
    level: str
    subject: str
    command: list[str]
    settings: dict[str, object]
    environment: dict[str, str]
    process: ProcessRow
    event_dtype: list[list[object]]
    threads: list[str]
    steps: int
    events: int
    outcome: OutcomeRow
    changes: list[ChangeRow]
    notes: list[NoteRow]


class WholeHeader(Header):
    """`run.json`."""

    strings: list[str]
    locations: list[LocationRow]
