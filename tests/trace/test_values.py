from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from reproaudit.model.events import EventFlag
from reproaudit.trace import values
from reproaudit.trace.reader import Trace
from reproaudit.trace.values import ValuesWriter, read_index
from tests.trace.sample import DONE, FLOATS, new_writer, op

KNOWN = sorted(values._ITEM_BYTES.items())

any_tensor = st.sampled_from(KNOWN).flatmap(
    lambda known: st.lists(st.integers(0, 4), max_size=3).flatmap(
        lambda shape: st.binary(
            min_size=int(np.prod(shape)) * known[1], max_size=int(np.prod(shape)) * known[1]
        ).map(lambda data: (known[0], tuple(shape), data))
    )
)


def write_file(path: Path, header: Any, data: bytes = bytes(64)) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


@given(st.lists(any_tensor, min_size=1, max_size=6), st.data())
def test_tensors_of_every_dtype_are_read_back_and_safetensors_opens_the_file(
    tensors: list[tuple[str, tuple[int, ...], bytes]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.safetensors"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(values, "HEADER_BYTES", 4096)
            writer = ValuesWriter(str(path), 1 << 20)
            for number, tensor in enumerate(tensors):
                assert writer.add(f"5.{number}", *tensor)
                if data.draw(st.booleans()):
                    writer.flush()
                    with safetensors.safe_open(path, "np") as opened:
                        assert f"5.{number}" in opened.keys()  # noqa: SIM118 - it is no dictionary
            writer.flush()
        with safetensors.safe_open(path, "np") as opened:
            assert {f"5.{number}" for number in range(len(tensors))} <= set(opened.keys())
        index = read_index(path)
        found = [(value.dtype, value.shape, value.data.tobytes()) for value in index.read(5)]
        assert (found, index.damage) == (tensors, "")
        assert not any(value.data.flags.writeable for value in index.read(5))


def test_others_read_the_numbers_although_a_tensor_of_odd_length_lies_before(
    tmp_path: Path,
) -> None:
    live = new_writer(tmp_path / "t")
    live.keep(op(live), 0, "bool", (3,), np.array([True, False, True]))
    live.keep(0, 1, "float32", (2, 3), FLOATS)
    live.keep(0, 2, "complex128", (2,), np.array([1j, 2]))
    live.flush(1)
    with safetensors.safe_open(tmp_path / "t" / "values.safetensors", "np") as opened:
        assert opened.get_tensor("0.0").tolist() == [True, False, True]
        assert opened.get_tensor("0.1").tolist() == FLOATS.tolist()
        assert opened.metadata() == {"0.2": "complex128[2]"}
        assert opened.get_tensor("0.2").view(np.complex128).tolist() == [1j, 2]


def test_kept_tensors_are_flagged_and_found_by_event_in_the_order_of_their_numbers(
    tmp_path: Path,
) -> None:
    live = new_writer(tmp_path / "t")
    for _ in range(12):
        op(live)
    for number in (1000, 10, 2):
        live.keep(11, number, "uint8", (1,), bytes([number % 256]))
    live.close(DONE, 1)
    trace = Trace.open(tmp_path / "t")
    assert [(value.number, value.data.tolist()) for value in trace.values(11)] == [
        (2, [2]),
        (10, [10]),
        (1000, [232]),
    ]
    assert trace.values(1) == ()
    assert [event.number for event in trace.operations(EventFlag.KEPT)] == [11]


def test_a_trace_without_kept_tensors_has_no_values_file(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t", values_budget=3)
    assert not live.keep(op(live), 0, "uint8", (4,), b"abcd")
    live.close(DONE, 1)
    assert not (tmp_path / "t" / "values.safetensors").exists()
    trace = Trace.open(tmp_path / "t")
    assert (trace.values(0), trace.damage) == ((), "")
    assert not trace.op(0).flags & EventFlag.KEPT


def test_the_budget_counts_bytes_and_is_not_used_by_what_was_refused(tmp_path: Path) -> None:
    live = new_writer(tmp_path / "t", values_budget=10)
    assert live.keep(0, 0, "uint8", (6,), b"abcdef")
    assert not live.keep(0, 1, "uint8", (5,), b"abcde")
    assert live.values_left == 4
    assert live.keep(0, 1, "int32", (1,), b"abcd")
    assert live.values_left == 0


@pytest.mark.parametrize(
    ("k", "dtype", "shape", "data"),
    [
        (0, "uint8", (1,), b"x"),
        (1, "float32", (2,), b"1234567"),
        (1, "new", (3,), b"1234"),
        (1, "uint8", (1,) * 33, b"x"),
    ],
)
def test_what_would_make_the_file_invalid_is_not_kept(
    tmp_path: Path, k: int, dtype: str, shape: tuple[int, ...], data: bytes
) -> None:
    live = new_writer(tmp_path / "t")
    assert live.keep(op(live), 0, "uint8", (1,), b"a")
    assert not live.keep(0, k, dtype, shape, data)
    live.close(DONE, 1)
    with safetensors.safe_open(tmp_path / "t" / "values.safetensors", "np") as opened:
        assert list(opened.keys()) == ["0.0"]


def test_a_full_header_refuses_more_tensors_and_stays_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "HEADER_BYTES", 512)
    live = new_writer(tmp_path / "t")
    kept = [live.keep(op(live), 0, "cfloat0", (2,), b"abcd") for _ in range(20)]
    live.close(DONE, 1)
    assert 0 < sum(kept) < 20
    assert kept == sorted(kept, reverse=True)
    with safetensors.safe_open(tmp_path / "t" / "values.safetensors", "np") as opened:
        assert len(opened.keys()) == sum(kept)
    assert [bool(Trace.open(tmp_path / "t").values(event)) for event in range(20)] == kept


U8 = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
BAD_ENTRIES: list[Any] = [
    None,
    [],
    {},
    U8 | {"dtype": "F32"},
    U8 | {"dtype": "F4"},
    U8 | {"dtype": ["U8"]},
    U8 | {"shape": [5]},
    U8 | {"shape": [-4]},
    U8 | {"shape": [2.0, 2]},
    U8 | {"shape": [True, 4]},
    U8 | {"shape": 4},
    U8 | {"shape": [2**32, 2**32, 2**64]},
    U8 | {"shape": [0, 2**62, 2**62], "data_offsets": [0, 0]},
    U8 | {"shape": [1] * 40 + [4]},
    U8 | {"data_offsets": [4, 0]},
    U8 | {"data_offsets": [-4, 0]},
    U8 | {"data_offsets": [61, 65]},
    U8 | {"data_offsets": [2**64, 2**64 + 4]},
    U8 | {"data_offsets": [0, 4, 4]},
    U8 | {"data_offsets": [0]},
]


@pytest.mark.parametrize("entry", BAD_ENTRIES, ids=json.dumps)
def test_an_inconsistent_entry_is_refused_and_its_neighbour_is_not(
    tmp_path: Path, entry: Any
) -> None:
    index = read_index(write_file(tmp_path / "v", {"0.0": U8, "0.1": entry}))
    assert [value.number for value in index.read(0)] == [0]
    assert index.damage == "v: tensors that are cut off or corrupt and not used: 1"


@pytest.mark.parametrize(
    "text",
    [
        1,
        None,
        "",
        "float32",
        "float32[2]",
        "float32[-1]",
        "F[4]",
        "new[3]",
        "float32[1" + ", 1" * 40 + "]",
        "new[٤]",
    ],
)
def test_a_true_dtype_that_does_not_fit_the_bytes_is_refused(tmp_path: Path, text: Any) -> None:
    index = read_index(
        write_file(
            tmp_path / "v", {"__metadata__": {"0.0": text, "0.1": "new[2]"}, "0.0": U8, "0.1": U8}
        )
    )
    expected = [1] if text is not None else [0, 1]
    assert [value.number for value in index.read(0)] == expected


@pytest.mark.parametrize(
    "name",
    ["0", "0.", ".0", "0.0.0", "00.0", "0.00", "-1.0", "0.-1", "٣.0", "0.0\n", "9" * 5000 + ".0"],
)
def test_names_that_are_no_tensor_of_an_event_are_passed_over(tmp_path: Path, name: str) -> None:
    index = read_index(write_file(tmp_path / "v", {name: U8}))
    assert (index.by_event, index.damage) == ({}, "")


@pytest.mark.parametrize(
    "header",
    [b"", b"[]", b"{", b"\xff\xff", b"[" * 100_000, b'{"0.0":' + b"9" * 5000 + b"}", b"NaN"],
)
def test_a_header_that_is_no_object_gives_no_values(tmp_path: Path, header: bytes) -> None:
    index = read_index(write_file(tmp_path / "v", header))
    assert index.by_event == {}
    assert index.damage.startswith("no tensor values: ")


@pytest.mark.parametrize("length", [0, 57, 1 << 40, (1 << 64) - 1])
def test_a_header_length_that_cannot_be_gives_no_values(tmp_path: Path, length: int) -> None:
    (tmp_path / "v").write_bytes(length.to_bytes(8, "little") + b"{}".ljust(56))
    assert "its header cannot have" in read_index(tmp_path / "v").damage


def test_a_values_file_that_shrank_after_opening_is_an_error_and_no_crash(tmp_path: Path) -> None:
    from reproaudit.errors import TraceError

    index = read_index(write_file(tmp_path / "v", {"0.0": U8}))
    (tmp_path / "v").write_bytes(b"")
    with pytest.raises(TraceError, match="become shorter"):
        index.read(0)
