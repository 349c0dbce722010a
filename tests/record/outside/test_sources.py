"""The table of calls that are watched."""

from __future__ import annotations

import multiprocessing
from typing import Any

from reproaudit.record.outside.sources import list_watched_calls
from reproaudit.record.outside.watched_calls import WatchedCall

CALLS = list(list_watched_calls())


def find(name: str) -> WatchedCall:
    return next(call for call in CALLS if call.name == name)


def test_every_call_is_there_in_this_python_and_torch() -> None:
    missing = [
        call.name for call in CALLS if not callable(getattr(call.owner, call.attribute, None))
    ]
    assert missing == []


def test_no_attribute_is_wrapped_twice_for_one_name() -> None:
    places = [(call.owner, call.attribute, call.name) for call in CALLS]
    assert len(set(places)) == len(places)


def test_text_of_a_process_is_compared_in_full_and_shown_by_its_start() -> None:
    value = find("subprocess.check_output").value
    assert value is not None
    output: Any = value(b"a" * 5000, (), {})
    assert len(output.content) == 5000
    assert len(output.shown) < 4200
    assert value(None, (), {}) is None


def test_a_lock_counts_where_worker_processes_take_it() -> None:
    call = find("multiprocessing.Lock")
    assert call.counts is not None
    assert not call.counts((), {})
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        assert pool.apply(call.counts, ((), {}))
