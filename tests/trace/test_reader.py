from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproaudit import files
from reproaudit.errors import TraceError
from reproaudit.model.events import (
    EventKind,
    Level,
    NotChecked,
    Outcome,
    OutcomeKind,
    Phase,
    Unchecked,
)
from reproaudit.trace import reader, values
from reproaudit.trace.event_calls import Moment
from reproaudit.trace.reader import Trace
from reproaudit.trace.records import EVENT, Events
from tests.trace.sample import DONE, new_writer, op, write_sample

U64 = st.integers(0, 2**64 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Events]:
    monkeypatch.setattr(values, "HEADER_BYTES", 512)
    return tmp_path / "t", write_sample(tmp_path / "t")


def read_everything(directory: Path) -> Events | None:
    """Open the trace and use all of it; return its events, or None where it is refused."""
    try:
        trace = Trace.open(directory)
    except TraceError:
        return None
    for row in trace.events:
        texts = (
            trace.strings[row["name"]],
            trace.strings[row["module"]],
            trace.threads[row["thread"]],
        )
        assert all(isinstance(text, str) for text in texts)
        assert int(row["kind"]) == EventKind(row["kind"])
        assert int(row["phase"]) == Phase(row["phase"])
        assert trace.locations[row["location"]].line >= 0
    for event in range(len(trace.events)):
        for value in trace.values(event):
            assert np.zeros(value.shape).size * values._ITEM_BYTES.get(value.dtype, 0) in (
                0,
                len(value.data),
            )
    return trace.events


def is_prefix(found: Events | None, expected: Events, except_for: int = -1) -> bool:
    if found is None:
        return True
    same = (found == expected[: len(found)]) | (np.arange(len(found)) == except_for)
    return len(found) <= len(expected) and bool(same.all())


def edit_run_file(directory: Path, **changes: Any) -> None:
    header = json.loads((directory / "run.json").read_text())
    (directory / "run.json").write_text(json.dumps(header | changes))


def refusal(directory: Path) -> TraceError:
    with pytest.raises(TraceError) as caught:
        Trace.open(directory)
    assert caught.value.hint
    assert repr(str(directory))[1:-1] in caught.value.message
    return caught.value


