"""Strings, lines of code and threads as small numbers."""

from __future__ import annotations

import json

import pytest

from reproaudit.trace import tables
from reproaudit.trace.tables import Tables


def test_the_same_entry_has_the_same_number_and_number_0_is_nothing_known() -> None:
    made = Tables()
    assert [made.string(text) for text in ("", "loss", "relu", "loss")] == [0, 1, 2, 1]
    assert made.location("", 0, "") == 0
    assert made.location("train.py", 4, "step") == made.location("train.py", 4, "step") == 1
    assert made.location_of(1) == ("train.py", 4, "step", 0)
    assert [made.thread(name) for name in ("MainThread", "loader", "loader")] == [0, 1, 1]


def test_the_revision_moves_only_when_a_table_grows() -> None:
    made = Tables()
    before = made.revision
    made.string("loss")
    made.string("loss")
    made.thread("loader")
    assert made.revision == before + 2


def test_tables_that_are_full_give_number_0_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_TABLE_BYTES", 200)
    made = Tables()
    numbers = [made.string(f"a made-up name, number {number}") for number in range(20)]
    assert made.is_full
    assert 0 < numbers.index(0) < 10
    assert made.string("") == 0
    strings = json.loads(made.as_json()["strings"])
    assert strings[numbers[0]] == "a made-up name, number 0"


def test_text_that_no_file_can_hold_is_made_legible() -> None:
    made = Tables()
    number = made.string("\ud800")
    json.loads(made.as_json()["strings"])[number].encode("utf-8")
