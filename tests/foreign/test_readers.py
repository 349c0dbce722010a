"""Small changes of good files: each is read or refused, and nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.foreign.readers import READERS, Reader

_HOSTILE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    10**30,
    10**400,
    -(10**400),
    0.5,
    1e306,
    -1e306,
    5e-324,
    "inf",
    "-inf",
    "nan",
    "",
    "x",
    "\x1b[2J",
    "::error::x",
    "\n::error::x",
    "##[error]x",
    "\ud800",
    "\0",
    "/",
    "..",
    "-",
    "a" * 3000,
    [],
    {},
    [[]],
    [{}],
    {"": None},
    [0] * 40,
)
_BYTES = (b"\0", b"\xff", b"\x1b", b"[" * 200, b"{", b"}", b'"', b"9" * 400, b"1e306", b"\n", b"%")
_WITH_JSON = ("result", "baseline", "plan", "trace-header")
_BY_NAME = {reader.name: reader for reader in READERS}


def _list_places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner += value.items()
    elif isinstance(value, list):
        inner += enumerate(value)
    found = [above] if above else []
    for key, one in inner:
        found += _list_places(one, (*above, key))
    return found


def _change_document(draw: st.DrawFn, data: bytes) -> bytes:
    document = json.loads(data)
    places = _list_places(document)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(places))
        inside = document
        try:
            for key in above:
                inside = inside[key]
            if draw(st.booleans()):
                inside[last] = draw(st.sampled_from(_HOSTILE))
            elif isinstance(inside, list):
                inside += inside * 2
            else:
                del inside[last]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken the place away
    return json.dumps(document).encode()


def _change_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 64)))
        new = draw(st.sampled_from((b"", data[start:end] * 2, *_BYTES)) | st.binary(max_size=8))
        data = data[:start] + new + data[end:]
        if draw(st.integers(0, 9)) == 0:
            data = data[: draw(st.integers(0, len(data)))]
    return data


@st.composite
def changed_files(draw: st.DrawFn, reader: Reader) -> bytes:
    data = draw(st.sampled_from(reader.seeds))
    if reader.name in _WITH_JSON and draw(st.integers(0, 3)):
        return _change_document(draw, data)
    return _change_bytes(draw, data)


@pytest.mark.parametrize("name", _BY_NAME)
def test_a_good_file_is_read(name: str) -> None:
    reader = _BY_NAME[name]
    assert reader.seeds
    assert not any(map(reader.survives, reader.seeds))


@pytest.mark.slow
@pytest.mark.parametrize("name", _BY_NAME)
def test_a_changed_file_is_read_or_refused(name: str) -> None:
    reader = _BY_NAME[name]

    # To open a trace and to compare it takes longer than to read a text.
    examples = 25 if name.startswith("trace-") else 60

    @settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(changed_files(reader))
    def read(data: bytes) -> None:
        reader.survives(data)

    read()
