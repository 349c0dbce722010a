"""Small changes of good files: each is read or refused, and nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.foreign.changes import change_document
from tests.foreign.readers import READERS, Reader

_BYTES = (b"\0", b"\xff", b"\x1b", b"[" * 200, b"{", b"}", b'"', b"9" * 400, b"1e306", b"\n", b"%")
_BY_NAME = {reader.name: reader for reader in READERS}


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
    if reader.is_json and draw(st.integers(0, 3)):
        return change_document(data, lambda choices: draw(st.sampled_from(choices)))
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
