"""Which `run.json` is refused, and with which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reproaudit.errors import TraceError
from reproaudit.trace.header import check_header
from reproaudit.trace.schema import FORMAT_VERSION, WholeHeader
from tests.trace.sample import write_sample

PATH = Path("run.json")


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Any]:
    write_sample(tmp_path / "t")
    header: dict[str, Any] = json.loads((tmp_path / "t" / "run.json").read_text())
    return header


def test_fields_that_the_format_does_not_have_are_left_out(found: dict[str, Any]) -> None:
    checked = check_header(PATH, found | {"later": 1})
    assert checked == found
    assert checked.keys() == WholeHeader.__annotations__.keys()


@pytest.mark.parametrize("field", sorted(WholeHeader.__annotations__.keys() - {"magic", "format"}))
def test_a_field_that_is_missing_is_named(found: dict[str, Any], field: str) -> None:
    del found[field]
    with pytest.raises(TraceError, match=f"its field '{field}' is missing"):
        check_header(PATH, found)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("level", "everything"),
        ("strings", []),
        ("strings", ["", 1]),
        ("command", "train.py"),
        ("environment", {"torch": 2}),
        ("steps", -1),
        ("steps", True),
        ("events", 1 << 63),
        ("event_dtype", []),
        ("locations", [{"path": "", "line": 0}]),
        ("locations", [{"path": "", "line": "0", "function": "", "cell": 0}]),
        ("locations", [{"path": "", "line": 1 << 31, "function": "", "cell": 0}]),
        ("locations", [{"path": "", "line": 0, "other": ""}]),
        ("notes", [{"code": "no-such-code", "what": "", "why": ""}]),
        ("outcome", {"kind": "completed", "code": 0}),
        ("outcome", {"kind": "vanished", "code": 0, "detail": ""}),
        ("outcome", {"kind": "completed", "code": 0.5, "detail": ""}),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_named(
    found: dict[str, Any], field: str, value: object
) -> None:
    with pytest.raises(TraceError, match=f"its field '{field}' is missing or not"):
        check_header(PATH, found | {field: value})


def test_an_unknown_format_is_refused_before_its_fields_are(found: dict[str, Any]) -> None:
    later = {"magic": found["magic"], "format": FORMAT_VERSION + 1}
    with pytest.raises(TraceError) as caught:
        check_header(PATH, later)
    assert caught.value.code == "trace-version"
    assert f"trace format {FORMAT_VERSION + 1}" in caught.value.message


def test_what_another_program_wrote_is_no_trace(found: dict[str, Any]) -> None:
    with pytest.raises(TraceError, match="no reproaudit trace"):
        check_header(PATH, found | {"magic": "other"})


def test_a_change_must_name_a_line_of_the_table(found: dict[str, Any]) -> None:
    change = found["changes"][0] | {"location": len(found["locations"])}
    with pytest.raises(TraceError, match="a location that is not in its table"):
        check_header(PATH, found | {"changes": [change]})
