"""What broken and hostile traces cost: the time to refuse one, or to read its good beginning, over
reading a sound one.

python benchmarks/hostile.py [--events 1000000] [--out reports/overhead/hostile.md]

Damage to the events is compared with the same trace undamaged. A `run.json` is compared with that
of a sound trace whose tables are the largest that a recording writes, at the same size. Each figure
is the shortest of several.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from figures import publish
from traces import LINES, make_trace

from reproaudit.errors import TraceError
from reproaudit.files import MAX_RUN_FILE_BYTES
from reproaudit.trace.reader import Trace
from reproaudit.trace.schema import EVENTS_FILE, RUN_FILE, VALUES_FILE
from reproaudit.trace.tables import MAX_TABLE_BYTES

REPEATS = 3
SLACK = 1.25  # what two measurements of the same thing differ by on a busy machine


def opened(folder: Path) -> tuple[float, str]:
    """Return the time to open the trace, and what came of it."""
    start = time.perf_counter()
    try:
        trace = Trace.open(folder)
    except TraceError as error:
        return time.perf_counter() - start, f"refused: {error.code}"
    return time.perf_counter() - start, f"{len(trace.events):,} events" + (
        ", damage told" if trace.damage else ""
    )


def edited(**changes: Any) -> Callable[[Path], None]:
    """Return a change of fields of `run.json`."""

    def spoil(folder: Path) -> None:
        header = json.loads((folder / RUN_FILE).read_text())
        (folder / RUN_FILE).write_text(json.dumps(header | changes))

    return spoil


def padded(field: str, one: str) -> Callable[[Path], None]:
    """Fill a field of `run.json` with copies of one JSON text, without making the file larger than
    it is."""

    def spoil(folder: Path) -> None:
        path = folder / RUN_FILE
        header = json.loads(path.read_text()) | {"locations": [json.loads(PLACE)] * (LINES + 1)}
        rest = json.dumps({name: value for name, value in header.items() if name != field})
        room = path.stat().st_size - len(rest) - 100
        many = ",".join([one] * max(1, room // (len(one) + 1)))
        path.write_text(f'{rest[:-1]},"{field}":[{many}]}}')

    return spoil


def of_bytes(name: str, content: Callable[[int], bytes]) -> Callable[[Path], None]:
    """Replace a file by other bytes, made for its size."""

    def spoil(folder: Path) -> None:
        size = (folder / name).stat().st_size if (folder / name).exists() else 0
        (folder / name).write_bytes(content(size))

    return spoil


def cut(share: float, extra: int = 0) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / EVENTS_FILE
        os.truncate(path, int(path.stat().st_size * share) + extra)

    return spoil


def flipped(bits: int) -> Callable[[Path], None]:
    """Flip single bits anywhere in the events."""

    def spoil(folder: Path) -> None:
        content = np.fromfile(folder / EVENTS_FILE, np.uint8)
        at = np.random.default_rng(0).integers(0, len(content), bits)
        content[at] ^= 1 << (at % 8).astype(np.uint8)
        content.tofile(folder / EVENTS_FILE)

    return spoil


def random_bytes(size: int) -> bytes:
    return np.random.default_rng(0).bytes(size)


def many_tensors(size: int) -> bytes:
    """Return a values file whose header names a hundred thousand tensors."""
    one = '"{}.0":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    header = ("{" + ",".join(one.format(number) for number in range(100_000)) + "}").encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


PLACE = '{"path":"a.py","line":1,"function":"f"}'
EVENTS: dict[str, Callable[[Path], None]] = {
    "cut to a half": cut(0.5),
    "cut inside an event": cut(0.9, 7),
    "cut to nothing": cut(0.0),
    "a hole of 64 GiB behind": cut(1.0, 1 << 36),
    "1 bit flipped": flipped(1),
    "1,000 bits flipped": flipped(1000),
    "random bytes": of_bytes(EVENTS_FILE, random_bytes),
    "all zeros": of_bytes(EVENTS_FILE, bytes),
    "all ones": of_bytes(EVENTS_FILE, lambda size: b"\xff" * size),
    "count of events too high": edited(events=2**62),
    "steps too high": edited(steps=2**31 - 1),
    "another dtype": edited(event_dtype=[["kind", "<u8"]]),
    "no strings": edited(strings=[""]),
    "no locations": edited(locations=[json.loads(PLACE)]),
}
TABLES: dict[str, Callable[[Path], None]] = {
    "nothing but locations": padded("locations", PLACE),
    "nothing but strings": padded("strings", '"a"'),
    "one string": padded("strings", '"' + "a" * (MAX_TABLE_BYTES - 1000) + '"'),
    "nothing but escapes": padded("strings", '"\\ud800"'),
    "numbers for strings": padded("strings", "1"),
    "nothing but changes": padded("changes", '{"what":"","before":"","after":"","location":0}'),
    "empty objects for notes": padded("notes", "{}"),
    "nested lists": of_bytes(RUN_FILE, lambda size: b"[" * size),
    "nested objects": of_bytes(RUN_FILE, lambda size: b'{"a":' * (size // 5)),
    "random bytes as run.json": of_bytes(RUN_FILE, random_bytes),
    "spaces as run.json": of_bytes(RUN_FILE, lambda size: b"{" + b" " * size),
    "a million locations": of_bytes(
        RUN_FILE, lambda size: b"[" + b",".join([PLACE.encode()] * 1_000_000) + b"]"
    ),
    "more than is ever written": of_bytes(RUN_FILE, lambda size: b" " * (MAX_RUN_FILE_BYTES + 1)),
    "values: a header of 100,000 tensors": of_bytes(VALUES_FILE, many_tensors),
    "values: a header of 2^63 bytes": of_bytes(VALUES_FILE, lambda size: b"\xff" * 4096),
}


def rows(
    sound: Path, spoilers: dict[str, Callable[[Path], None]], measured: dict[str, float]
) -> list[str]:
    """Return a row for the sound trace and one for each way to spoil it."""
    lines = [f"| sound | {opened(sound)[1]} | 1 | |"]
    for label, spoil in spoilers.items():
        folder = sound.with_name("spoiled")
        shutil.copytree(sound, folder)
        spoil(folder)
        turns = [(opened(sound), opened(folder)) for _ in range(REPEATS)]
        shutil.rmtree(folder)
        ratio = measured[label] = min(turn[1][0] for turn in turns) / min(
            turn[0][0] for turn in turns
        )
        lines.append(
            f"| {label} | {turns[0][1][1]} | {ratio:.2f} | {'' if ratio <= SLACK else 'slower'} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    measured: dict[str, float] = {}
    lines = [
        f"Traces of {options.events:,} events; time over that of reading a sound one, shortest of "
        f"{REPEATS}.",
        "",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for title, table_bytes, spoilers in (
            ("small tables", 0, EVENTS),
            ("full tables", MAX_TABLE_BYTES, TABLES),
        ):
            make_trace(Path(scratch) / title, options.events, table_bytes=table_bytes)
            lines += [
                f"| against a trace with {title} | what comes of it | time | |",
                "|---|---|---|---|",
            ]
            lines += [*rows(Path(scratch) / title, spoilers, measured), ""]
    publish(lines, options.out, measured)


if __name__ == "__main__":
    main()