@settings(max_examples=60)
@given(
    strings=st.lists(TEXT, max_size=4),
    places=st.lists(st.tuples(TEXT, st.integers(0, 2**31 - 1), TEXT), max_size=3),
    thread_names=st.lists(TEXT, max_size=3),
    rows=st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 9, U64, U64, U64, U64, U64), max_size=6),
    notes=st.lists(st.tuples(TEXT, TEXT), max_size=3, unique=True),
    outcome=st.builds(
        Outcome, st.sampled_from(OutcomeKind), st.none() | st.integers(-(2**31), 2**32 - 1), TEXT
    ),
    level=st.sampled_from(Level),
)
def test_any_trace_is_read_as_it_was_written(
    strings: list[str],
    places: list[tuple[str, int, str]],
    thread_names: list[str],
    rows: list[tuple[int, ...]],
    notes: list[tuple[str, str]],
    outcome: Outcome,
    level: Level,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        live = new_writer(
            Path(folder), level=level.value, environment=dict(notes), subject="".join(strings)
        )
        names = [0, *map(live.string, strings)]
        sites = [0, *itertools.starmap(live.location, places)]
        threads = [0, *map(live.thread, thread_names)]
        expected = []
        for kind, phase, flags, step, name, module, site, thread, count, aux, *digests in rows:
            fields = (
                1 + kind % 9,
                phase % 4,
                flags % 2**16,
                step % 2**31,
                names[name % len(names)],
                names[module % len(names)],
                sites[site % len(sites)],
                threads[thread % len(threads)],
                count % 2**16,
            )
            expected.append(
                (*fields, aux if fields[0] == EventKind.OP else 0, digests[:2], digests[2:])
            )
            live.append(
                fields[0],
                at=Moment(fields[1], fields[3], fields[6], fields[7]),
                flags=fields[2],
                name=fields[4],
                module=fields[5],
                count=fields[8],
                aux=expected[-1][9],
                inputs=digests[:2],
                outputs=digests[2:],
            )
        for note in notes:
            live.note(Unchecked.NO_BYTES, *note)
        live.close(outcome, 3)
        trace = Trace.open(folder)
        found = [
            (*row.tolist()[:10], row["inputs"].tolist(), row["outputs"].tolist())
            for row in trace.events
        ]
        assert found == expected
        assert [trace.strings[i] for i in names] == ["", *strings]
        assert [(p.path, p.line, p.function) for p in (trace.locations[i] for i in sites)] == [
            ("", 0, ""),
            *places,
        ]
        assert [trace.threads[i] for i in threads] == ["MainThread", *thread_names]
        assert (trace.outcome, trace.level, trace.damage) == (outcome, level, "")
        assert trace.notes == tuple(NotChecked(Unchecked.NO_BYTES, *note) for note in notes)
        assert trace.header["environment"] == dict(notes)
        assert not trace.events.flags.writeable


@pytest.mark.parametrize("file", ["run.json", "events.bin", "values.safetensors"])
def test_a_file_cut_anywhere_gives_a_prefix_or_an_error(
    sample: tuple[Path, Events], file: str
) -> None:
    directory, expected = sample
    whole = (directory / file).read_bytes()
    lengths = []
    # Without its last byte, a newline, run.json is still complete.
    places = range(0, len(whole) - 1, 2 if file == "events.bin" else 5)
    for length in places:
        (directory / file).write_bytes(whole[:length])
        found = read_everything(directory)
        assert is_prefix(found, expected)
        lengths.append(-1 if found is None else len(found))
    if file == "run.json":
        assert set(lengths) == {-1}
    elif file == "events.bin":
        assert lengths == [length // EVENT.itemsize for length in places]
    else:
        assert set(lengths) == {len(expected)}


def flips(path: Path, stride: int) -> Iterator[tuple[int, int]]:
    whole = path.read_bytes()
    for place in range(0, 8 * len(whole), stride):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        yield place // 8, place % 8
    path.write_bytes(whole)


@pytest.mark.parametrize(
    "stride", [pytest.param(43, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("file", ["run.json", "events.bin", "values.safetensors"])
def test_a_flipped_bit_spoils_no_event_but_its_own(
    sample: tuple[Path, Events], file: str, stride: int
) -> None:
    directory, expected = sample
    for byte, _ in flips(directory / file, stride):
        spoiled = byte // EVENT.itemsize if file == "events.bin" else -1
        found = read_everything(directory)
        assert is_prefix(found, expected, except_for=spoiled)
        assert found is not None or file == "run.json"
        assert found is None or len(found) >= (spoiled if file == "events.bin" else 0)
        assert file != "values.safetensors" or found is None or len(found) == len(expected)


@settings(max_examples=60)
@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_arbitrary_bytes_are_refused_or_cut(run: bytes, events: bytes, kept: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        write_sample(directory)
        (directory / "events.bin").write_bytes(events)
        (directory / "values.safetensors").write_bytes(kept)
        found = read_everything(directory)
        assert found is not None
        assert found.tobytes() == events[: found.nbytes]
        (directory / "run.json").write_bytes(run)
        assert refusal(directory).code == "trace-corrupt"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("kind", 0, "kind"),
        ("kind", 1 + max(EventKind), "kind"),
        ("phase", 5, "phase"),
        ("step", -1, "step"),
        ("name", 2, "name"),
        ("module", 2**32 - 1, "module"),
        ("location", 1, "location"),
        ("thread", 1, "thread"),
    ],
)
def test_the_trace_is_cut_at_the_first_event_with_an_unknown_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: int, reason: str
) -> None:
    monkeypatch.setattr(reader, "_CHUNK", 2)
    live = new_writer(tmp_path)
    for number in range(6):
        op(live, number=number)
    live.close(DONE, 1)
    written = np.fromfile(tmp_path / "events.bin", EVENT)
    broken = written.copy()
    broken[field][[3, 4]] = value
    broken.tofile(tmp_path / "events.bin")
    trace = Trace.open(tmp_path)
    assert (trace.events == written[:3]).all()
    assert (
        trace.damage
        == f"events.bin is used up to event 3 of 6: the {reason} of that event is unknown"
    )


@pytest.mark.parametrize("kind", [EventKind.GRADIENT, EventKind.ALERT, EventKind.ENTROPY])
def test_the_text_that_an_event_names_must_be_in_the_table(tmp_path: Path, kind: EventKind) -> None:
    live = new_writer(tmp_path)
    live.append(kind, at=Moment(Phase.DATA, 0))
    live.append(kind, at=Moment(Phase.DATA, 0), aux=2**63)
    live.close(DONE, 1)
    trace = Trace.open(tmp_path)
    assert len(trace.events) == 1
    assert "the text of that event" in trace.damage


def test_a_large_trace_is_mapped_and_reads_the_same(
    sample: tuple[Path, Events], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, expected = sample
    monkeypatch.setattr(reader, "_MAPPED_FROM_BYTES", 1)
    events = Trace.open(directory).events
    assert (events == expected).all()
    assert not events.flags.writeable
    os.truncate(directory / "events.bin", 130)
    assert Trace.open(directory).damage == "events.bin ends inside event 2"
    os.truncate(directory / "events.bin", 0)
    assert len(Trace.open(directory).events) == 0


def test_a_huge_hole_instead_of_events_is_cut_at_once(sample: tuple[Path, Events]) -> None:
    directory, expected = sample
    os.truncate(directory / "events.bin", 1 << 36)
    assert len(Trace.open(directory).events) == len(expected)


def test_another_format_version_is_refused_with_both_versions(sample: tuple[Path, Events]) -> None:
    edit_run_file(sample[0], format=99)
    error = refusal(sample[0])
    assert error.code == "trace-version"
    assert "trace format 99, this reproaudit reads 5" in error.message


ROW = {"path": "a.py", "line": 1, "function": "f", "cell": 0}
BAD_FIELDS: list[tuple[str, Any]] = [
    ("magic", "other"),
    ("format", "2"),
    ("format", True),
    ("format", -1),
    ("format", 2**70),
    ("level", "all"),
    ("level", []),
    ("subject", None),
    ("command", "x"),
    ("command", [1]),
    ("settings", []),
    ("environment", {"a": 1}),
    ("event_dtype", []),
    ("strings", []),
    ("strings", {}),
    ("strings", ["", 1]),
    ("locations", []),
    ("locations", {"path": ROW}),
    ("locations", [{}]),
    ("locations", [ROW | {"line": -1}]),
    ("locations", [ROW | {"line": 2**31}]),
    ("locations", [ROW | {"line": 1.5}]),
    ("locations", [ROW | {"x": ""}]),
    ("locations", [ROW | {"path": None}]),
    ("threads", []),
    ("steps", 2**31),
    ("steps", True),
    ("steps", None),
    ("events", -1),
    ("events", 1e300),
    ("outcome", None),
    ("outcome", {}),
    ("outcome", {"kind": "won", "code": None, "detail": ""}),
    ("outcome", {"kind": [], "code": None, "detail": ""}),
    ("outcome", {"kind": "exited", "code": 2**40, "detail": ""}),
    ("outcome", {"kind": "exited", "code": 1, "detail": 2}),
    ("changes", [{"what": "", "before": "", "after": "", "location": 9}]),
    ("changes", [1]),
    ("notes", [{"what": "a"}]),
    ("notes", [{"code": "unheard-of", "what": "a", "why": "b"}]),
    ("notes", None),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS, ids=lambda part: str(part)[:40])
def test_a_field_that_is_not_what_it_should_be_is_refused(
    sample: tuple[Path, Events], field: str, value: Any
) -> None:
    edit_run_file(sample[0], **{field: value})
    assert refusal(sample[0]).code == "trace-corrupt"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"steps": NaN}',
        b'{"steps": -Infinity}',
        b'{"steps": ' + b"1" * 10_000 + b"}",
        b"\xef\xbb\xbf{}",
    ],
    ids=[
        "empty",
        "null",
        "not UTF-8",
        "deep lists",
        "deep objects",
        "NaN",
        "Infinity",
        "huge integer",
        "BOM",
    ],
)
def test_a_run_file_that_is_no_plain_json_object_is_refused(
    sample: tuple[Path, Events], text: bytes
) -> None:
    (sample[0] / "run.json").write_bytes(text)
    assert refusal(sample[0]).code == "trace-corrupt"


def test_a_run_file_larger_than_any_recording_is_refused_unread(
    sample: tuple[Path, Events],
) -> None:
    os.truncate(sample[0] / "run.json", files.MAX_RUN_FILE_BYTES + 1)
    assert "is the most that a recording writes" in refusal(sample[0]).message


def test_text_that_cannot_be_printed_is_read_as_escapes(tmp_path: Path) -> None:
    live = new_writer(tmp_path, environment={"A": "\udcff"})
    name = live.string("caf\udce9 é 😀")
    assert live.location_of(live.location("\udc80.py", 1, "f"))[0] == "\\udc80.py"
    live.close(DONE, 1)
    trace = Trace.open(tmp_path)
    assert trace.strings[name] == "caf\\udce9 é 😀"
    assert trace.header["environment"] == {"A": "\\udcff"}
    edit_run_file(tmp_path, strings=["", "\ud800"])
    assert Trace.open(tmp_path).strings[1] == "\\ud800"


def as_symlink(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def as_dangling_symlink(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere/at/all")


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILERS = [as_symlink, as_dangling_symlink, as_pipe, as_folder]


@pytest.mark.parametrize("spoil", SPOILERS)
@pytest.mark.parametrize("file", ["run.json", "events.bin"])
def test_what_is_no_regular_file_is_refused(
    sample: tuple[Path, Events], file: str, spoil: Callable[[Path], None]
) -> None:
    spoil(sample[0] / file)
    assert refusal(sample[0]).code == "trace-unsafe"


@pytest.mark.parametrize("spoil", SPOILERS)
def test_values_in_what_is_no_regular_file_are_not_used(
    sample: tuple[Path, Events], spoil: Callable[[Path], None]
) -> None:
    directory, expected = sample
    assert Trace.open(directory).values(6)
    spoil(directory / "values.safetensors")
    trace = Trace.open(directory)
    assert (trace.values(6), len(trace.events)) == ((), len(expected))
    assert trace.damage.startswith("no tensor values: ")


@pytest.mark.parametrize("path", ["nothing", "a_file", "empty"])
def test_a_place_without_a_trace_is_named_and_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "a_file").touch()
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / path).code == "trace-missing"


def test_a_trace_whose_events_were_removed_is_refused(sample: tuple[Path, Events]) -> None:
    (sample[0] / "events.bin").unlink()
    assert refusal(sample[0]).code == "trace-missing"


def test_a_null_character_in_the_path_is_refused() -> None:
    with pytest.raises(TraceError, match="null"):
        Trace.open("a\0b")
